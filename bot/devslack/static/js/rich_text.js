// `rich_text` blocks: nothing in them is parsed, everything is said by elements.

import { formatDate } from "./dates.js";
import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { broadcast, channelMention, groupMention, link, userMention } from "./entities.js";

export function renderRichText(block) {
  return h("div", { class: "rich-text" }, block.elements.map(renderPart));
}

function renderPart(part) {
  if (part.type === "rich_text_preformatted") return h("pre", {}, h("code", {}, part.elements.map(renderElement)));
  if (part.type === "rich_text_quote") return h("blockquote", {}, part.elements.map(renderElement));
  if (part.type === "rich_text_list") {
    const items = part.elements.map((item) => h("li", {}, item.elements.map(renderElement)));
    return h(part.style === "ordered" ? "ol" : "ul", { dataset: { indent: part.indent || 0 } }, items);
  }
  return h("div", { class: "rich-section" }, part.elements.map(renderElement));
}

const ELEMENTS = {
  text: (element) => element.text,
  link: (element) => link(element.url, element.text),
  user: (element) => userMention(element.user_id),
  usergroup: (element) => groupMention(element.usergroup_id),
  channel: (element) => channelMention(element.channel_id),
  broadcast: (element) => broadcast(element.range),
  emoji: (element) => emoji(element.name) || `:${element.name}:`,
  date: (element) => formatDate(element.timestamp, element.format),
  color: (element) => element.value,
};

function renderElement(element) {
  const render = ELEMENTS[element.type];
  let node = render ? render(element) : `[${element.type}]`;
  const style = element.style || {};
  if (style.code) node = h("code", {}, node);
  if (style.bold) node = h("b", {}, node);
  if (style.italic) node = h("i", {}, node);
  if (style.strike) node = h("s", {}, node);
  return node;
}
