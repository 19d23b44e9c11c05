// What screen readers say of new messages. The lists of messages are no live regions: progress that is drawn anew again and again would be
// read from its start each time.

import { h } from "./dom.js";
import { nameOf } from "./people.js";

const MOST_CHARACTERS = 300;
const region = h("div", { class: "unseen", role: "log", "aria-label": "New messages" });
document.body.append(region);

/** Say a message that has just come; `node` shows it. */
export function announce(message, node) {
  const text = node.querySelector(".content").innerText.replace(/\s+/g, " ").trim();
  const heard = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
  region.replaceChildren(h("p", {}, `${nameOf(message.user)}${message.is_ephemeral ? ", only visible to you" : ""}: ${heard}`));
}
