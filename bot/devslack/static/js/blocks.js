// Block Kit: blocks to nodes. `press(block, element, value)` sends an action and says whether the app answered.

import { h } from "./dom.js";
import { renderElement, renderInput } from "./elements.js";
import { renderMarkdown } from "./markdown.js";
import { renderMrkdwn, renderPlain } from "./mrkdwn.js";
import { renderRichText } from "./rich_text.js";

/** All blocks in order. An unknown one shows what it is instead of hiding. */
export function renderBlocks(blocks, press) {
  return blocks.map((block) => {
    const render = BLOCKS[block.type];
    return render ? render(block, press) : h("div", { class: "block unknown" }, `This page cannot show a ${block.type} block.`);
  });
}

/** A text object: `plain_text` or `mrkdwn`. */
export function renderText(text) {
  if (!text) return [];
  return text.type === "mrkdwn" ? renderMrkdwn(text.text) : renderPlain(text.text, text.emoji !== false);
}

const BLOCKS = {
  section: (block, press) => {
    const accessory = block.accessory && h("div", { class: "accessory" }, renderElement(block, block.accessory, press));
    const fields = block.fields && h("div", { class: "fields" }, block.fields.map((field) => h("div", {}, renderText(field))));
    return h("div", { class: "block section" }, h("div", { class: "section-text" }, renderText(block.text), fields), accessory);
  },
  header: (block) => h("h3", { class: "block header" }, renderText(block.text)),
  divider: () => h("hr", { class: "block" }),
  context: (block) =>
    h("div", { class: "block context" }, block.elements.map((item) =>
      h("span", { class: "context-item" }, item.type === "image" ? renderImage(item) : renderText(item)))),
  actions: (block, press) =>
    h("div", { class: "block actions" }, block.elements.map((element) => renderElement(block, element, press))),
  markdown: (block) => h("div", { class: "block markdown" }, renderMarkdown(block.text)),
  rich_text: (block) => h("div", { class: "block" }, renderRichText(block)),
  image: (block) => h("figure", { class: "block image" }, renderImage(block), block.title && h("figcaption", {}, renderText(block.title))),
  table: (block) => renderTable(block),
  input: (block) => renderInput(block),
};

/** Nothing is fetched from elsewhere: an image is shown by its description. */
function renderImage(image) {
  return h("span", { class: "image-note", title: image.image_url || "" }, `🖼 ${image.alt_text}`);
}

function renderTable(block) {
  const settings = block.column_settings || [];
  const rows = block.rows.map((row, number) =>
    h("tr", {}, row.map((cell, column) => {
      const style = settings[column] || {};
      const name = `${style.align || "left"}${style.is_wrapped ? " wrapped" : ""}`;
      return h(number ? "td" : "th", { class: name }, cell.type === "rich_text" ? renderRichText(cell) : String(cell.text ?? cell.number ?? ""));
    })));
  return h("div", { class: "block table" }, h("table", {}, h("thead", {}, rows[0]), h("tbody", {}, rows.slice(1))));
}
