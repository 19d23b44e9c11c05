// The right side: one thread.

import { act } from "./api.js";
import { buildComposer } from "./composer.js";
import { fill, h, icon } from "./dom.js";
import { MessageList } from "./message_list.js";
import { channelLabel } from "./people.js";
import { go } from "./route.js";
import { listThread, store } from "./store.js";
import { markThreadSeen } from "./threads_seen.js";

export class Thread {
  constructor() {
    this.node = h("section", { class: "thread", "aria-label": "Thread", hidden: true });
    this.key = "";
  }

  /** Show a thread, or nothing without `rootTs`. */
  show(channelId, rootTs) {
    const channel = store.channels.get(channelId);
    this.node.hidden = !rootTs || !channel;
    const key = this.node.hidden ? "" : `${store.me}/${channelId}/${rootTs}`;
    if (key !== this.key) {
      this.key = key;
      this.channelId = channelId;
      this.rootTs = rootTs;
      if (key) this.build(channel);
    }
    if (key) this.update();
  }

  close() {
    go(this.channelId);
  }

  /** Slack's own Stop, whatever buttons the app's messages have. */
  stopSession() {
    act("stop-session", { as: store.me, channel: this.channelId, thread_ts: this.rootTs });
  }

  build(channel) {
    const name = channelLabel(channel);
    this.list = new MessageList("Messages in this thread", { channel, inThread: true });
    this.title = h("h2", {});
    this.status = h("div", { class: "status", role: "status" });
    this.stop = h("button", { type: "button", class: "bk-button stop", hidden: true, on: { click: () => this.stopSession() } }, `Stop ${store.app.name}`);
    this.list.scroller.append(h("div", { class: "status-line" }, this.status, this.stop));
    const composer = this.composer = buildComposer("Reply in thread", { channel, thread: this.rootTs }, () => this.list.goToEnd());
    fill(
      this.node,
      h("header", { class: "bar" },
        h("button", { type: "button", class: "icon-button back", "aria-label": "Back to the channel", on: { click: () => this.close() } }, icon("back")),
        this.title, h("span", { class: "topic" }, channel.is_im ? name : `#${name}`),
        h("button", { type: "button", class: "icon-button close", "aria-label": "Close thread", on: { click: () => this.close() } }, icon("close"))),
      this.list.scroller, composer.form,
    );
    if (matchMedia("(hover: hover)").matches) composer.input.focus();
    this.list.goToEnd();
  }

  update() {
    const messages = listThread(this.channelId, this.rootTs);
    if (messages.length) markThreadSeen(this.channelId, this.rootTs, messages.at(-1).ts);
    const replies = messages.filter((message) => !message.is_ephemeral).length - 1;
    const line = replies > 0 ? `${replies} ${replies === 1 ? "reply" : "replies"}` : "";
    this.list.update(messages, { afterRoot: line });
    const session = store.sessions.get(`${this.channelId}/${this.rootTs}`);
    this.drawStop(store.app.stops_sessions && session?.status === "processing");
    const title = session?.title || "Thread";
    if (this.title.textContent !== title) fill(this.title, title);
    const entry = store.statuses.get(`${this.channelId}/${this.rootTs}`);
    fill(this.status, entry && [h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")), `${store.app.name} ${entry.status}`]);
    this.list.keepEnd();
  }

  drawStop(isOffered) {
    if (this.stop.hidden === !isOffered) return;
    const hadFocus = document.activeElement === this.stop;
    this.stop.hidden = !isOffered;
    if (hadFocus) this.composer.input.focus();
  }
}
