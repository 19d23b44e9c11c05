// Slack's `<…>` markup as nodes: mentions, channels, links, dates. It is live wherever Slack makes it live.

import { formatDate } from "./dates.js";
import { h } from "./dom.js";
import { handleOf, isApp } from "./people.js";
import { store } from "./store.js";

/** Undo Slack's three escapes. */
export function unescape(text) {
  return text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

/** The inside of `<…>` as a node, or null if it is none of Slack's. */
export function renderEntity(inside) {
  const [target, label] = splitOnce(inside, "|");
  if (/^@[UW][A-Z0-9]+$/.test(target)) return userMention(target.slice(1));
  if (/^#C[A-Z0-9]+$/.test(target)) return channelMention(target.slice(1), label);
  if (target.startsWith("!subteam^")) return groupMention(target.slice(9), label);
  if (/^!(here|channel|everyone)$/.test(target)) return broadcast(target.slice(1));
  if (target.startsWith("!date^")) return dateNode(target, label);
  if (/^(https?|mailto):/i.test(target)) return link(unescape(target), label === undefined ? undefined : unescape(label));
  return null;
}

export function userMention(user) {
  const mine = user === store.me ? " mine" : "";
  return h("span", { class: `mention${mine}${isApp(user) ? " app" : ""}` }, `@${handleOf(user)}`);
}

export function groupMention(id, label) {
  const group = store.groups.get(id);
  const mine = group?.users.includes(store.me) ? " mine" : "";
  return h("span", { class: `mention${mine}` }, `@${group?.handle || label?.replace(/^@/, "") || id}`);
}

export function channelMention(id, label) {
  const channel = store.channels.get(id);
  return h("a", { class: "mention", href: `#${id}` }, `#${channel?.name || label || id}`);
}

/** Loud on purpose: a bot that lets one through notifies everybody. */
export function broadcast(range) {
  return h("strong", { class: "broadcast", title: `Notifies everybody: @${range}` }, `@${range}`);
}

/** A link that cannot reach back to this page. Only http, https and mailto become links; permalinks stay on the page. */
export function link(url, label) {
  if (!/^(https?|mailto):/i.test(url)) return h("span", {}, label || url);
  const place = findPlace(url);
  if (place) return h("a", { href: place, title: url }, label || url);
  return h("a", { href: url, title: url, target: "_blank", rel: "noopener noreferrer nofollow" }, label || url);
}

/** The place on this page that a permalink means, or null. The local Slack has several loopback names. */
export function findPlace(url) {
  if (!URL.canParse(url)) return null;
  const parsed = new URL(url);
  const path = parsed.pathname.match(/^\/archives\/([A-Z0-9]+)\/p(\d{7,})$/);
  if (!path || !["localhost", "127.0.0.1", "[::1]"].includes(parsed.hostname) || parsed.port !== location.port) return null;
  const ts = `${path[2].slice(0, -6)}.${path[2].slice(-6)}`;
  return `#${path[1]}/${parsed.searchParams.get("thread_ts") || ts}`;
}

function dateNode(target, fallback) {
  const [, seconds, format, url] = target.split("^");
  if (!/^\d+$/.test(seconds || "") || !format) return h("span", {}, unescape(fallback || target));
  const text = formatDate(Number(seconds), unescape(format));
  const node = h("time", { datetime: new Date(Number(seconds) * 1000).toISOString() }, text);
  return url ? link(unescape(url), text) : node;
}

function splitOnce(text, mark) {
  const place = text.indexOf(mark);
  return place < 0 ? [text, undefined] : [text.slice(0, place), text.slice(place + 1)];
}
