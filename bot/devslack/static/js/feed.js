// The live connection: load the whole state whenever it (re)opens, then apply what happens.

import { loadState } from "./api.js";
import { applyUpdate, replaceState } from "./store.js";
import { toast } from "./toasts.js";

let source = null;

/** Follow everything `person` may see, from now on. */
export function follow(person) {
  source?.close();
  const own = new EventSource(`/_control/feed?as=${encodeURIComponent(person)}`);
  source = own;
  let waiting = []; // updates that came while the state was on its way
  let isLoaded = false;

  async function reload() {
    isLoaded = false;
    try {
      const state = await loadState(person);
      if (source !== own) return;
      replaceState(state);
      isLoaded = true;
      waiting.forEach(applyUpdate);
      waiting = [];
    } catch (error) {
      if (source !== own) return;
      toast(error.message);
      setTimeout(() => source === own && !isLoaded && reload(), 1000);
    }
  }

  own.addEventListener("message", (event) => {
    const update = JSON.parse(event.data);
    if (update.type === "hello" || update.type === "reload") reload();
    else if (isLoaded) applyUpdate(update);
    else waiting.push(update);
  });
}
