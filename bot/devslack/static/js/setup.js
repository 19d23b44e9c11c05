// What is not ready yet: the set-up that runs beside this page, or an app that is not connected.

import { duration } from "./dates.js";
import { fill, h } from "./dom.js";
import { store } from "./store.js";

/** A line above the messages when nobody would answer. */
export function drawNotice() {
  if (isSettingUp() || store.connections > 0) return null;
  return h("p", { class: "notice", role: "status" }, `${store.app.name} is not connected. What you write is kept and delivered when it is.`);
}

function isSettingUp() {
  return Boolean(store.setup) && !store.setup.done;
}

/** The panel that shows how far the set-up is, and goes away when it is done. */
export class SetupPanel {
  constructor() {
    this.node = h("section", { class: "setup", role: "region", "aria-label": "Setting up", hidden: true });
    setInterval(() => this.drawTime(), 1000);
  }

  draw() {
    this.node.hidden = !isSettingUp();
    if (this.node.hidden) return;
    const { phase, step, steps, label, message, error } = store.setup;
    const title = phase === "build" ? `Building Kubernetes: ${label}` : label || "Setting up"; // its parts bear their programs' names
    const share = steps > 0 ? Math.min(1, Math.max(0, (step - (error ? 0 : 0.5)) / steps)) : 0;
    this.time = h("span", { class: "setup-time" });
    const bar = h("div", { class: share || error ? "setup-fill" : "setup-fill unknown" });
    bar.style.width = share ? `${share * 100}%` : "";
    this.node.classList.toggle("broken", Boolean(error));
    fill(
      this.node,
      h("div", { class: "setup-head" },
        h("b", {}, error ? "Setting up has stopped" : title),
        steps > 0 && h("span", { class: "setup-steps" }, `step ${step} of ${steps}`), this.time),
      h("div", { class: "setup-bar", role: "progressbar", "aria-label": "Set-up", "aria-valuemin": 0, "aria-valuemax": steps || 1, "aria-valuenow": step || 0 },
        bar),
      h("p", {}, error || message || "This takes a while the first time only."),
      !error && h("p", { class: "setup-hint" }, `You can look around already; ${store.app.name} answers as soon as this is done.`),
    );
    this.drawTime();
  }

  drawTime() {
    if (!this.time || this.node.hidden || !store.setup?.started) return;
    const started = typeof store.setup.started === "number" ? store.setup.started * 1000 : Date.parse(store.setup.started);
    if (Number.isFinite(started)) this.time.textContent = duration((Date.now() - started) / 1000);
  }
}
