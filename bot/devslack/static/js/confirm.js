// The confirm dialog of buttons. It is all in the client: the app sees the click only after it.

import { renderText } from "./blocks.js";
import { h } from "./dom.js";

/** Ask; resolves to whether the person went on. */
export function confirmAction(confirm) {
  return new Promise((resolve) => {
    const isDanger = confirm.style === "danger";
    const dialog = h(
      "dialog",
      { class: "dialog small", "aria-labelledby": "confirm-title" },
      h("h2", { id: "confirm-title" }, renderText(confirm.title)),
      h("div", { class: "dialog-body" }, renderText(confirm.text)),
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { type: "button", class: "plain-button", on: { click: () => dialog.close("no") } }, renderText(confirm.deny)),
        h("button", { type: "button", class: `plain-button ${isDanger ? "danger" : "primary"}`, on: { click: () => dialog.close("yes") } }, renderText(confirm.confirm)),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
