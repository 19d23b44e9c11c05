// Which replies the person at this page has seen, to mark threads with new ones.

import { store } from "./store.js";

const seen = new Map(); // "me/channel/root" → ts of the last reply seen
const opened = String(Date.now() / 1000);

export function markThreadSeen(channelId, rootTs, lastTs) {
  seen.set(`${store.me}/${channelId}/${rootTs}`, lastTs);
}

/** True if somebody else replied since the person looked; what was there before the page opened counts as seen. */
export function hasNewReplies(channelId, root) {
  if (!root.latest_reply) return false;
  const latest = store.channels.get(channelId)?.messages.get(root.latest_reply);
  if (latest?.user === store.me) return false;
  return root.latest_reply > (seen.get(`${store.me}/${channelId}/${root.ts}`) || opened);
}
