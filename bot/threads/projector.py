"""Draws what a thread shows from its rows. Messages are projections: they are drawn again until the chat shows what the rows say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog

from bot.agent.loop import active_turn, asker_of
from bot.changes.change import Change, State
from bot.errors import StoreError, SurfaceError, SurfaceUnavailableError
from bot.threads import progress
from bot.threads.progress import Live
from bot.threads.reach import find_reach
from bot.threads.stores import Thread, load_history
from bot.threads.world import World
from bot.values.people import Reach
from bot.values.transcript import Asked, Ended, Entry

log = structlog.get_logger()

_PAUSE_SECONDS = 0.5
"""Between two drawings while work goes on: what changes faster is drawn once."""


class Projector:
    """Draws one thread. `live` is what its worker does right now; `poke` says that something changed."""

    def __init__(self, world: World, thread_id: str, poked: asyncio.Event) -> None:
        self.live = Live()
        self._world = world
        self._thread_id = thread_id
        self._poked = poked
        self._lock = asyncio.Lock()
        self._shown: dict[str, object] = {}
        """What this process drew by key, so that an equal drawing costs no call."""
        self._retry_at = 0.0

    def poke(self) -> None:
        self._poked.set()

    async def run(self) -> None:
        """Draws after every poke, until cancelled."""
        while True:
            await self._poked.wait()
            self._poked.clear()
            await asyncio.sleep(max(0.0, self._retry_at - time.monotonic()))
            await self.draw()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def close(self, running: asyncio.Task[None]) -> None:
        """Ends `run`, but not in the middle of a drawing."""
        async with self._lock:
            running.cancel()

    async def draw(self) -> bool:
        """Draws everything that is stale, oldest first; whether the thread now shows its rows."""
        async with self._lock:
            try:
                await self._draw()
            except (SurfaceUnavailableError, StoreError) as exc:
                pause = exc.retry_after_seconds if isinstance(exc, SurfaceUnavailableError) else None
                self._retry_at = time.monotonic() + (pause or 1.0)
                log.warning("thread_not_drawn", thread=self._thread_id, why=str(exc))
                return False
            return True

    async def _draw(self) -> None:
        stores = self._world.stores
        thread = await stores.threads.get(self._thread_id)
        if thread is None:
            return
        # Read before the rest: what changes in between is drawn too new, and then once more.
        undrawn = await stores.threads.undrawn(thread.id)
        entries, changes = await load_history(stores, thread.id)
        turns, question = progress.by_turn(entries), progress.question_of(entries)
        active = active_turn(entries)
        # A turn that waits for the one before has no message yet: it would stand above the answer of that one.
        queued = sum(active is not None and turn > active and isinstance(own[0], Asked) for turn, own in turns.items())
        fresh = [own for turn, own in turns.items() if turn > thread.drawn_turn and (active is None or turn <= active)]
        # A turn that waited for the one before may work already: its messages come after all of that one.
        later = list(undrawn.changes)
        for own in fresh[:-1]:
            await self._draw_progress(thread, own, changes, question)
            due = [drawn for drawn in later if drawn[0].turn == own[0].turn and drawn[0].state is not State.SUPERSEDED]
            await self._draw_changes(thread, due)
            later = [drawn for drawn in later if drawn not in due]
            await self._draw_texts(thread, own)
        for own in fresh[-1:]:
            await self._draw_progress(thread, own, changes, question, queued)
        for notice in undrawn.notices:
            await self._draw_text(thread, f"notice:{notice.key}", notice.text, whom=thread.owner)
            await stores.threads.drew_notice(thread.id, notice.key)
        await self._draw_changes(thread, later)
        for own in fresh[-1:]:
            await self._draw_texts(thread, own)
        await self._note_drawn(thread, fresh)

    async def _draw_changes(self, thread: Thread, undrawn: Sequence[tuple[Change, int]]) -> None:
        stores = self._world.stores
        # A superseded card last: it links to the one that took its place.
        for change, version in sorted(undrawn, key=lambda item: item[0].state is State.SUPERSEDED):
            freeze = await stores.freezes.active(change.cluster) if change.is_open else None
            reach = await self._find_reach(thread, change)
            show = partial(self._world.surface.show_change, thread, change, freeze=freeze, reach=reach)
            told = f"Change {change.id} ({change.state}) cannot be shown in its thread"
            await self._show(
                f"change:{change.id}", (change, version, freeze, reach), show, partial(self._tell, thread, change.asked_by, told)
            )
            await self._ping(thread, change, reach)
            await stores.threads.drew_change(change.id, version)

    async def _find_reach(self, thread: Thread, change: Change) -> Reach:
        """Of a change that waits; asked afresh when its approvers are reminded, for somebody may have been invited."""
        if change.state is not State.PROPOSED:
            return Reach.SEEN
        return await find_reach(self._world, thread.channel_id, change.asked_by, is_fresh=bool(change.reminded_at))

    async def _ping(self, thread: Thread, change: Change, reach: Reach) -> None:
        """What a card alone would not tell people in time."""
        if change.state is State.PROPOSED and change.reminded_at:
            tell = partial(self._tell, thread, change.asked_by, f"Nobody could be reminded of change {change.id}")
            show = partial(self._world.surface.show_reminder, thread, change, reach=reach)
            await self._show(f"remind:{change.id}", change.id, show, tell)
        elif change.state is State.EXPIRED and not change.is_shown_only:
            tell = partial(self._tell, thread, change.asked_by, f"Change {change.id} lapsed, which cannot be said in its thread")
            await self._show(f"lapsed:{change.id}", change.id, partial(self._world.surface.show_lapse, thread, change), tell)

    async def _draw_progress(
        self, thread: Thread, own: Sequence[Entry], changes: Mapping[int, Change], question: str, queued: int = 0
    ) -> None:
        if progress.has_progress(own, has_model=bool(self._world.models)):
            view = replace(progress.view_of(own, changes, thread.namespace, self.live), question=question, queued=queued)
            turn = own[0].turn
            await self._show(f"progress:{turn}", view, partial(self._world.surface.show_progress, thread, turn, view))

    async def _draw_texts(self, thread: Thread, own: Sequence[Entry]) -> None:
        for text in progress.texts_of(own):
            await self._draw_text(thread, text.key, text.text, text.code, whom=asker_of(own, own[0].turn))

    async def _draw_text(self, thread: Thread, key: str, text: str, code: str = "", *, whom: str) -> None:
        show = partial(self._world.surface.show_text, thread, key, text, code=code)
        await self._show(key, (text, code), show, partial(self._tell, thread, whom, "What I have to say cannot be shown in its thread"))

    async def _show(
        self, key: str, content: object, show: Callable[[], Awaitable[None]], tell: Callable[[str, str], Awaitable[None]] | None = None
    ) -> None:
        """`tell` says to a person that a message with this key was refused, and why."""
        if self._shown.get(key) == content:
            return
        try:
            await show()
        except SurfaceUnavailableError:
            raise
        except SurfaceError as exc:  # refused for good: trying again would not help, and must not hold up the rest
            log.exception("message_refused", thread=self._thread_id, key=key)
            if tell is not None:
                await tell(key, str(exc))
        self._shown[key] = content

    async def _tell(self, thread: Thread, whom: str, what: str, key: str, why: str) -> None:
        try:
            await self._world.surface.tell(whom or thread.owner, f"untold:{thread.id}:{key}", f"{what}. {why}", thread)
        except SurfaceUnavailableError:
            raise
        except SurfaceError:  # it ends here: nobody is left to tell
            log.exception("person_not_told", thread=self._thread_id, key=key)

    async def _note_drawn(self, thread: Thread, fresh: Sequence[Sequence[Entry]]) -> None:
        drawn = thread.drawn_turn
        for own in fresh:
            if own[0].turn != drawn + 1 or not any(isinstance(entry, Ended) for entry in own):
                break
            drawn += 1
        if drawn != thread.drawn_turn:
            await self._world.stores.threads.update(thread.id, drawn_turn=drawn)
