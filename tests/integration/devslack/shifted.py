"""A clock that tests shift: minutes between Slack's redeliveries pass at once."""

from __future__ import annotations

import asyncio
import time


class ShiftedClock:
    """Both halves of a `Config`'s time: call it for now (seconds since the epoch), `sleep` on it. Nothing passes but by `step`."""

    def __init__(self) -> None:
        self.began = self.now = float(int(time.time()))
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    @property
    def passed(self) -> float:
        return self.now - self.began

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = (self.now + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1]
        finally:
            self._sleepers.remove(sleeper)

    async def step(self) -> None:
        """Waits until somebody sleeps, and lets the time pass until the first of them wakes."""
        async with asyncio.timeout(20):
            while not (waiting := [sleeper for sleeper in self._sleepers if not sleeper[1].done()]):
                await asyncio.sleep(0.005)
        due, sleeper = min(waiting, key=lambda waiter: waiter[0])
        self.now = max(self.now, due)
        sleeper.set_result(None)
