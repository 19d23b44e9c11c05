// The inspector: asks for what is new every second and puts it on top.

import { h } from "./dom.js";

const EVERY_MS = 1000;
const MOST_SHOWN = 1000;
const list = document.getElementById("entries");
const filter = document.getElementById("filter");
const pause = document.getElementById("pause");
let last = 0;

function render(entry) {
  const time = new Date(entry.at * 1000).toISOString().slice(11, 23);
  const direction = entry.way === "to app" ? "→" : "←";
  const isGood = ["", "ok"].includes(entry.status);
  const cells = [time, entry.line, h("span", { "aria-label": entry.way }, direction), entry.name, entry.status];
  const summary = h("summary", {}, ...cells.map((cell) => (cell instanceof Node ? cell : h("span", {}, cell))));
  const body = h("pre", {}, typeof entry.body === "string" ? entry.body : JSON.stringify(entry.body, null, 2));
  const row = h("details", { class: isGood ? "" : "bad" }, summary, body);
  row.dataset.text = `${entry.line} ${entry.way} ${entry.name} ${entry.status} ${body.textContent}`.toLowerCase();
  return row;
}

function applyFilter() {
  const wanted = filter.value.trim().toLowerCase();
  for (const row of list.children) row.hidden = !row.dataset.text.includes(wanted);
}

async function look() {
  if (!pause.checked) {
    const response = await fetch(`/_control/traffic?after=${last}`).catch(() => null);
    const entries = response?.ok ? (await response.json()).traffic : [];
    for (const entry of entries) list.prepend(render(entry));
    if (entries.length) last = entries.at(-1).number;
    while (list.children.length > MOST_SHOWN) list.lastChild.remove();
    applyFilter();
  }
  setTimeout(look, EVERY_MS);
}

filter.addEventListener("input", applyFilter);
look();
