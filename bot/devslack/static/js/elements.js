// Interactive elements: buttons and selects of messages, inputs of modals.

import { renderText } from "./blocks.js";
import { confirmAction } from "./confirm.js";
import { h } from "./dom.js";
import { findPlace } from "./entities.js";

/** An element of an actions block or an accessory. */
export function renderElement(block, element, press) {
  if (element.type === "button") return renderButton(block, element, press);
  if (element.type === "static_select" || element.type === "overflow") return renderSelect(block, element, press);
  if (element.type === "image") return h("span", { class: "image-note" }, `🖼 ${element.alt_text}`);
  return h("span", { class: "unknown" }, `This page cannot show a ${element.type}.`);
}

function renderButton(block, element, press) {
  const button = h(
    "button",
    { type: "button", class: `bk-button ${element.style || ""}`, "aria-label": element.accessibility_label || null, dataset: { actionId: element.action_id } },
    renderText(element.text),
  );
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    if (element.confirm && !(await confirmAction(element.confirm))) return;
    if (element.url) follow(element.url);
    await whileBusy(button, () => press(block, element, element.value || ""));
  });
  return button;
}

/** Go where a button leads: on this page, if that is one of its own permalinks. */
function follow(url) {
  const place = findPlace(url);
  if (place) location.hash = place;
  else open(url, "_blank", "noopener,noreferrer");
}

/** Show that an action is on its way, and mark it if the app did not answer. */
async function whileBusy(control, work) {
  control.setAttribute("aria-busy", "true");
  control.classList.remove("failed");
  const acknowledged = await work();
  control.removeAttribute("aria-busy");
  if (!acknowledged) control.classList.add("failed");
}

function renderSelect(block, element, press) {
  const placeholder = element.placeholder?.text || (element.type === "overflow" ? "More…" : "Choose…");
  const select = h(
    "select",
    { class: "bk-select", "aria-label": placeholder, dataset: { actionId: element.action_id } },
    h("option", { value: "" }, placeholder),
    (element.options || []).map((option) => h("option", { value: option.value }, option.text.text)),
  );
  select.value = element.initial_option?.value || "";
  select.addEventListener("change", async () => {
    if (!select.value) return;
    if (element.confirm && !(await confirmAction(element.confirm))) {
      select.value = "";
      return;
    }
    await whileBusy(select, () => press(block, element, select.value));
  });
  return select;
}

/** An input block of a modal: label, control, hint, room for an error. */
export function renderInput(block) {
  const control = renderControl(block.element);
  const id = `input-${block.block_id}`;
  control.id = id;
  control.dataset.actionId = block.element.action_id;
  control.dataset.blockId = block.block_id;
  if (!block.optional) control.setAttribute("aria-required", "true");
  control.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
  return h(
    "div",
    { class: "block input", dataset: { inputBlock: block.block_id } },
    h("label", { for: id }, renderText(block.label), block.optional && h("span", { class: "optional" }, " (optional)")),
    control,
    h("div", { class: "hint", id: `${id}-hint` }, renderText(block.hint)),
    h("div", { class: "error", id: `${id}-error`, role: "alert" }),
  );
}

function renderControl(element) {
  const placeholder = element.placeholder?.text || "";
  if (element.type === "static_select" || element.type === "radio_buttons") {
    const select = h("select", {}, h("option", { value: "" }, placeholder || "Choose…"),
      element.options.map((option) => h("option", { value: option.value }, option.text.text)));
    select.value = element.initial_option?.value || "";
    return select;
  }
  const limits = { minlength: element.min_length || null, maxlength: element.max_length || 3000, placeholder };
  if (element.multiline) return h("textarea", { rows: 4, ...limits, value: element.initial_value || "" });
  const type = { number_input: "number", email_text_input: "email", url_text_input: "url", datepicker: "date", timepicker: "time" }[element.type];
  return h("input", { type: type || "text", ...limits, value: element.initial_value || element.initial_date || element.initial_time || "" });
}
