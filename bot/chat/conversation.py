"""One conversation in the terminal: questions, decisions and Ctrl-C, each of which leaves the transcript whole."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.agent.loop import successor_of
from bot.changes.change import UNDOABLE, Change, State
from bot.changes.rollout_watch import watch_rollouts
from bot.chat import sessions
from bot.chat.cards import render_card
from bot.chat.deciding import Decide
from bot.chat.screen import Screen
from bot.local.surface import ME, TEAM
from bot.local.working import work_on
from bot.threads.inbound import decisions, requests
from bot.threads.inbound.incoming import Click, Message
from bot.threads.inbound.wording import Request
from bot.threads.stores import Thread
from bot.threads.world import World
from bot.values.transcript import Ended


class Conversation:
    """A thread and whoever decides in it."""

    def __init__(self, world: World, thread: Thread, screen: Screen, decide: Decide) -> None:
        self._world = world
        self._screen = screen
        self._decide = decide
        self._thread = thread
        self._asked = int(world.clock())
        """Numbers what is written: no number comes twice, also where a conversation goes on in another process."""
        self._left: set[int] = set()
        """Changes whose rollout the person does not wait for."""

    @property
    def name(self) -> str:
        """The id that `--resume-session` takes."""
        return self._thread.thread_ts

    async def describe_all(self) -> str:
        """The conversations of this database, one a line."""
        return await sessions.describe(self._world.stores.threads)

    async def has_begun(self) -> bool:
        """Whether anything was asked in it."""
        return bool(await self._world.stores.threads.transcript(self._thread.id))

    async def ask(self, request: Request) -> str:
        """Answers it to its end; why the turn ended: `answered`, `stopped`, `limit`, `failed`, … Raises StoreError."""
        self._asked += 1
        await requests.ask(self._world, self._thread, request, ME, str(self._asked))
        await self._settle()
        return await self._ending()

    async def resume(self) -> None:
        """Goes on where an earlier process ended: finishes what it left, and shows and asks about what waits for a decision."""
        for change in await self._world.stores.changes.of_thread(self._thread.id):
            if change.state is State.PROPOSED:
                undo_seconds = self._world.settings.changes.undo_seconds
                self._screen.show_card(render_card(change, undo_seconds=undo_seconds, now=self._world.clock()))
        await self._settle()

    async def write(self, text: str) -> None:
        """Does what a message in a thread does: a question, a command line, or one of the words that steer."""
        self._asked += 1
        thread = self._thread
        message = Message(TEAM, thread.channel_id, ME, str(self._asked), thread.thread_ts, text, is_mention=False, is_direct=True)
        await requests.handle_message(self._world, message)
        await self._settle()

    async def undo(self, change_id: int | None) -> None:
        """Proposes the undo of this change, or of the last one that can be undone."""
        change = await self._find_undoable(change_id)
        if change is None:
            self._screen.say(
                "There is no such change in this conversation." if change_id else "Nothing in this conversation can be undone."
            )
            return
        thread = self._thread
        await decisions.handle_click(
            self._world, Click(TEAM, thread.channel_id, ME, "undo", thread.thread_ts, "", "", change.id, change.digest)
        )
        await self._settle()

    async def decide_about(self, change: Change) -> Change:
        """Shows one change, asks about it and does what was decided; what became of it. Nothing else of the thread is asked about."""
        world = self._world
        await self._work()  # it may have lapsed, or its replay been cut short
        change = await self._find_latest(change)
        while change.state is State.PROPOSED:
            self._screen.show_card(render_card(change, undo_seconds=world.settings.changes.undo_seconds, now=world.clock()))
            try:
                await self._decide(world, self._thread, change)
            except KeyboardInterrupt:
                break
            await self._work()
            change = await self._find_latest(change)
        return change

    async def _find_latest(self, change: Change) -> Change:
        changes = {one.id: one for one in await self._world.stores.changes.of_thread(self._thread.id)}
        return successor_of(changes, change.id)

    async def watch_rollouts(self) -> None:
        """Shows the rollouts of this conversation's changes until they have settled, or until Ctrl-C."""
        unsettled = await self._unsettled()
        for change in unsettled:
            watching = asyncio.ensure_future(self._watch(change))
            with _interrupts(watching.cancel):
                self._screen.show_now(f"change {change.id} rolls out · Ctrl-C leaves it to itself")
                await asyncio.wait((watching,))
            self._screen.rest()
            if watching.cancelled():
                self._left.update(one.id for one in unsettled)
                self._screen.say("The rollout goes on; `status` says how far it is.")
                return
            watching.result()
        if unsettled:
            await self._work()  # draws how they ended

    async def _watch(self, change: Change) -> None:
        world = self._world

        async def pause(seconds: float) -> None:
            now = await world.stores.changes.get(change.id)
            if now is not None and now.rollout:
                self._screen.show_now(f"change {change.id}: {now.rollout} · Ctrl-C leaves it to itself")
            await asyncio.sleep(seconds * world.pace)

        await watch_rollouts(
            change,
            api=world.cluster_of(self._thread).api,
            changes=world.stores.changes,
            clock=world.clock,
            timeout_seconds=world.settings.changes.rollout_seconds,
            pause=pause,
        )

    async def _settle(self) -> None:
        """Works until nothing is left to do and nothing waits for a decision."""
        while waiting := await self._work():
            try:
                await self._decide(self._world, self._thread, waiting[0])
            except KeyboardInterrupt:
                await requests.stop(self._world, self._thread.id, ME)

    async def _work(self) -> list[Change]:
        """Works until somebody has to decide; the changes that wait. Ctrl-C stops the turn, a second one this program."""
        working = asyncio.ensure_future(work_on(self._world, self._thread.id))
        presses = 0
        stopping: list[asyncio.Future[None]] = []

        def interrupt() -> None:
            nonlocal presses
            presses += 1
            if presses == 1:
                self._screen.show_now("stopping")
                stopping.append(asyncio.ensure_future(requests.stop(self._world, self._thread.id, ME)))
            else:
                working.cancel()

        try:
            with _interrupts(interrupt):
                await asyncio.wait((working,))
                await asyncio.gather(*stopping)
        finally:
            self._screen.rest()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        if working.cancelled():
            raise KeyboardInterrupt
        return list(working.result())

    async def _ending(self) -> str:
        entries = await self._world.stores.threads.transcript(self._thread.id)
        return next((entry.reason for entry in reversed(entries) if isinstance(entry, Ended)), "failed")

    async def _find_undoable(self, change_id: int | None) -> Change | None:
        changes = await self._world.stores.changes.of_thread(self._thread.id)
        if change_id is not None:
            return next((change for change in changes if change.id == change_id), None)
        undone = {change.undoes for change in changes}
        return next(
            (change for change in reversed(changes) if change.state in UNDOABLE and change.id not in undone and change.undoes is None), None
        )

    async def _unsettled(self) -> list[Change]:
        watched = await self._world.stores.threads.watched()
        return [change for change in watched if change.thread_id == self._thread.id and change.id not in self._left]


@contextmanager
def _interrupts(what: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C does this instead of ending the program."""
    running = asyncio.get_running_loop()
    running.add_signal_handler(signal.SIGINT, what)
    try:
        yield
    finally:
        running.remove_signal_handler(signal.SIGINT)
