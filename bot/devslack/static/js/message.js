// One message: face, name, time, content, reactions, replies, and what can be done with it.

import { act } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { ago, dateOf, fullTime, shortTimeOf, timeOf } from "./dates.js";
import { h, icon } from "./dom.js";
import { emoji } from "./emoji.js";
import { renderMrkdwn } from "./mrkdwn.js";
import { avatar, isApp, nameOf } from "./people.js";
import { go } from "./route.js";
import { mentionsMe, store } from "./store.js";
import { hasNewReplies } from "./threads_seen.js";

/** `place`: { channel, inThread, isCompact }. */
export function renderMessage(message, place) {
  const name = nameOf(message.user);
  const classes = ["message", place.isCompact && "compact", message.is_ephemeral && "ephemeral", mentionsMe(message) && "mentions-me"];
  return h(
    "li",
    { class: classes.filter(Boolean).join(" "), "aria-label": `${name}, ${timeOf(message.ts)}`, dataset: { ts: message.ts } },
    h("div", { class: "gutter" }, place.isCompact ? h("time", { class: "gutter-time", title: fullTime(message.ts) }, shortTimeOf(message.ts)) : avatar(message.user)),
    h(
      "div",
      { class: "body" },
      message.is_ephemeral && h("div", { class: "only-you" }, icon("eye"), "Only visible to you"),
      !place.isCompact && renderHead(message, name),
      h("div", { class: "content" }, renderContent(message, place)),
      message.files?.map(renderFile),
      renderReactions(message),
      message.is_ephemeral && renderDismiss(message),
      !place.inThread && message.reply_count > 0 && renderReplies(message, place.channel),
    ),
    !message.is_ephemeral && renderTools(message, place),
  );
}

function renderHead(message, name) {
  const badge = isApp(message.user) && h("span", { class: "badge" }, "APP");
  return h("div", { class: "head" }, h("span", { class: "name" }, name), badge, h("time", { title: fullTime(message.ts) }, timeOf(message.ts)));
}

function renderContent(message, place) {
  const press = async (block, element, value) => {
    const target = { channel: place.channel.id, ts: message.ts, action_id: element.action_id, block_id: block.block_id, value };
    const answer = await act("click", { as: store.me, ...target });
    return Boolean(answer?.acknowledged);
  };
  const edited = message.edited && !isApp(message.user) && h("span", { class: "edited" }, " (edited)");
  // People's own rich text says the same as their text, in which Slack's code and quotes are easier to see.
  const isOwnWriting = Boolean(message.client_msg_id);
  if (message.blocks?.length && !isOwnWriting) return [h("div", { class: "blocks" }, renderBlocks(message.blocks, press)), edited];
  return [h("div", { class: "text" }, renderMrkdwn(message.text || ""), edited)];
}

function renderFile(file) {
  return h(
    "div",
    { class: "file" },
    h("a", { class: "file-name", href: `/_control/files/${file.id}`, download: file.name }, icon("file"), file.title, h("span", { class: "file-size" }, formatSize(file.size))),
    file.preview && h("pre", {}, h("code", {}, file.preview)),
  );
}

function formatSize(bytes) {
  return bytes < 1024 ? `${bytes} B` : bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
}

function renderReactions(message) {
  if (!message.reactions?.length) return null;
  return h("div", { class: "reactions" }, message.reactions.map((reaction) =>
    h("span", { class: "reaction", title: `${reaction.users.map(nameOf).join(", ")} reacted with :${reaction.name}:` },
      emoji(reaction.name) || `:${reaction.name}:`, h("span", {}, String(reaction.count)))));
}

function renderDismiss(message) {
  const dismiss = () => act("dismiss", { as: store.me, ts: message.ts });
  return h("button", { type: "button", class: "link-button", on: { click: dismiss } }, "Dismiss message");
}

function renderReplies(message, channel) {
  const count = `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`;
  const isNew = hasNewReplies(channel.id, message);
  const last = `Last reply ${ago(dateOf(message.latest_reply))}`;
  return h(
    "button",
    { type: "button", class: "replies", "aria-label": [count, isNew && "new", last].filter(Boolean).join(", "), on: { click: () => go(channel.id, message.ts) } },
    message.reply_users.slice(0, 4).map((user) => avatar(user, "tiny")),
    h("span", { class: "reply-count" }, count),
    isNew && h("span", { class: "new-replies" }, "new"),
    h("span", { class: "last-reply" }, last),
  );
}

function renderTools(message, place) {
  const tools = [];
  if (!place.inThread) tools.push(tool("Reply in thread", "reply", () => go(place.channel.id, message.thread_ts || message.ts)));
  for (const shortcut of store.app.shortcuts) {
    const use = () => act("shortcut", { as: store.me, channel: place.channel.id, ts: message.ts, callback_id: shortcut.callback_id });
    tools.push(tool(shortcut.name, "bolt", use));
  }
  return tools.length > 0 && h("div", { class: "tools" }, tools);
}

function tool(label, image, use) {
  return h("button", { type: "button", "aria-label": label, title: label, on: { click: use } }, icon(image));
}
