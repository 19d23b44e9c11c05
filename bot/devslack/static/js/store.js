// What the person at this page knows, kept current by the feed.

const listeners = new Set();

export const store = {
  me: "",
  workspace: { id: "", name: "" },
  app: { name: "", user: "", commands: [], shortcuts: [], description: "" },
  people: new Map(),
  groups: new Map(),
  channels: new Map(), // id → { …, messages: Map ts → message }
  ephemerals: new Map(), // ts → { channel, message }
  statuses: new Map(), // "channel/thread_ts" → { status, until }
  sessions: new Map(), // "channel/thread_ts" → { channel, thread_ts, status, title }
  views: [],
  home: null,
  suggestions: null,
  connections: 0,
  setup: null,
  loaded: false,
};

/** Call `listener(what)` after each change; `what` is the update's type. */
export function onChange(listener) {
  listeners.add(listener);
}

function tell(what) {
  for (const listener of listeners) listener(what);
}

export function replaceState(state) {
  Object.assign(store, {
    me: state.me,
    workspace: state.workspace,
    app: state.app,
    views: state.views,
    home: state.home,
    suggestions: state.suggestions,
    connections: state.connections,
    setup: state.setup,
    loaded: true,
  });
  store.people = new Map(state.people.map((person) => [person.id, person]));
  store.groups = new Map(state.user_groups.map((group) => [group.id, group]));
  store.channels = new Map(
    state.channels.map((channel) => [
      channel.id,
      { ...channel, messages: new Map(channel.messages.map((message) => [message.ts, message])) },
    ]),
  );
  store.ephemerals = new Map(state.ephemerals.map((entry) => [entry.message.ts, entry]));
  store.statuses = new Map();
  for (const entry of state.statuses) setStatus(entry);
  store.sessions = new Map();
  for (const session of state.sessions) setSession(session);
  tell("state");
}

const APPLY = {
  message: ({ channel, message }) => store.channels.get(channel)?.messages.set(message.ts, message),
  deleted: ({ channel, ts }) => store.channels.get(channel)?.messages.delete(ts),
  ephemeral: ({ channel, message }) => store.ephemerals.set(message.ts, { channel, message }),
  ephemeral_deleted: ({ ts }) => store.ephemerals.delete(ts),
  read: ({ channel, ts }) => {
    const known = store.channels.get(channel);
    if (known) known.read = ts;
  },
  status: setStatus,
  session: setSession,
  views: ({ views }) => { store.views = views; },
  home: ({ view }) => { store.home = view; },
  suggestions: ({ suggestions }) => { store.suggestions = suggestions; },
  connections: ({ count }) => { store.connections = count; },
  setup: ({ setup }) => { store.setup = setup; },
};

export function applyUpdate(update) {
  const apply = APPLY[update.type];
  if (!apply) return;
  apply(update);
  tell(update.type);
}

function setStatus({ channel, thread_ts: threadTs, status, seconds }) {
  const key = `${channel}/${threadTs}`;
  if (!status) {
    store.statuses.delete(key);
    return;
  }
  const entry = { status };
  store.statuses.set(key, entry);
  setTimeout(() => {
    if (store.statuses.get(key) !== entry) return;
    store.statuses.delete(key);
    tell("status");
  }, seconds * 1000);
}

function setSession(session) {
  store.sessions.set(`${session.channel}/${session.thread_ts}`, session);
}

/** The app's threads in a channel, the one with the latest message first: `{ root, last, status, title }`. */
export function listSessions(channelId) {
  const messages = store.channels.get(channelId)?.messages;
  return [...store.sessions.values()]
    .filter((session) => session.channel === channelId && messages?.has(session.thread_ts))
    .map(({ thread_ts: ts, status, title }) => ({ root: messages.get(ts), last: messages.get(ts).latest_reply || ts, status, title }))
    .sort((one, other) => (one.last > other.last ? -1 : 1));
}

const byTs = (one, other) => (one.ts < other.ts ? -1 : 1);

export function isTopLevel(message) {
  return !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";
}

/** What a channel shows outside threads, with the private messages in between. */
export function listChannel(channelId) {
  const channel = store.channels.get(channelId);
  if (!channel) return [];
  return [...channel.messages.values(), ...privateIn(channelId)].filter(isTopLevel).sort(byTs);
}

/** A thread: root first, then replies and private messages. */
export function listThread(channelId, rootTs) {
  const channel = store.channels.get(channelId);
  if (!channel) return [];
  const belongs = (message) => message.ts === rootTs || message.thread_ts === rootTs;
  return [...channel.messages.values(), ...privateIn(channelId)].filter(belongs).sort(byTs);
}

function privateIn(channelId) {
  return [...store.ephemerals.values()].filter((entry) => entry.channel === channelId).map((entry) => entry.message);
}

/** How much of a channel the person has not read: `{ count, mentions }`. */
export function countUnread(channel) {
  let count = 0;
  let mentions = 0;
  for (const message of channel.messages.values()) {
    if (message.user === store.me || message.ts <= channel.read || !isTopLevel(message)) continue;
    count += 1;
    if (channel.is_im || mentionsMe(message)) mentions += 1;
  }
  return { count, mentions };
}

export function mentionsMe(message) {
  const text = message.text || "";
  if (text.includes(`<@${store.me}`)) return true;
  if (/<!(here|channel|everyone)/.test(text)) return true;
  return [...store.groups.values()].some((group) => group.users.includes(store.me) && text.includes(`<!subteam^${group.id}`));
}
