// The left side: who the person is, the channels, the app.

import { act } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { avatar, nameOf, roleOf } from "./people.js";
import { go } from "./route.js";
import { countUnread, store } from "./store.js";

export class Sidebar {
  constructor(switchPerson) {
    this.switchPerson = switchPerson;
    this.isMenuOpen = false;
    this.drawn = "";
    this.node = h("aside", { class: "sidebar", "aria-label": "Workspace" });
    document.addEventListener("click", (event) => {
      if (this.isMenuOpen && !event.target.closest(".who")) this.toggleMenu(false);
    });
    this.node.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && this.isMenuOpen) {
        event.preventDefault();
        const items = [...this.node.querySelectorAll(".who-menu button")];
        items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
      }
      if (event.key === "Escape" && this.isMenuOpen) {
        event.stopPropagation();
        this.toggleMenu(false);
        this.node.querySelector(".who-button").focus();
      }
    });
  }

  /** Draw again if anything in it changed; otherwise an open menu and the focus stay as they are. */
  draw(current) {
    const channels = [...store.channels.values()];
    const unread = channels.map((channel) => [channel.id, channel.name, channel.is_ext_shared, countUnread(channel)]);
    const signature = JSON.stringify([store.me, current, store.connections > 0, [...store.people.values()], unread]);
    if (signature === this.drawn) return;
    this.drawn = signature;
    const hadFocus = document.activeElement?.closest?.(".sidebar") && document.activeElement.getAttribute("href");
    fill(
      this.node,
      h("div", { class: "workspace" }, h("img", { src: "/static/img/bot.svg", alt: "", class: "workspace-icon" }), h("h1", {}, store.workspace.name)),
      this.drawWho(),
      h("nav", { "aria-label": "Channels" }, h("h2", {}, "Channels"),
        h("ul", {}, channels.filter((channel) => !channel.is_im).map((channel) => drawChannel(channel, current)))),
      h("nav", { "aria-label": "Apps" }, h("h2", {}, "Apps"),
        h("ul", {}, channels.filter((channel) => channel.is_im).map((channel) => drawApp(channel, current)))),
      h("p", { class: "about" }, "A local Slack to try and test with. Only this machine reaches it, and everybody on it can be anybody."),
    );
    if (hadFocus) this.node.querySelector(`a[href="${hadFocus}"]`)?.focus();
  }

  drawWho() {
    const me = store.people.get(store.me);
    const items = [...store.people.values()].map((person) =>
      h("li", { role: "none" },
        h("button", { type: "button", role: "menuitemradio", "aria-checked": String(person.id === store.me), "aria-label": `${person.real_name}, ${roleOf(person)}`, on: { click: () => this.choose(person.id) } },
          avatar(person.id, "small"), h("span", { class: "who-text" }, h("b", {}, person.real_name), h("span", {}, roleOf(person))),
          person.id === store.me && icon("check"))));
    const button = h(
      "button",
      { type: "button", class: "who-button", "aria-haspopup": "menu", "aria-expanded": String(this.isMenuOpen), "aria-label": `You are ${me.real_name}`, on: { click: () => this.toggleMenu(!this.isMenuOpen) } },
      avatar(me.id, "small"), h("span", { class: "who-text" }, h("b", {}, me.real_name), h("span", {}, roleOf(me))), icon("down"),
    );
    return h("div", { class: "who" }, button, h("ul", { class: "who-menu", role: "menu", "aria-label": "Be somebody else", hidden: !this.isMenuOpen }, items));
  }

  toggleMenu(isOpen) {
    this.isMenuOpen = isOpen;
    const button = this.node.querySelector(".who-button");
    button.setAttribute("aria-expanded", String(isOpen));
    this.node.querySelector(".who-menu").hidden = !isOpen;
    if (isOpen) this.node.querySelector('[aria-checked="true"]')?.focus();
  }

  choose(person) {
    this.toggleMenu(false);
    this.switchPerson(person);
  }
}

function drawChannel(channel, current) {
  const { count, mentions } = countUnread(channel);
  return drawLink(channel, current, count > 0, mentions, icon(channel.is_private ? "lock" : "hash"), channel.name, channel.is_ext_shared && "shared");
}

function drawApp(channel, current) {
  const { count } = countUnread(channel);
  const presence = h("span", { class: `presence ${store.connections ? "on" : ""}`, title: store.connections ? "Connected" : "Not connected" });
  return drawLink(channel, current, count > 0, count, h("span", { class: "app-face" }, avatar(store.app.user, "tiny"), presence), nameOf(store.app.user));
}

function drawLink(channel, current, isUnread, badge, image, name, note) {
  const open = (event) => {
    event.preventDefault();
    if (channel.is_im) act("open_home", { as: store.me, tab: "messages" });
    go(channel.id);
  };
  const label = [name, isUnread && "unread", badge > 0 && `${badge} for you`].filter(Boolean).join(", ");
  return h(
    "li",
    {},
    h("a", { href: `#${channel.id}`, class: isUnread ? "unread" : "", "aria-current": channel.id === current ? "page" : null, "aria-label": label, on: { click: open } },
      image, h("span", { class: "channel-name" }, name), note && h("span", { class: "note" }, note), badge > 0 && h("span", { class: "count" }, String(badge))),
  );
}
