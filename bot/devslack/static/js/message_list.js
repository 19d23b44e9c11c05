// A list of messages that changes in place: what did not change keeps its nodes, its focus and its selection.

import { announce } from "./announce.js";
import { dateOf, dayOf } from "./dates.js";
import { h, holdFocus } from "./dom.js";
import { renderMessage } from "./message.js";
import { store } from "./store.js";
import { hasNewReplies } from "./threads_seen.js";

const COMPACT_SECONDS = 300;
const NEAR_END_PX = 80;

export class MessageList {
  /** `place`: { channel, inThread }. */
  constructor(label, place) {
    this.place = place;
    this.list = h("ol", { class: "messages", "aria-label": label });
    this.scroller = h("div", { class: "scroller", tabindex: "0", role: "group", "aria-label": `${label}, scrollable` }, this.list);
    this.nodes = new Map(); // key → { node, signature, isHeard }
    this.isDrawn = false;
    this.isAtEnd = true;
    this.scroller.addEventListener("scroll", () => {
      this.isAtEnd = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < NEAR_END_PX;
    });
    new ResizeObserver(() => this.keepEnd()).observe(this.list);
  }

  /** Show these messages. `unreadAfter` draws the line of what is new. */
  update(messages, { unreadAfter = "", afterRoot = null } = {}) {
    const wanted = this.describe(messages, unreadAfter, afterRoot);
    const fresh = new Map();
    let previous = null;
    for (const { key, signature, build, message } of wanted) {
      const known = this.nodes.get(key);
      const node = known && known.signature === signature ? known.node : build();
      if (known && known.node !== node) {
        const giveFocus = holdFocus(known.node);
        known.node.replaceWith(node);
        giveFocus(node);
      }
      const expected = previous ? previous.nextSibling : this.list.firstChild;
      if (node !== expected) this.list.insertBefore(node, expected);
      fresh.set(key, { node, signature, isHeard: this.hear(message, node, known?.isHeard) });
      previous = node;
    }
    for (const [key, { node }] of this.nodes) if (!fresh.has(key)) node.remove();
    this.nodes = fresh;
    this.isDrawn = true;
    this.keepEnd();
  }

  /** Announce what others write while the list is shown, once: a text that still grows when it is whole. True if that is done. */
  hear(message, node, isHeard) {
    if (!message || isHeard) return true;
    if (message.streaming_state === "in_progress") return false;
    if (this.isDrawn && message.user !== store.me && node.offsetParent !== null) announce(message, node);
    return true;
  }

  describe(messages, unreadAfter, afterRoot) {
    const rows = [];
    let last = null;
    let isNewShown = false;
    for (const message of messages) {
      const isNewDay = !last || dayOf(last.ts) !== dayOf(message.ts);
      if (isNewDay && !this.place.inThread) rows.push(divider(`day-${dayOf(message.ts)}`, dayOf(message.ts), "day"));
      const isUnread = unreadAfter && !isNewShown && message.ts > unreadAfter && message.user !== store.me;
      if (isUnread) {
        rows.push(divider("new", "New", "new"));
        isNewShown = true;
      }
      const isCompact = !isNewDay && !isUnread && last.user === message.user && isClose(last, message) && !last.root;
      const place = { ...this.place, isCompact };
      const signature = JSON.stringify([message, isCompact, store.me, hasNewReplies(place.channel.id, message)]);
      rows.push({ key: message.ts, signature, build: () => renderMessage(message, place), message });
      last = { ...message, root: afterRoot !== null && message.ts === messages[0].ts };
      if (last.root && afterRoot) rows.push(divider("replies", afterRoot, "replies-line"));
    }
    return rows;
  }

  keepEnd() {
    if (this.isAtEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  goToEnd() {
    this.isAtEnd = true;
    this.keepEnd();
  }
}

function isClose(one, other) {
  return dateOf(other.ts) - dateOf(one.ts) < COMPACT_SECONDS * 1000 && one.is_ephemeral === other.is_ephemeral;
}

function divider(key, text, kind) {
  return { key, signature: text, build: () => h("li", { class: `divider ${kind}`, role: "presentation" }, h("span", {}, text)) };
}
