// The modal on top of the person's stack.

import { act } from "./api.js";
import { renderBlocks, renderText } from "./blocks.js";
import { h } from "./dom.js";
import { onChange, store } from "./store.js";

let dialog = null;
let shownHash = "";

export function startModals() {
  onChange((what) => {
    if (what === "views" || what === "state") show();
  });
}

function show() {
  const view = store.views.at(-1);
  if (!view) {
    dialog?.remove();
    dialog = null;
    shownHash = "";
    return;
  }
  if (view.hash === shownHash && dialog) return;
  const typed = dialog && dialog.dataset.viewId === view.id ? readValues(dialog) : {};
  const fresh = build(view);
  dialog?.remove();
  dialog = fresh;
  shownHash = view.hash;
  document.body.append(dialog);
  restoreValues(dialog, typed);
  dialog.showModal();
  dialog.querySelector("input, textarea, select")?.focus();
}

function build(view) {
  const press = async (block, element, value) => {
    const answer = await act("click", { as: store.me, view_id: view.id, action_id: element.action_id, block_id: block.block_id, value });
    return Boolean(answer?.acknowledged);
  };
  const close = (all) => act("close_view", { as: store.me, view_id: view.id, all });
  const form = h(
    "form",
    { on: { submit: (event) => submit(event, view) }, novalidate: true },
    h("div", { class: "dialog-head" }, h("h2", { id: "modal-title" }, renderText(view.title)),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => close(true) } }, "✕")),
    h("div", { class: "dialog-body blocks" }, renderBlocks(view.blocks, press)),
    h(
      "div",
      { class: "dialog-actions" },
      h("span", { class: "by-app" }, store.app.name),
      h("button", { type: "button", class: "plain-button", on: { click: () => close(false) } }, view.close ? renderText(view.close) : view.submit ? "Cancel" : "Close"),
      view.submit && h("button", { type: "submit", class: "plain-button primary" }, renderText(view.submit)),
    ),
    h("div", { class: "dialog-problem", role: "alert" }),
  );
  const built = h("dialog", { class: "dialog", "aria-labelledby": "modal-title", dataset: { viewId: view.id } }, form);
  built.addEventListener("cancel", (event) => {
    event.preventDefault();
    close(false);
  });
  built.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  return built;
}

async function submit(event, view) {
  event.preventDefault();
  const form = event.currentTarget;
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  showErrors(form, {});
  const answer = await act("submit", { as: store.me, view_id: view.id, values: readValues(form) });
  button.disabled = false;
  if (!answer) return;
  showErrors(form, answer.errors || {});
  if (answer.outcome === "timed_out") {
    form.querySelector(".dialog-problem").textContent = `${store.app.name} did not answer in time. Your text is still here; try again.`;
  }
}

function readValues(root) {
  return Object.fromEntries([...root.querySelectorAll("[data-block-id]")].map((control) => [control.dataset.actionId, control.value]));
}

function restoreValues(root, values) {
  for (const control of root.querySelectorAll("[data-block-id]")) {
    if (values[control.dataset.actionId]) control.value = values[control.dataset.actionId];
  }
}

function showErrors(form, errors) {
  form.querySelector(".dialog-problem").textContent = "";
  for (const block of form.querySelectorAll("[data-input-block]")) {
    block.querySelector(".error").textContent = errors[block.dataset.inputBlock] || "";
  }
}
