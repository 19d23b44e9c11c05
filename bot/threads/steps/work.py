"""One step's view of its thread: the rows it was decided on, and the ways to be stopped and to show progress."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bot.changes.change import Change
from bot.errors import SurfaceError
from bot.threads.projector import Projector
from bot.threads.signals import Attention
from bot.threads.stores import Thread, load_history
from bot.threads.world import World
from bot.values.transcript import Entry

T = TypeVar("T")


class Stopped:
    """A person stopped what was being done."""


STOPPED: Final = Stopped()


@dataclass(frozen=True, slots=True)
class Rows:
    """A thread as stored."""

    thread: Thread
    entries: Sequence[Entry]
    changes: Mapping[int, Change]


@dataclass(frozen=True, slots=True)
class Work:
    """What a step needs."""

    world: World
    rows: Rows
    attention: Attention
    projector: Projector

    @property
    def thread(self) -> Thread:
        return self.rows.thread

    def show(self, turn: int, headline: str = "", *, call_id: str = "", thinking: str = "") -> None:
        """Sets what the progress message says until the rows say more."""
        live = self.projector.live
        live.turn, live.headline, live.call_id, live.thinking = turn, headline, call_id, thinking
        self.projector.poke()

    async def unless_stopped(self, doing: Coroutine[Any, Any, T]) -> T | Stopped:
        """Runs it to its end, or cancels it as soon as somebody asks to stop."""
        task = asyncio.create_task(doing)
        stop = asyncio.create_task(self.attention.stopped.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else STOPPED
        finally:
            await cancel(task, stop)

    async def pause(self, seconds: float) -> None:
        """Waits, but not longer than until somebody asks to stop."""
        await self.unless_stopped(asyncio.sleep(seconds))

    async def name_of(self, user_id: str) -> str:
        """The person's name for texts; the id if the chat cannot be asked."""
        try:
            return (await self.world.surface.person(user_id)).name or user_id
        except SurfaceError:
            return user_id


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancels the tasks and waits until they are over."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def load_rows(world: World, thread_id: str) -> Rows | None:
    """The thread's rows; None if there is no such thread."""
    thread = await world.stores.threads.get(thread_id)
    if thread is None:
        return None
    return Rows(thread, *await load_history(world.stores, thread_id))
