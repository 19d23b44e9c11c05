"""A chat in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from bot.changes.change import Change
from bot.changes.freeze import Freeze
from bot.errors import SurfaceError, SurfaceUnavailableError
from bot.threads.inbound.incoming import Glance
from bot.threads.inbound.overview import Overview
from bot.threads.ports import ProgressView
from bot.threads.stores import Thread
from bot.values.people import Person, Reach


class FakeSurface:
    """A chat. Showing is idempotent by key, as the port demands."""

    def __init__(self) -> None:
        self.people = {
            "U1": Person("U1", "T1", "ada"),
            "U2": Person("U2", "T1", "bob"),
            "UG": Person("UG", "T1", "guest", is_guest=True),
        }
        self.groups: dict[str, frozenset[str]] = {"S1": frozenset({"U2"})}
        self.refused_channels: dict[str, str] = {}
        self.texts: dict[str, dict[str, tuple[str, str]]] = {}
        self.files: dict[str, dict[str, tuple[str, str]]] = {}
        self.progress: dict[tuple[str, int], list[ProgressView]] = {}
        self.cards: dict[int, list[Change]] = {}
        self.cut: set[int] = set()
        """Changes of which only a part is shown."""
        self.freezes: dict[int, Freeze | None] = {}
        """What the last picture of a card said of a freeze."""
        self.reaches: dict[int, Reach] = {}
        """What it said of who sees it."""
        self.whispers: list[tuple[str, str]] = []
        self.told: dict[str, tuple[str, str]] = {}
        """In direct messages, by key."""
        self.modals: list[tuple[str, int]] = []
        self.pings: list[tuple[str, int]] = []
        """Whom it was told that changes lapse soon or lapsed; unlike in a real chat, a second drawing is seen here."""
        self.outputs: list[tuple[Glance, str, str]] = []
        self.overviews: list[tuple[str, Overview]] = []
        self.homes: dict[str, Overview] = {}
        self.suggested: list[str] = []
        self.strange_channels: set[str] = set()
        self.shown: list[str] = []
        """The messages in the order in which they first came."""
        self.roots: dict[str, str] = {}
        self.is_down = False
        self.takes_no_message = False
        self.refused_keys: set[str] = set()
        """Messages that Slack refuses for good."""
        self.on_show: Callable[[], None] = lambda: None

    async def start_thread(self, channel_id: str, key: str, user_id: str, text: str) -> str:
        await self._reach()
        return self.roots.setdefault(key, f"{900 + len(self.roots)}.1")

    async def show_progress(self, thread: Thread, turn: int, view: ProgressView) -> None:
        await self._take(f"progress:{turn}")
        self.progress.setdefault((thread.id, turn), []).append(view)
        self.on_show()

    async def show_change(self, thread: Thread, change: Change, *, freeze: Freeze | None = None, reach: Reach = Reach.SEEN) -> None:
        await self._take(f"change:{change.id}")
        self.freezes[change.id] = freeze
        self.reaches[change.id] = reach
        self.cards.setdefault(change.id, []).append(change)
        self.on_show()

    async def shows_whole(self, change: Change) -> bool:
        await self._reach()
        return change.id in self.cards and change.id not in self.cut

    async def show_text(self, thread: Thread, key: str, text: str, *, code: str = "") -> None:
        await self._take(key)
        self.texts.setdefault(thread.id, {})[key] = (text, code)
        self.on_show()

    async def share_file(self, thread: Thread, key: str, name: str, title: str, content: str) -> None:
        await self._reach()
        self.files.setdefault(thread.id, {})[key] = (name, content)

    async def whisper(self, channel_id: str, thread_ts: str, user_id: str, text: str) -> None:
        await self._reach()
        self.whispers.append((user_id, text))

    async def tell(self, user_id: str, key: str, text: str, thread: Thread | None = None) -> None:
        await self._reach()
        self.told.setdefault(key, (user_id, text))

    async def whisper_overview(self, channel_id: str, user_id: str, overview: Overview) -> None:
        await self._reach()
        self.overviews.append((user_id, overview))

    async def show_home(self, user_id: str, overview: Overview) -> None:
        await self._reach()
        self.homes[user_id] = overview

    async def suggest(self, channel_id: str) -> None:
        await self._reach()
        self.suggested.append(channel_id)

    async def is_member(self, channel_id: str, user_id: str, *, is_fresh: bool = False) -> bool:
        await self._reach()
        return channel_id not in self.strange_channels

    async def find_problems(self) -> Sequence[str]:
        await self._reach()
        return ["The Slack app lacks the scope files:write."]

    async def show_details(self, trigger_id: str, change: Change) -> None:
        await self._reach()
        self.modals.append(("details", change.id))

    async def show_output(self, glance: Glance, text: str, code: str) -> None:
        await self._reach()
        self.outputs.append((glance, text, code))

    async def ask_reason(self, trigger_id: str, change: Change, *, is_home: bool = False) -> None:
        await self._reach()
        self.modals.append(("reason at home" if is_home else "reason", change.id))

    async def ask_command(self, trigger_id: str, change: Change) -> None:
        await self._reach()
        self.modals.append(("edit", change.id))

    async def show_reminder(self, thread: Thread, change: Change, *, reach: Reach = Reach.SEEN) -> None:
        await self._reach()
        self.pings.append(("remind" if reach is Reach.SEEN else "remind asker", change.id))

    async def show_lapse(self, thread: Thread, change: Change) -> None:
        await self._reach()
        self.pings.append(("lapsed", change.id))

    async def person(self, user_id: str) -> Person:
        await self._reach()
        return self.people[user_id]

    async def members_of(self, group_id: str) -> frozenset[str]:
        await self._reach()
        return self.groups[group_id]

    async def channel_refusal(self, channel_id: str) -> str:
        await self._reach()
        return self.refused_channels.get(channel_id, "")

    async def _take(self, key: str) -> None:
        await self._reach()
        if self.takes_no_message:
            raise SurfaceUnavailableError("Slack takes no message.")
        if key in self.refused_keys:
            raise SurfaceError("This channel is archived; use another one.")
        if key not in self.shown:
            self.shown.append(key)

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.is_down:
            raise SurfaceUnavailableError("Slack does not answer.")
