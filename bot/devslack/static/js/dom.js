// Building DOM without markup strings: text is always text.

const SVG = "http://www.w3.org/2000/svg";

/** Create an element. `props`: class, on (listeners), dataset, everything else is an attribute (false and null leave it out). */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProperty(element, name, value);
  append(element, children);
  return element;
}

function setProperty(element, name, value) {
  if (value === false || value === null || value === undefined) return;
  if (name === "class") element.className = value;
  else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  else if (name === "dataset") Object.assign(element.dataset, value);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Append strings and nodes; nothing for null, undefined and false. */
export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
}

/** Replace all children. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** Remember the focused control below a node. What is answered gives the focus to the same control below a node drawn anew, and says
 *  whether it did. */
export function holdFocus(root) {
  const active = document.activeElement;
  const held = root !== active && root.contains(active) ? identify(active) : "";
  return (fresh) => {
    if (!held) return true;
    const control = [...fresh.querySelectorAll("button, a, input, select, textarea")].find((one) => identify(one) === held);
    control?.focus({ preventScroll: true });
    return Boolean(control);
  };
}

function identify(control) {
  return [control.tagName, control.dataset.actionId, control.getAttribute("aria-label") || control.textContent].join("/");
}

const ICONS = {
  hash: "M7 3 5.5 17M14.5 3 13 17M3.5 7.5h14M2.5 12.5h14",
  lock: "M5 9h10v7H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  reply: "M17 9a7 6 0 0 1-10.3 5.3L3 15.5l1.2-3A5.6 5.6 0 0 1 3 9a7 6 0 0 1 14 0Z",
  close: "m5 5 10 10M15 5 5 15",
  back: "M12.5 4 6.5 10l6 6",
  down: "m5 8 5 5 5-5",
  send: "m3.5 3.5 13.5 6.5-13.5 6.5 2-6.5zM5.5 10H11",
  at: "M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0Zm0 0v1.2a2 2 0 0 0 4 0V10a7 7 0 1 0-3 5.7",
  eye: "M2.5 10S5.5 5 10 5s7.5 5 7.5 5-3 5-7.5 5-7.5-5-7.5-5Zm9.8 0a2.3 2.3 0 1 1-4.6 0 2.3 2.3 0 0 1 4.6 0Z",
  bolt: "M11 2.5 4.5 11.5H9L8.5 17.5 15.5 8H11z",
  check: "m4.5 10.5 3.5 3.5 7.5-8",
  file: "M5 2.5h6.5l3.5 3.5v11.5H5zM11.5 2.5V6H15",
};

/** A line icon that inherits the text colour; hidden from assistive technology. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
