"""One worker's hold of one thread: it takes step after step until nothing is left to do, under a lease that it keeps."""

from __future__ import annotations

import asyncio

import structlog

from bot.agent import loop
from bot.errors import StoreError
from bot.threads.projector import Projector
from bot.threads.steps import closing, conversation, rehearsing, replaying, undoing
from bot.threads.steps.work import Rows, Work, cancel, load_rows
from bot.threads.world import World

log = structlog.get_logger()

LEASE_SECONDS = 12.0
"""After a crash, others wait this long before they take over."""
_RENEW_EVERY = 3
_LOOK_SECONDS = 1.0
"""How often rows are looked at for stop requests and news from other processes."""
_REDRAW_SECONDS = 5.0
"""When to draw again what the chat did not take."""


class Session:
    """Works on one thread. The caller holds its lease as `worker`."""

    def __init__(self, world: World, thread_id: str, worker: str) -> None:
        self._world = world
        self._thread_id = thread_id
        self._worker = worker
        self._attention = world.signals.attend(thread_id)
        self._projector = Projector(world, thread_id, self._attention.poked)
        self._last: tuple[Rows, loop.Step] | None = None
        self._drawings: list[asyncio.Task[bool]] = []
        self._wakes = -1
        """The thread's wakes when its rows were read or looked at last."""

    async def run(self) -> None:
        """Returns when the thread is at rest and shown, or the lease is lost. Raises what a step raises."""
        working = asyncio.create_task(self._work())
        holding = asyncio.create_task(self._hold())
        drawing = asyncio.create_task(self._projector.run())
        try:
            done, _ = await asyncio.wait({working, holding, drawing}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._projector.close(drawing)
        finally:
            await cancel(working, holding, drawing, *self._drawings)
            self._world.signals.leave(self._thread_id)

    async def _work(self) -> None:
        while True:
            was_stopped = self._attention.stopped.is_set()
            self._attention.stopped.clear()  # what came before is in the rows that are read next
            self._attention.woken.clear()
            rows = await load_rows(self._world, self._thread_id)
            if rows is None:
                return
            self._wakes = rows.thread.wakes
            step = self._decide(rows)
            if isinstance(step, loop.Idle | loop.Wait):
                if await self._rest(rows, step):
                    return
                continue
            if self._last == (rows, step) and not was_stopped:
                raise RuntimeError(f"{type(step).__name__} was taken and nothing came of it")
            self._last = (rows, step)
            self._projector.poke()
            await perform(Work(self._world, rows, self._attention, self._projector), step)

    def _decide(self, rows: Rows) -> loop.Step:
        turn = loop.active_turn(rows.entries)
        is_meant = turn is not None and turn <= rows.thread.stop_turn
        return loop.next_step(
            rows.entries,
            rows.changes,
            stop_requested_by=rows.thread.stop_requested_by if is_meant else "",
            max_steps=self._world.settings.model.max_steps,
            has_model=bool(self._world.models),
            now=self._world.clock(),
            remind_seconds=self._world.settings.changes.remind_seconds,
        )

    async def _rest(self, rows: Rows, step: loop.Idle | loop.Wait) -> bool:
        """Draws what is stale and settles the thread; False if it was woken meanwhile."""
        self._projector.live.turn = 0
        is_drawn = await self._draw_unless_woken()
        if is_drawn is None:
            return False
        times = [step.until] if isinstance(step, loop.Wait) else []
        if not is_drawn:
            times.append(self._world.clock() + _REDRAW_SECONDS)
        wake = min(times, default=None)
        return await self._world.stores.threads.settle(self._thread_id, self._worker, wake, seen=rows.thread.wakes)

    async def _draw_unless_woken(self) -> bool | None:
        """Whether all is drawn; None if there is something to do before that: a slow chat holds up no work."""
        if len(self._drawings) < 2:  # one goes on beside the work, the next has not begun and will draw the newest rows
            task = asyncio.create_task(self._projector.draw())
            self._drawings.append(task)
            task.add_done_callback(self._drawings.remove)
        drawing = self._drawings[-1]
        woken = asyncio.create_task(self._attention.woken.wait())
        try:
            await asyncio.wait({drawing, woken}, return_when=asyncio.FIRST_COMPLETED)
            return drawing.result() if drawing.done() else None
        finally:
            await cancel(woken)

    async def _hold(self) -> None:
        """Keeps the lease and looks for what other processes wrote; returns if the lease is lost."""
        looks, renewed_at = 0, asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            looks += 1
            try:
                if looks % _RENEW_EVERY == 0:
                    if not await self._world.stores.threads.lease(self._thread_id, self._worker, LEASE_SECONDS):
                        log.warning("lease_lost", thread=self._thread_id)
                        return
                    renewed_at = asyncio.get_running_loop().time()
                await self._look()
            except StoreError:
                if asyncio.get_running_loop().time() - renewed_at > LEASE_SECONDS:
                    log.warning("lease_not_renewed", thread=self._thread_id)
                    return

    async def _look(self) -> None:
        thread = await self._world.stores.threads.get(self._thread_id)
        if thread is None:
            return
        if thread.wakes > self._wakes >= 0:
            self._wakes = thread.wakes
            self._attention.poked.set()
            self._attention.woken.set()
        turn = self._projector.live.turn
        if turn and turn <= thread.stop_turn:
            self._attention.stopped.set()


async def perform(work: Work, step: loop.Step) -> None:
    """Does one step and writes what came of it."""
    match step:
        case loop.RunCall():
            await rehearsing.run_call(work, step)
        case loop.RunUndo():
            await undoing.run_undo(work, step)
        case loop.AskModel():
            await conversation.ask_model(work, step)
        case loop.Replay():
            await replaying.replay_change(work, step)
        case loop.AnswerChange():
            await closing.answer_change(work, step)
        case loop.Report():
            await closing.report(work, step)
        case loop.Expire():
            await closing.expire(work, step)
        case loop.Remind():
            await work.world.stores.changes.remind(step.change_id, work.world.clock())
        case loop.YieldTurn():
            await closing.yield_turn(work, step)
        case loop.Stop():
            await closing.stop(work, step)
        case loop.Finish():
            await closing.finish(work, step)
        case loop.Idle() | loop.Wait():
            raise AssertionError("rest is not a step to perform")
