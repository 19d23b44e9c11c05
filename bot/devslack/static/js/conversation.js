// The middle: one channel or direct message.

import { act } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { buildComposer } from "./composer.js";
import { fill, h, holdFocus, icon } from "./dom.js";
import { drawHistory } from "./history.js";
import { MessageList } from "./message_list.js";
import { avatar, channelLabel } from "./people.js";
import { goToList } from "./route.js";
import { drawNotice } from "./setup.js";
import { isTopLevel, listChannel, store } from "./store.js";

const TABS = [["home", "Home"], ["messages", "Messages"], ["history", "History"]];

export class Conversation {
  constructor() {
    this.node = h("main", { class: "conversation" });
    this.channelId = "";
    this.me = "";
    this.tab = "messages";
  }

  /** Show a channel; the same channel for the same person is updated in place. */
  show(channelId) {
    const channel = store.channels.get(channelId);
    if (!channel) {
      this.channelId = "";
      fill(this.node, h("div", { class: "empty" }, h("p", {}, "Choose a channel.")));
      return;
    }
    if (this.channelId !== channelId || this.me !== store.me) this.build(channel);
    this.update();
  }

  build(channel) {
    this.channelId = channel.id;
    this.me = store.me;
    this.tab = "messages";
    this.unreadAfter = channel.read === "0" ? "" : channel.read;
    const label = channelLabel(channel);
    const name = channel.is_im ? label : `#${label}`;
    this.list = new MessageList(`Messages in ${name}`, { channel, inThread: false });
    this.composer = buildComposer(`Message ${name}`, { channel }, () => {
      this.unreadAfter = "";
      this.list.goToEnd();
      this.update();
    });
    this.notice = h("div", { class: "notice-place" });
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Views", on: { keydown: (event) => this.moveTab(event) } },
      TABS.map(([name, text]) => h("button", { type: "button", role: "tab", dataset: { tab: name }, on: { click: () => this.choose(name) } }, text)));
    this.home = h("div", { class: "home blocks", role: "tabpanel", tabindex: "0", "aria-label": "Home" });
    this.drawnHome = undefined;
    this.history = h("div", { class: "history", role: "tabpanel", "aria-label": "History" });
    this.empty = h("div", { class: "welcome" }, drawWelcome(channel));
    this.suggestions = h("div", { class: "suggested", role: "group", "aria-label": "Suggested questions" });
    this.list.scroller.prepend(this.empty);
    fill(
      this.node,
      h("header", { class: "bar" },
        h("button", { type: "button", class: "icon-button back", "aria-label": "Back to channels", on: { click: goToList } }, icon("back")),
        channel.is_im ? avatar(store.app.user, "small") : icon(channel.is_private ? "lock" : "hash"),
        h("h2", {}, label), channel.is_ext_shared && h("span", { class: "badge warn" }, "Shared with another workspace"),
        h("span", { class: "topic" }, channel.is_im ? store.app.description : channel.topic?.value)),
      this.tabs, this.notice, this.home, this.history, this.list.scroller, this.suggestions, this.composer.form,
    );
    const isThreadOpen = document.querySelector(".thread:not([hidden])");
    if (matchMedia("(hover: hover)").matches && !isThreadOpen) this.composer.input.focus();
    this.list.goToEnd();
    if (channel.is_im) act("open_home", { as: store.me, tab: "messages" });
  }

  update() {
    const channel = store.channels.get(this.channelId);
    if (!channel) return;
    const messages = listChannel(channel.id);
    this.list.update(messages, { unreadAfter: this.unreadAfter });
    this.empty.hidden = messages.length > 3;
    fill(this.notice, drawNotice());
    this.drawSuggestions(channel);
    this.drawTabs(channel);
    this.markRead(channel);
  }

  drawTabs(channel) {
    this.tabs.hidden = !channel.is_im;
    this.home.hidden = this.tab !== "home";
    this.history.hidden = this.tab !== "history";
    this.list.scroller.hidden = this.composer.form.hidden = this.tab !== "messages";
    if (!channel.is_im) return;
    for (const tab of this.tabs.children) {
      const isChosen = tab.dataset.tab === this.tab;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    drawHistory(this.history, channel);
    this.drawHome();
  }

  /** Only if the app drew another one: what did not change keeps the focus, and a press that is on its way. */
  drawHome() {
    if (this.drawnHome === store.home) return;
    this.drawnHome = store.home;
    if (!store.home) {
      fill(this.home, h("p", { class: "empty" }, `${store.app.name} has drawn nothing here yet.`));
      return;
    }
    const press = async (block, element, value) =>
      Boolean((await act("click", { as: store.me, view_id: store.home.id, action_id: element.action_id, block_id: block.block_id, value }))?.acknowledged);
    const giveFocus = holdFocus(this.home);
    fill(this.home, renderBlocks(store.home.blocks, press));
    if (!giveFocus(this.home)) this.home.focus({ preventScroll: true });
  }

  /** Arrow keys go from tab to tab. */
  moveTab(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = TABS.findIndex(([name]) => name === this.tab);
    this.choose(TABS[(at + step + TABS.length) % TABS.length][0]);
    this.tabs.querySelector('[aria-selected="true"]').focus();
  }

  /** What the app offers to ask, until something was asked. */
  drawSuggestions(channel) {
    const offered = channel.is_im && this.tab === "messages" ? store.suggestions : null;
    this.suggestions.hidden = !offered || listChannel(channel.id).length > 0;
    if (this.suggestions.hidden) return;
    const say = (message) => act("say", { as: store.me, channel: channel.id, typed: message, thread_ts: "" });
    fill(this.suggestions, h("span", { class: "suggested-title" }, offered.title || "Suggested"), offered.prompts.map((prompt) =>
      h("button", { type: "button", class: "bk-button", title: prompt.message, on: { click: () => say(prompt.message) } }, prompt.title)));
  }

  choose(tab) {
    this.tab = tab;
    if (tab !== "history") act("open_home", { as: store.me, tab }); // the app is not told who looks at the history
    this.update();
  }

  /** What is on the screen counts as read; the line of what was new stays until the person leaves or writes. */
  markRead(channel) {
    if (document.visibilityState !== "visible" || !this.node.isConnected || this.node.offsetParent === null) return;
    let last = "0";
    for (const message of channel.messages.values()) if (isTopLevel(message) && message.ts > last) last = message.ts;
    if (last > channel.read) {
      channel.read = last;
      act("read", { as: store.me, channel: channel.id, ts: last });
    }
  }
}

function drawWelcome(channel) {
  const bot = store.app.name;
  if (channel.is_im) return [h("h3", {}, bot), h("p", {}, "Write here to talk to ", h("b", {}, bot), " alone. Answers come in threads.")];
  return [
    h("h3", {}, `#${channel.name}`),
    h("p", {}, "Ask ", h("b", {}, `@${bot} why is the shop down?`), " or run a command line, for example ", h("code", {}, `@${bot} kubectl get pods -A`), "."),
  ];
}
