// Names and faces.

import { h } from "./dom.js";
import { store } from "./store.js";

const COLOURS = 8;

export function nameOf(user) {
  if (user === store.app.user) return store.app.name;
  if (user === "USLACKBOT") return "Slackbot";
  return store.people.get(user)?.real_name || user;
}

export function handleOf(user) {
  if (user === store.app.user) return store.app.name;
  return store.people.get(user)?.name || user;
}

export function isApp(user) {
  return user === store.app.user;
}

/** A person's role, as the switcher shows it. */
export function roleOf(person) {
  if (person.is_stranger || person.team_id !== store.workspace.id) return "Other workspace";
  return person.profile.title || (person.is_restricted ? "Guest" : "Member");
}

export function avatar(user, size = "") {
  if (isApp(user)) return h("img", { class: `avatar ${size}`, src: "/static/img/bot.svg", alt: "" });
  const name = nameOf(user);
  const initials = name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
  const order = [...store.people.keys()].indexOf(user);
  const colour = order < 0 ? "slackbot" : order % COLOURS;
  return h("span", { class: `avatar ${size}`, dataset: { colour }, "aria-hidden": "true" }, initials);
}

export function channelLabel(channel) {
  return channel.is_im ? store.app.name : channel.name;
}
