"""What was said: messages by channel and time stamp, and what Slack adds to them when they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from bot.devslack.journal import Journal
from bot.devslack.values import Json


class Messages:
    """All kept messages. Ephemeral ones are not here: Slack keeps them nowhere."""

    def __init__(self, clock: Callable[[], float], journal: Journal) -> None:
        self._clock = clock
        self._journal = journal
        self._by_channel: dict[str, dict[str, Json]] = {}
        self._replies: dict[tuple[str, str], dict[str, Json]] = {}
        """By channel and root; the same objects, so that reading a message does not search its channel."""
        self._last_micros = 0

    def next_ts(self) -> str:
        """A time stamp that no message has: microseconds, strictly growing."""
        self._last_micros = max(self._last_micros + 1, math.floor(self._clock() * 1_000_000))
        seconds, micros = divmod(self._last_micros, 1_000_000)
        return f"{seconds}.{micros:06d}"

    def put(self, channel: str, message: Json) -> None:
        """Add a message, or replace the one with its `ts`."""
        self.restore(channel, message)
        self._journal.write({"op": "message", "channel": channel, "message": message})

    def restore(self, channel: str, message: Json) -> None:
        """Add a message that the journal already has."""
        self._keep(channel, message)
        seconds, _, micros = str(message["ts"]).partition(".")
        self._last_micros = max(self._last_micros, int(seconds) * 1_000_000 + int(micros))

    def _keep(self, channel: str, message: Json) -> None:
        ts, root = message["ts"], message.get("thread_ts")
        self._by_channel.setdefault(channel, {})[ts] = message
        if root and root != ts:
            self._replies.setdefault((channel, root), {})[ts] = message

    def remove(self, channel: str, ts: str) -> None:
        self.forget(channel, ts)
        self._journal.write({"op": "delete", "channel": channel, "ts": ts})

    def forget(self, channel: str, ts: str) -> None:
        """Remove a message without telling the journal."""
        message = self._by_channel.get(channel, {}).pop(ts, None)
        if message is not None and (root := message.get("thread_ts")):
            self._replies.get((channel, root), {}).pop(ts, None)

    def get(self, channel: str, ts: str) -> Json | None:
        return self._by_channel.get(channel, {}).get(ts)

    def all(self) -> Iterator[tuple[str, Json]]:
        """Every message with its channel, oldest first within a channel."""
        for channel, messages in self._by_channel.items():
            for message in messages.values():
                yield channel, message

    def list_top_level(self, channel: str) -> list[Json]:
        """Messages of the channel itself (roots and broadcasts), oldest first, as they are read."""
        found = [message for message in self._by_channel.get(channel, {}).values() if is_top_level(message)]
        return [self.read(channel, message) for message in sorted(found, key=_by_ts)]

    def list_replies(self, channel: str, root: str) -> list[Json]:
        """A thread's root and its replies, oldest first, as they are read."""
        first = self.get(channel, root)
        found = [*([first] if first else []), *self._replies.get((channel, root), {}).values()]
        return [self.read(channel, message) for message in sorted(found, key=_by_ts)]

    def read(self, channel: str, message: Json) -> Json:
        """A copy with the fields Slack computes: reply counts for roots, the root's author for replies."""
        copy = dict(message)
        root_ts = message.get("thread_ts")
        if root_ts and root_ts != message["ts"]:
            root = self.get(channel, root_ts)
            return copy | ({"parent_user_id": root["user"]} if root and "user" in root else {})
        replies = list(self._replies.get((channel, message["ts"]), {}).values())
        if not replies:
            copy.pop("thread_ts", None)
            return copy
        users = list(dict.fromkeys(str(reply["user"]) for reply in sorted(replies, key=_by_ts)))
        return copy | {
            "thread_ts": message["ts"],
            "reply_count": len(replies),
            "reply_users": users,
            "reply_users_count": len(users),
            "latest_reply": max(str(reply["ts"]) for reply in replies),
            "is_locked": False,
            "subscribed": False,
        }


def is_top_level(message: Json) -> bool:
    """True for what a channel shows outside its threads."""
    return message.get("thread_ts") in {None, message["ts"]} or message.get("subtype") == "thread_broadcast"


def _by_ts(message: Json) -> str:
    return str(message["ts"])
