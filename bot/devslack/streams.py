"""What the app is writing right now. As users found, Slack ends a stream by itself some five minutes after it began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Streams:
    """Messages that may still grow, by channel and ts. `complete` is told which of them ran out of time."""

    def __init__(self, seconds: float, sleep: Callable[[float], Awaitable[None]], complete: Callable[[str, str], None]) -> None:
        self._seconds = seconds
        self._sleep = sleep
        self._complete = complete
        self._timers: dict[tuple[str, str], asyncio.Task[None]] = {}

    def __contains__(self, place: tuple[str, str]) -> bool:
        return place in self._timers

    def list_open(self) -> list[tuple[str, str]]:
        return list(self._timers)

    def begin(self, channel: str, ts: str) -> None:
        self._timers[channel, ts] = asyncio.create_task(self._run_out(channel, ts))

    def end(self, channel: str, ts: str) -> None:
        """It is an ordinary message, or gone. No error if it was before."""
        timer = self._timers.pop((channel, ts), None)
        if timer is not None:
            timer.cancel()

    async def close(self) -> None:
        timers = list(self._timers.values())
        self._timers.clear()
        for timer in timers:
            timer.cancel()
        await asyncio.gather(*timers, return_exceptions=True)

    async def _run_out(self, channel: str, ts: str) -> None:
        await self._sleep(self._seconds)
        del self._timers[channel, ts]
        self._complete(channel, ts)
