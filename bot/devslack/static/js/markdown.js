// Standard Markdown, as `markdown` blocks hold it. Slack's `<…>` markup stays live inside, as in Slack.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { link, renderEntity, unescape } from "./entities.js";

const INLINE = new RegExp(
  [
    "(?<ticks>`+)(?<code>[^`]|[^`][\\s\\S]*?[^`])\\k<ticks>(?!`)",
    "<(?<entity>[^<>\\n]+)>",
    "\\[(?<label>[^\\]\\n]*)\\]\\((?<url>[^)\\s]+)\\)",
    "\\*\\*(?=\\S)(?<bold>[\\s\\S]+?)(?<=\\S)\\*\\*",
    "(?<!\\w)__(?=\\S)(?<bold2>[\\s\\S]+?)(?<=\\S)__(?!\\w)",
    "\\*(?=[^\\s*])(?<italic>[^*\\n]+?)(?<=\\S)\\*",
    "(?<![\\w_])_(?=\\S)(?<italic2>[^_\\n]+?)(?<=\\S)_(?![\\w_])",
    "~~(?<strike>[^~\\n]+)~~",
    ":(?<emoji>[a-z0-9_+'-]+):",
    "(?<bare>https?://[^\\s<>)]+[^\\s<>).,;:!?'\"])",
    "\\\\(?<escaped>[\\\\`*_{}\\[\\]()#+.!|~>-])",
    "(?<line> {0,}\\n)",
  ].join("|"),
  "g",
);

/** Nodes of a Markdown text. */
export function renderMarkdown(text) {
  return renderBlocks(text.replace(/\r\n?/g, "\n").split("\n"));
}

function renderBlocks(lines) {
  const nodes = [];
  let index = 0;
  while (index < lines.length) {
    const [node, next] = readBlock(lines, index);
    if (node) nodes.push(node);
    index = next;
  }
  return nodes;
}

/** The block that begins at a line, and the line after it. */
function readBlock(lines, index) {
  const line = lines[index];
  if (!line.trim()) return [null, index + 1];
  const fence = line.match(/^\s*(```+|~~~+)/);
  if (fence) return readFence(lines, index, fence[1]);
  const heading = line.match(/^(#{1,6})\s+(.*?)\s*#*$/);
  if (heading) return [h(`h${Math.min(6, heading[1].length + 2)}`, {}, renderInline(heading[2])), index + 1];
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) return [h("hr"), index + 1];
  if (/^\s*(?:>|&gt;)/.test(line)) return readQuote(lines, index);
  if (LIST.test(line)) return readList(lines, index);
  if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[index + 1] || "")) return readTable(lines, index);
  return readParagraph(lines, index);
}

const LIST = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;

function readFence(lines, index, mark) {
  let end = index + 1;
  while (end < lines.length && !lines[end].trim().startsWith(mark)) end += 1;
  return [h("pre", {}, h("code", {}, unescape(lines.slice(index + 1, end).join("\n")))), end + 1];
}

function readQuote(lines, index) {
  let end = index;
  while (end < lines.length && /^\s*(?:>|&gt;)/.test(lines[end])) end += 1;
  const inner = lines.slice(index, end).map((line) => line.replace(/^\s*(?:>|&gt;) ?/, ""));
  return [h("blockquote", {}, renderBlocks(inner)), end];
}

function readList(lines, index) {
  const [, indent, bullet] = lines[index].match(LIST);
  const isOrdered = /\d/.test(bullet);
  const items = [];
  let end = index;
  while (end < lines.length) {
    const item = lines[end].match(LIST);
    if (item && item[1].length <= indent.length + 1) {
      if (item[1].length < indent.length || /\d/.test(item[2]) !== isOrdered) break;
      items.push([item[3]]);
    } else if (lines[end].trim() && (item || /^\s{2,}/.test(lines[end]))) {
      items.at(-1).push(lines[end].slice(Math.min(indent.length + 2, lines[end].search(/\S/))));
    } else break;
    end += 1;
  }
  const list = h(isOrdered ? "ol" : "ul", isOrdered ? { start: Number.parseInt(bullet, 10) } : {});
  for (const [first, ...rest] of items) list.append(h("li", {}, renderInline(first), renderBlocks(rest)));
  return [list, end];
}

function readTable(lines, index) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim());
  let end = index + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const head = h("tr", {}, cells(lines[index]).map((cell) => h("th", {}, renderInline(cell))));
  const body = lines.slice(index + 2, end).map((line) => h("tr", {}, cells(line).map((cell) => h("td", {}, renderInline(cell)))));
  return [h("div", { class: "table" }, h("table", {}, h("thead", {}, head), h("tbody", {}, body))), end];
}

function readParagraph(lines, index) {
  let end = index;
  const stops = /^\s*(```|~~~|#{1,6}\s|>|&gt;)/;
  while (end < lines.length && lines[end].trim() && (end === index || !(stops.test(lines[end]) || LIST.test(lines[end])))) end += 1;
  return [h("p", {}, renderInline(lines.slice(index, end).join("\n"))), end];
}

function renderInline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) nodes.push(unescape(text.slice(end, match.index)));
    nodes.push(renderMatch(match));
    end = match.index + match[0].length;
  }
  if (end < text.length) nodes.push(unescape(text.slice(end)));
  return nodes;
}

function renderMatch(match) {
  const found = match.groups;
  if (found.code !== undefined) return h("code", {}, unescape(found.code.trim()));
  if (found.entity !== undefined) return renderEntity(found.entity) || unescape(match[0]);
  if (found.url !== undefined) return link(unescape(found.url), unescape(found.label));
  const bold = found.bold ?? found.bold2;
  if (bold !== undefined) return h("b", {}, renderInline(bold));
  const italic = found.italic ?? found.italic2;
  if (italic !== undefined) return h("i", {}, renderInline(italic));
  if (found.strike !== undefined) return h("s", {}, renderInline(found.strike));
  if (found.emoji !== undefined) return emoji(found.emoji) || match[0];
  if (found.bare !== undefined) return link(unescape(found.bare));
  if (found.escaped !== undefined) return found.escaped;
  return h("br");
}
