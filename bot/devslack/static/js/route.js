// Where the person is: `#C123` or `#C123/1700000000.000001` for a thread; who they are: `?as=ana` or this tab's last choice.

const WHO = "local-slack-person";

export function readRoute() {
  const [channel, thread] = decodeURIComponent(location.hash.slice(1)).split("/");
  return { channel: channel || "", thread: /^\d+\.\d+$/.test(thread || "") ? thread : "" };
}

export function go(channel, thread = "") {
  const hash = thread ? `#${channel}/${thread}` : `#${channel}`;
  if (location.hash !== hash) location.hash = hash;
}

/** The list of channels, which on a phone is a place of its own. */
export function goToList() {
  location.hash = "";
}

export function onRoute(listener) {
  addEventListener("hashchange", listener);
}

export function readPerson() {
  return new URLSearchParams(location.search).get("as") || sessionStorage.getItem(WHO) || "";
}

export function keepPerson(person) {
  sessionStorage.setItem(WHO, person);
  const url = new URL(location.href);
  if (url.searchParams.has("as")) {
    url.searchParams.set("as", person);
    history.replaceState(null, "", url);
  }
}
