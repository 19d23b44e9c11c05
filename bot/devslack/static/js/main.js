// The page: puts the parts together and keeps them showing what is true.

import { Conversation } from "./conversation.js";
import { fill, h } from "./dom.js";
import { follow } from "./feed.js";
import { startModals } from "./modal.js";
import { goToList, keepPerson, onRoute, readPerson, readRoute } from "./route.js";
import { SetupPanel } from "./setup.js";
import { Sidebar } from "./sidebar.js";
import { countUnread, onChange, store } from "./store.js";
import { Thread } from "./thread.js";

const root = document.getElementById("app");
const narrow = matchMedia("(max-width: 760px)");
const sidebar = new Sidebar(become);
const conversation = new Conversation();
const thread = new Thread();
const setup = new SetupPanel();
const MOST_HELD_MS = 10_000;
let scheduled = false;
let isPressing = false;

function become(person) {
  keepPerson(person);
  follow(person);
}

function currentChannel() {
  const wanted = readRoute().channel;
  if (store.channels.has(wanted)) return wanted;
  return narrow.matches && !wanted ? "" : (store.channels.keys().next().value ?? "");
}

/** Draw once per frame, however much has changed. */
function draw() {
  if (scheduled || isPressing) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    if (!store.loaded) return;
    const channel = currentChannel();
    const route = readRoute();
    root.dataset.place = !channel ? "list" : route.thread ? "thread" : "channel";
    sidebar.draw(channel);
    thread.show(channel, route.channel === channel ? route.thread : "");
    conversation.show(channel);
    setup.draw();
    drawTitle();
  });
}

function drawTitle() {
  let mentions = 0;
  for (const channel of store.channels.values()) mentions += countUnread(channel).mentions;
  document.title = `${mentions ? `(${mentions}) ` : ""}${store.workspace.name}`;
}

function onEscape(event) {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (!thread.node.hidden) thread.close();
  else if (narrow.matches) goToList();
}

/** A control that is drawn anew between press and release would miss its click, as a Stop button in moving progress does. */
function holdStill(event) {
  if (event.button !== 0 || !event.target.closest?.("button, a")) return;
  isPressing = true;
  setTimeout(letGo, MOST_HELD_MS); // whatever becomes of the press
}

function letGo() {
  if (!isPressing) return;
  isPressing = false;
  setTimeout(draw); // after the click, which follows the release
}

fill(root, sidebar.node, h("div", { class: "centre" }, setup.node, conversation.node), thread.node);
startModals();
onChange((what) => {
  if (what === "state") keepPerson(store.me);
  draw();
});
onRoute(draw);
narrow.addEventListener("change", draw);
document.addEventListener("visibilitychange", draw);
document.addEventListener("keydown", onEscape);
document.addEventListener("pointerdown", holdStill);
for (const end of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(end, letGo);
follow(readPerson());
