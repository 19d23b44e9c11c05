// Slack's mrkdwn as nodes.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { renderEntity, unescape } from "./entities.js";

const FENCE = /```\n?([\s\S]*?)\n?```/g;
const INLINE = new RegExp(
  [
    "`(?<code>[^`\\n]+)`",
    "<(?<entity>[^<>\\n]+)>",
    "(?<![\\w*])\\*(?=\\S)(?<bold>[^*\\n]+?)(?<=\\S)\\*(?![\\w*])",
    "(?<![\\w_])_(?=\\S)(?<italic>[^_\\n]+?)(?<=\\S)_(?![\\w_])",
    "(?<![\\w~])~(?=\\S)(?<strike>[^~\\n]+?)(?<=\\S)~(?![\\w~])",
    ":(?<emoji>[a-z0-9_+'-]+):",
    "(?<line>\\n)",
  ].join("|"),
  "g",
);

/** Nodes of a mrkdwn text. */
export function renderMrkdwn(text) {
  const nodes = [];
  let end = 0;
  for (const fence of text.matchAll(FENCE)) {
    nodes.push(...renderLines(text.slice(end, fence.index).replace(/\n$/, "")));
    nodes.push(h("pre", {}, h("code", {}, renderCode(fence[1]))));
    end = fence.index + fence[0].length;
  }
  nodes.push(...renderLines(end ? text.slice(end).replace(/^\n/, "") : text));
  return nodes;
}

/** Text with emoji names only: `plain_text`. */
export function renderPlain(text, hasEmoji = true) {
  if (!hasEmoji) return [text];
  return [text.replace(/:([a-z0-9_+'-]+):/g, (whole, name) => emoji(name) || whole)];
}

function renderLines(text) {
  if (!text) return [];
  const nodes = [];
  let quote = [];
  let plain = [];
  const flushPlain = () => {
    if (plain.length) nodes.push(...renderInline(plain.join("\n")));
    plain = [];
  };
  const flushQuote = () => {
    if (quote.length) nodes.push(h("blockquote", {}, renderInline(quote.join("\n"))));
    quote = [];
  };
  for (const line of text.split("\n")) {
    const quoted = line.match(/^(?:&gt;|>) ?(.*)$/);
    if (quoted) {
      flushPlain();
      quote.push(quoted[1]);
    } else {
      flushQuote();
      plain.push(line);
    }
  }
  flushQuote();
  flushPlain();
  return nodes;
}

/** Nodes of one run of text: emphasis, code, entities, emoji, line ends. */
export function renderInline(text) {
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
  if (found.code !== undefined) return h("code", {}, renderCode(found.code));
  if (found.entity !== undefined) return renderEntity(found.entity) || unescape(match[0]);
  if (found.bold !== undefined) return h("b", {}, renderInline(found.bold));
  if (found.italic !== undefined) return h("i", {}, renderInline(found.italic));
  if (found.strike !== undefined) return h("s", {}, renderInline(found.strike));
  if (found.emoji !== undefined) return emoji(found.emoji) || match[0];
  return h("br");
}

/** Code keeps its characters, but mentions and links in it are live in Slack, so they are here. */
function renderCode(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(/<([^<>\n]+)>/g)) {
    const node = renderEntity(match[1]);
    if (!node) continue;
    nodes.push(unescape(text.slice(end, match.index)), node);
    end = match.index + match[0].length;
  }
  nodes.push(unescape(text.slice(end)));
  return nodes;
}
