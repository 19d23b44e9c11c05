"""Live updates for the pages that are open: what each person may see, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.devslack.values import Json

MOST_UNREAD = 5_000


class Feed:
    """Subscribers of the pages. `may_see` says whether a person is in a channel."""

    def __init__(self, may_see: Callable[[str, str], bool]) -> None:
        self._may_see = may_see
        self._subscribers: dict[asyncio.Queue[Json | None], str] = {}

    @contextmanager
    def subscribe(self, person: str) -> Iterator[asyncio.Queue[Json | None]]:
        """The updates for one person. None means: too far behind or going down, start again."""
        queue: asyncio.Queue[Json | None] = asyncio.Queue(MOST_UNREAD)
        self._subscribers[queue] = person
        try:
            yield queue
        finally:
            self._subscribers.pop(queue, None)

    def publish(self, update: Json, *, to: str = "") -> None:
        """Tell everybody in the update's channel, only `to` if given, or everybody if it has no channel."""
        channel = update.get("channel", "")
        for queue, person in list(self._subscribers.items()):
            if to and person != to:
                continue
            if channel and not self._may_see(person, channel):
                continue
            _push(queue, update)

    def close(self) -> None:
        for queue in list(self._subscribers):
            _push(queue, None)


def _push(queue: asyncio.Queue[Json | None], update: Json | None) -> None:
    if queue.qsize() >= MOST_UNREAD - 1:  # the page does not read: it reloads the whole state when it does again
        while not queue.empty():
            queue.get_nowait()
        update = None
    queue.put_nowait(update)
