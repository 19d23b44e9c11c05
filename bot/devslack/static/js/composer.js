// Where a person writes: Enter sends, Shift+Enter makes a line, `/…` is a command.

import { act } from "./api.js";
import { Suggestions } from "./autocomplete.js";
import { h, icon } from "./dom.js";
import { store } from "./store.js";

const drafts = new Map(); // "me/channel/thread" → text

/** `place`: { channel, thread }. `sent` is called after a message went out. */
export function buildComposer(label, place, sent) {
  const key = `${store.me}/${place.channel.id}/${place.thread || ""}`;
  const input = h("textarea", { rows: 1, "aria-label": label, placeholder: label, enterkeyhint: "send", autocapitalize: "sentences", autocomplete: "off" });
  input.value = drafts.get(key) || "";
  const button = h("button", { type: "submit", class: "send", "aria-label": "Send message", title: "Send (Enter)" }, icon("send"));
  const suggestions = new Suggestions(input, (start, text) => {
    const rest = input.value.slice(input.selectionStart);
    input.value = input.value.slice(0, start) + text + rest;
    input.selectionStart = input.selectionEnd = start + text.length;
    changed();
  });

  function changed() {
    drafts.set(key, input.value);
    button.disabled = !input.value.trim();
    grow(input);
  }

  async function send() {
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    suggestions.close();
    changed();
    const common = { as: store.me, channel: place.channel.id, thread_ts: place.thread || "" };
    const isCommand = /^\/[\w-]/.test(text);
    const answer = isCommand ? await act("slash", { ...common, line: text }) : await act("say", { ...common, typed: text });
    if (answer) sent();
    else if (!input.value) {
      input.value = text; // nothing typed is ever lost
      changed();
    }
  }

  input.addEventListener("input", () => {
    changed();
    suggestions.refresh();
  });
  input.addEventListener("blur", () => suggestions.close());
  input.addEventListener("keydown", (event) => onKey(event, suggestions, send));
  const form = h("form", { class: "composer", on: { submit: (event) => { event.preventDefault(); send(); } } },
    suggestions.box, h("div", { class: "composer-box" }, input, button));
  changed();
  requestAnimationFrame(() => grow(input));
  return { form, input };
}

function onKey(event, suggestions, send) {
  if (event.isComposing) return;
  if (suggestions.isOpen) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (moves[event.key]) {
      event.preventDefault();
      suggestions.move(moves[event.key]);
      return;
    }
    if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) {
      event.preventDefault();
      suggestions.accept();
      return;
    }
    if (event.key === "Escape") {
      event.stopPropagation();
      suggestions.close();
      return;
    }
  }
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    send();
  }
}

function grow(input) {
  input.style.height = "auto";
  if (input.scrollHeight) input.style.height = `${Math.min(input.scrollHeight, 240)}px`;
}
