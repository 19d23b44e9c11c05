"""A thread on the screen of the one person who sits there."""

# ruff: noqa: ARG002 – the port names more than a terminal needs

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from bot.agent import calls as calls_
from bot.agent import observation
from bot.changes.change import Change, State
from bot.changes.freeze import Freeze
from bot.chat.cards import render_card
from bot.chat.screen import Screen
from bot.chat.trace import Trace
from bot.errors import SurfaceError
from bot.local.surface import SilentSurface
from bot.threads.ports import Clock, ProgressView
from bot.threads.stores import Thread, Threads
from bot.values.people import Reach
from bot.values.transcript import Answered, Entry, Proposed, Replied, ToolCall

_PASSING = frozenset({State.APPROVED, State.REPLAYING})
"""States that are over before anybody has read them."""


class TerminalSurface(SilentSurface):
    """Writes each thing once, in the order in which it happened, as the transcript has it."""

    def __init__(
        self,
        screen: Screen,
        threads: Threads,
        *,
        undo_seconds: float,
        clock: Clock = time.time,
        shows_output: bool = False,
        trace: Trace | None = None,
    ) -> None:
        self._screen = screen
        self._threads = threads
        self._undo_seconds = undo_seconds
        self._clock = clock
        self._shows_output = shows_output
        self._trace = trace
        self._seen: dict[str, int] = {}
        """Entries of each thread that were dealt with."""
        self._begun: set[tuple[str, int, str]] = set()
        """Calls whose command was shown: thread, turn, id."""
        self._texts: dict[str, set[str]] = {}
        self._cards: dict[int, object] = {}

    async def pass_over(self, thread_id: str) -> None:
        """Takes what happened so far for shown: the person saw it in another process."""
        self._seen[thread_id] = len(await self._threads.transcript(thread_id))

    async def catch_up(self, thread_id: str) -> Sequence[Entry]:
        """Shows what happened since; the whole transcript."""
        entries = await self._threads.transcript(thread_id)
        for number in range(self._seen.get(thread_id, 0), len(entries)):
            self._seen[thread_id] = number + 1
            self._tell(thread_id, entries, entries[number])
        return entries

    def _tell(self, thread_id: str, entries: Sequence[Entry], entry: Entry) -> None:
        if self._trace is not None:
            self._trace.write_entry(entry)
        match entry:
            case Replied() if entry.calls:  # a reply without calls is the answer, which comes as a text
                self._screen.rest()  # what was shown of it while it came
                self._screen.show_answer(entry.text)
            case Proposed() | Answered():
                call = next((call for call in calls_.of_turn(entries, entry.turn) if call.id == entry.call_id), None)
                if call is not None:
                    self._begin(thread_id, entry.turn, call)
                if isinstance(entry, Answered) and self._shows_output:
                    self._screen.show_output(observation.for_people(entry.result))

    def _begin(self, thread_id: str, turn: int, call: ToolCall) -> None:
        key = (thread_id, turn, call.id)
        if key not in self._begun:
            self._begun.add(key)
            self._screen.show_running(calls_.shown(call))

    async def show_progress(self, thread: Thread, turn: int, view: ProgressView) -> None:
        """See `threads.ports.Surface.show_progress`."""
        entries = await self.catch_up(thread.id)
        for call, step in zip(calls_.of_turn(entries, turn), view.steps, strict=False):
            if step.state == "running":
                self._begin(thread.id, turn, call)
        if view.state == "working":
            is_said = any(isinstance(e, Replied) and e.turn == turn and e.text.startswith(view.thinking) for e in entries)
            self._screen.show_now(view.headline, "" if is_said else view.thinking)

    async def show_change(self, thread: Thread, change: Change, *, freeze: Freeze | None = None, reach: Reach = Reach.SEEN) -> None:
        """See `threads.ports.Surface.show_change`. A rollout is shown as it goes on, and once more in the card when it has settled."""
        await self.catch_up(thread.id)
        if change.state in _PASSING:
            self._screen.show_now(f"applying change {change.id}")
            return
        shown = (change.state, change.rollout_settled)
        if self._cards.get(change.id) != shown:
            self._cards[change.id] = shown
            self._screen.show_card(render_card(change, undo_seconds=self._undo_seconds, now=self._clock()))
        if freeze is not None and change.is_open:
            self._screen.say(f"{change.cluster} is frozen: {freeze.reason}")

    async def show_text(self, thread: Thread, key: str, text: str, *, code: str = "") -> None:
        """See `threads.ports.Surface.show_text`."""
        await self.catch_up(thread.id)
        told = self._texts.setdefault(thread.id, set())
        if key in told:
            return
        told.add(key)
        self._screen.rest()
        if key.startswith("answer:"):
            self._screen.show_answer(text, code)
        else:
            self._screen.say(text)
        if self._trace is not None:
            self._trace.write("ui.render", {"text": text, "code": code})

    async def share_file(self, thread: Thread, key: str, name: str, title: str, content: str) -> None:
        """Writes it into the folder that this program was called in."""
        path = Path(f"{thread.thread_ts}-{name}")
        try:
            await asyncio.to_thread(path.write_text, content, encoding="utf-8")
        except OSError as exc:
            raise SurfaceError(f"{path} cannot be written: {exc.strerror}.") from exc
        self._screen.say(f"{title}: {path}")

    async def whisper(self, channel_id: str, thread_ts: str, user_id: str, text: str) -> None:
        """See `threads.ports.Surface.whisper`."""
        self._screen.say(text)
