// Short notices that go away by themselves.

import { h } from "./dom.js";

const SHOWN_MS = 7000;
const region = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
document.body.append(region);

export function toast(text) {
  const note = h("div", { class: "toast" }, text);
  region.append(note);
  setTimeout(() => note.remove(), SHOWN_MS);
}
