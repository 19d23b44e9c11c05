"""Messages that one person sees and no history has."""

from __future__ import annotations

from bot.devslack.feed import Feed
from bot.devslack.values import Json

KEPT_PER_PERSON = 50


class Ephemerals:
    """What each person's client would still show. Held in memory only, so that switching the person on the page loses none."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._by_person: dict[str, dict[str, Json]] = {}

    def show(self, person: str, channel: str, message: Json) -> None:
        """Show a message to one person, or replace the one with its `ts`."""
        kept = self._by_person.setdefault(person, {})
        kept[message["ts"]] = {"channel": channel, "message": message}
        while len(kept) > KEPT_PER_PERSON:
            kept.pop(next(iter(kept)))
        self._feed.publish({"type": "ephemeral", "channel": channel, "message": message}, to=person)

    def remove(self, person: str, ts: str) -> bool:
        """Take a message off the person's screen; false if it was not there."""
        entry = self._by_person.get(person, {}).pop(ts, None)
        if entry is None:
            return False
        self._feed.publish({"type": "ephemeral_deleted", "channel": entry["channel"], "ts": ts}, to=person)
        return True

    def get(self, person: str, ts: str) -> Json | None:
        entry = self._by_person.get(person, {}).get(ts)
        return entry["message"] if entry else None

    def list_for(self, person: str) -> list[Json]:
        """`{channel, message}` of everything the person sees, oldest first."""
        return list(self._by_person.get(person, {}).values())
