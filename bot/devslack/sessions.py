"""The app's threads as people find them again: what each is in the middle of, and its title."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from bot.devslack.feed import Feed
from bot.devslack.journal import Journal
from bot.devslack.values import Json, Session


class Sessions:
    """Agent sessions by channel and the ts of their thread's root."""

    def __init__(self, journal: Journal, feed: Feed) -> None:
        self._journal = journal
        self._feed = feed
        self._by_place: dict[tuple[str, str], Session] = {}

    def get(self, channel: str, thread_ts: str) -> Session | None:
        return self._by_place.get((channel, thread_ts))

    def put(self, channel: str, thread_ts: str, session: Session) -> Session:
        """Keep and show a new or changed session."""
        self._by_place[channel, thread_ts] = session
        encoded = _encode(channel, thread_ts, session)
        self._journal.write({"op": "session"} | encoded)
        self._feed.publish({"type": "session"} | encoded)
        return session

    def begin(self, channel: str, thread_ts: str, status: str, title: str = "") -> Session:
        """Set the status; the title counts only if the session begins with this."""
        known = self.get(channel, thread_ts)
        return self.put(channel, thread_ts, Session(status, known.title if known else title))

    def restore(self, record: Json) -> None:
        self._by_place[record["channel"], record["thread_ts"]] = Session(record["status"], record["title"])

    def all(self) -> Iterator[Json]:
        """`{channel, thread_ts, status, title}` of each."""
        for (channel, thread_ts), session in self._by_place.items():
            yield _encode(channel, thread_ts, session)


def _encode(channel: str, thread_ts: str, session: Session) -> Json:
    return {"channel": channel, "thread_ts": thread_ts} | asdict(session)
