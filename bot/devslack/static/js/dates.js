// Times as people read them.

const locale = navigator.language;
const TIME = { hour: "numeric", minute: "2-digit" };

export function dateOf(ts) {
  return new Date(Number(ts.split(".")[0]) * 1000);
}

export function timeOf(ts) {
  return dateOf(ts).toLocaleTimeString(locale, TIME);
}

/** The time without AM or PM, for the narrow column beside a message. */
export function shortTimeOf(ts) {
  const parts = new Intl.DateTimeFormat(locale, TIME).formatToParts(dateOf(ts));
  return parts.filter((part) => part.type !== "dayPeriod").map((part) => part.value).join("").trim();
}

export function fullTime(ts) {
  return dateOf(ts).toLocaleString(locale, { dateStyle: "full", timeStyle: "medium" });
}

export function dayOf(ts) {
  const date = dateOf(ts);
  return prettyDay(date) || date.toLocaleDateString(locale, { weekday: "long", day: "numeric", month: "long" });
}

/** Slack's `<!date^…>` format with its tokens replaced. */
export function formatDate(seconds, format) {
  const date = new Date(seconds * 1000);
  const day = (options) => date.toLocaleDateString(locale, options);
  const long = () => day({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const short = () => day({ day: "numeric", month: "short", year: "numeric" });
  const tokens = {
    date_num: () => day({ year: "numeric", month: "2-digit", day: "2-digit" }),
    date: () => day({ day: "numeric", month: "long", year: "numeric" }),
    date_short: short,
    date_long: long,
    date_pretty: () => prettyDay(date) || day({ day: "numeric", month: "long", year: "numeric" }),
    date_short_pretty: () => prettyDay(date) || short(),
    date_long_pretty: () => prettyDay(date) || long(),
    time: () => date.toLocaleTimeString(locale, TIME),
    time_secs: () => date.toLocaleTimeString(locale, { ...TIME, second: "2-digit" }),
    ago: () => ago(date),
  };
  return format.replace(/\{(\w+)\}/g, (whole, name) => (tokens[name] ? tokens[name]() : whole));
}

function prettyDay(date) {
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);
  return { 0: "Today", 1: "Yesterday", "-1": "Tomorrow" }[days];
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

export function ago(date) {
  const minutes = Math.round((Date.now() - date.getTime()) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 1440) return `${Math.round(minutes / 60)} h ago`;
  return `${Math.round(minutes / 1440)} d ago`;
}

export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
