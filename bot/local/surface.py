"""A chat with nobody in it but the person at this machine. Implements `threads.ports.Surface` and shows nothing: a terminal adds that."""

# ruff: noqa: ARG002 – the port names more than there is here

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from bot.changes.change import Change
from bot.changes.freeze import Freeze
from bot.errors import SurfaceError
from bot.threads.inbound.incoming import Glance
from bot.threads.inbound.overview import Overview
from bot.threads.ports import ProgressView
from bot.threads.stores import Thread
from bot.values.people import Person, Reach

log = structlog.get_logger()

TEAM = "local"
ME = "local"
"""The person at this machine."""
RULE = "rule"
"""Who approves where the person said beforehand that changes are approved (`--skip-permissions`)."""
CLIENT = "client"
"""A program that proposes changes over MCP; it may decide about none."""
PEOPLE: Mapping[str, Person] = {
    ME: Person(ME, TEAM, "you"),
    RULE: Person(RULE, TEAM, "the rule --skip-permissions"),
    CLIENT: Person(CLIENT, TEAM, "an MCP client", is_program=True),
}


class SilentSurface:
    """Knows who is who; what is to be shown can be read from the database."""

    async def show_progress(self, thread: Thread, turn: int, view: ProgressView) -> None:
        """See `threads.ports.Surface.show_progress`."""

    async def show_change(self, thread: Thread, change: Change, *, freeze: Freeze | None = None, reach: Reach = Reach.SEEN) -> None:
        """See `threads.ports.Surface.show_change`."""

    async def show_text(self, thread: Thread, key: str, text: str, *, code: str = "") -> None:
        """See `threads.ports.Surface.show_text`."""

    async def share_file(self, thread: Thread, key: str, name: str, title: str, content: str) -> None:
        """See `threads.ports.Surface.share_file`."""

    async def whisper(self, channel_id: str, thread_ts: str, user_id: str, text: str) -> None:
        """See `threads.ports.Surface.whisper`."""
        log.info("not_told", user=user_id)

    async def tell(self, user_id: str, key: str, text: str, thread: Thread | None = None) -> None:
        """See `threads.ports.Surface.tell`."""
        log.info("not_told", user=user_id, key=key)

    async def person(self, user_id: str) -> Person:
        """See `threads.ports.Surface.person`."""
        found = PEOPLE.get(user_id)
        if found is None:
            raise SurfaceError(f"There is nobody named {user_id} here.")
        return found

    async def members_of(self, group_id: str) -> frozenset[str]:
        """There are no groups."""
        return frozenset()

    async def channel_refusal(self, channel_id: str) -> str:
        """Nothing is refused."""
        return ""

    async def is_member(self, channel_id: str, user_id: str, *, is_fresh: bool = False) -> bool:
        """Everybody is."""
        return user_id in PEOPLE

    async def find_problems(self) -> Sequence[str]:
        """There is nothing that could be wrong."""
        return ()

    async def start_thread(self, channel_id: str, key: str, user_id: str, text: str) -> str:
        """A thread has no root message here."""
        return key

    async def shows_whole(self, change: Change) -> bool:
        """A terminal takes every card."""
        return True

    async def show_reminder(self, thread: Thread, change: Change, *, reach: Reach = Reach.SEEN) -> None:
        """Who may approve sits at the prompt."""

    async def show_lapse(self, thread: Thread, change: Change) -> None:
        """The card says it."""

    async def show_details(self, trigger_id: str, change: Change) -> None:
        """There are no windows here, nor for those below."""

    async def ask_reason(self, trigger_id: str, change: Change, *, is_home: bool = False) -> None: ...

    async def ask_command(self, trigger_id: str, change: Change) -> None: ...

    async def show_output(self, glance: Glance, text: str, code: str) -> None: ...

    async def show_home(self, user_id: str, overview: Overview) -> None: ...

    async def whisper_overview(self, channel_id: str, user_id: str, overview: Overview) -> None:
        """There is no slash command."""

    async def suggest(self, channel_id: str) -> None:
        """Nobody opens this app."""
