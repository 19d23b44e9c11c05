// Suggestions while writing: people, groups and the app after `@`, commands after `/`, emoji after `:`.

import { h } from "./dom.js";
import { emoji, findEmoji } from "./emoji.js";
import { avatar } from "./people.js";
import { store } from "./store.js";

const MOST = 8;

/** What could complete the text before the cursor: `{ start, options: [{ insert, label, detail, user, sign }] }`, or null. */
export function suggest(text, cursor) {
  const before = text.slice(0, cursor);
  const command = before.match(/^\/([\w-]*)$/);
  if (command) {
    // A command that is complete already needs no suggestion: Enter sends it.
    const options = store.app.commands.filter((name) => name.startsWith(before) && name !== before);
    return pack(0, options.map((name) => ({ insert: `${name} `, label: name, detail: store.app.description, user: store.app.user })));
  }
  const colon = before.match(/(?:^|\s):([a-z0-9_+-]{2,})$/);
  if (colon) {
    const options = findEmoji(colon[1]).map((name) => ({ insert: `:${name}: `, label: `:${name}:`, sign: emoji(name) }));
    return pack(cursor - colon[1].length - 1, options);
  }
  const mention = before.match(/(?:^|\s)@([\w.-]*)$/);
  if (!mention) return null;
  const typed = mention[1].toLowerCase();
  const matches = (...names) => names.some((name) => name.toLowerCase().startsWith(typed));
  const options = [];
  if (matches(store.app.name)) options.push({ insert: `@${store.app.name} `, label: store.app.name, detail: "App", user: store.app.user });
  for (const person of store.people.values()) {
    if (matches(person.name, ...person.real_name.split(" "))) {
      options.push({ insert: `@${person.name} `, label: person.real_name, detail: `@${person.name}`, user: person.id });
    }
  }
  for (const group of store.groups.values()) {
    if (matches(group.handle)) options.push({ insert: `@${group.handle} `, label: `@${group.handle}`, detail: `${group.users.length} people` });
  }
  for (const range of ["here", "channel"]) {
    if (typed && matches(range)) options.push({ insert: `@${range} `, label: `@${range}`, detail: "Notifies everybody here" });
  }
  return pack(cursor - mention[1].length - 1, options);
}

function pack(start, options) {
  return options.length ? { start, options: options.slice(0, MOST) } : null;
}

/** The list of suggestions above a text box. */
export class Suggestions {
  constructor(input, choose) {
    this.input = input;
    this.choose = choose;
    this.id = `suggestions-${Math.random().toString(36).slice(2)}`;
    this.box = h("ul", { class: "suggestions", role: "listbox", id: this.id, "aria-label": "Suggestions", hidden: true });
    this.found = null;
    this.at = 0;
    input.setAttribute("aria-controls", this.id);
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-expanded", "false");
  }

  get isOpen() {
    return this.found !== null;
  }

  refresh() {
    this.found = suggest(this.input.value, this.input.selectionStart);
    this.at = 0;
    this.draw();
  }

  close() {
    this.found = null;
    this.draw();
  }

  move(step) {
    const count = this.found.options.length;
    this.at = (this.at + step + count) % count;
    this.draw();
  }

  accept() {
    this.choose(this.found.start, this.found.options[this.at].insert);
    this.close();
  }

  draw() {
    this.box.replaceChildren();
    this.box.hidden = !this.found;
    this.input.setAttribute("aria-expanded", String(Boolean(this.found)));
    if (!this.found) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    this.found.options.forEach((option, index) => {
      const accept = (event) => {
        event.preventDefault();
        this.at = index;
        this.accept();
      };
      this.box.append(
        h("li", { role: "option", id: `${this.id}-${index}`, "aria-selected": String(index === this.at), on: { mousedown: accept } },
          option.user ? avatar(option.user, "tiny") : h("span", { class: option.sign ? "emoji-sign" : "avatar tiny", "aria-hidden": "true" }, option.sign || "@"),
          h("span", { class: "option-name" }, option.label), h("span", { class: "option-detail" }, option.detail)),
      );
    });
    this.input.setAttribute("aria-activedescendant", `${this.id}-${this.at}`);
  }
}
