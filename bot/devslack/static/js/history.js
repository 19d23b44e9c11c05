// The history of a direct message: its threads by title, with what each is in the middle of.

import { ago, dateOf, fullTime } from "./dates.js";
import { fill, h } from "./dom.js";
import { go } from "./route.js";
import { listSessions, store } from "./store.js";

const STATES = { processing: "works on it", suspended: "waits for an answer", closed: "closed" };

/** Draw the list again if anything in it changed; otherwise the focus stays where it is. */
export function drawHistory(node, channel) {
  const sessions = listSessions(channel.id);
  const signature = JSON.stringify(sessions.map(({ root, last, status, title }) => [root.ts, root.text, ago(dateOf(last)), status, title]));
  if (node.dataset.drawn === signature) return;
  node.dataset.drawn = signature;
  if (!sessions.length) {
    fill(node, h("p", { class: "empty" }, `Nothing was asked here yet. ${store.app.name} keeps each question as a thread of its own.`));
    return;
  }
  fill(node, h("ul", { class: "sessions", "aria-label": "Threads" }, sessions.map((session) => drawSession(channel, session))));
}

function drawSession(channel, { root, last, status, title }) {
  const open = () => go(channel.id, root.ts);
  return h("li", {},
    h("button", { type: "button", class: "session", on: { click: open } },
      h("span", { class: "session-title" }, title || root.text || "Thread"),
      STATES[status] && h("span", { class: `badge ${status}` }, STATES[status]),
      h("time", { title: fullTime(last) }, ago(dateOf(last)))));
}
