"""Signals between the tasks of this process. They only save time: whoever misses one finds the same in the database a second later."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Attention:
    """What reaches the task that works on a thread."""

    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """A person asked to stop: whatever may be cut short is cut short."""
    poked: asyncio.Event = field(default_factory=asyncio.Event)
    """Rows of the thread changed: what the thread shows may be stale."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    """Rows of the thread changed: there may be something to do."""


class Signals:
    """Who waits for what."""

    def __init__(self) -> None:
        self.inbox = asyncio.Event()
        """An event was stored."""
        self.threads = asyncio.Event()
        """A thread was woken."""
        self._working: dict[str, Attention] = {}

    def attend(self, thread_id: str) -> Attention:
        """Begins to receive the signals of a thread."""
        return self._working.setdefault(thread_id, Attention())

    def leave(self, thread_id: str) -> None:
        self._working.pop(thread_id, None)

    def wake(self, thread_id: str) -> None:
        """Rows of the thread changed."""
        if thread_id in self._working:
            self._working[thread_id].poked.set()
            self._working[thread_id].woken.set()
        self.threads.set()

    def stop(self, thread_id: str) -> None:
        """A stop request was stored."""
        if thread_id in self._working:
            self._working[thread_id].stopped.set()
        self.wake(thread_id)


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Waits until the event is set or the time is over, and clears it; whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
