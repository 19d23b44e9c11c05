"""What is to be shown: drafts of messages, and the place where a key's newest draft waits for its turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.slack import limits
from bot.slack.door.throttle import Priority, Ticket
from bot.slack.rendering.answers import SOMETHING, File, Otherwise
from bot.slack.rendering.blocks import Rendered


@dataclass(frozen=True, slots=True)
class Draft:
    """What the message of a key should look like. `thread_ts` is empty for the root of a new thread."""

    key: str
    thread_id: str
    channel: str
    thread_ts: str
    rendered: Rendered
    priority: Priority
    file: File | None = None
    """A file instead of a message: shared once, never edited."""
    otherwise: Otherwise = SOMETHING


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds."""

    progress: float = limits.PROGRESS_SECONDS
    stream: float = limits.STREAM_SECONDS
    settle: float = 1.0
    """How long a lost post may take to show up in Slack's history: it is looked for before and after this."""
    backoff: float = 0.5
    """Pause after the first lost call; doubles each time."""
    give_up: float = 30.0
    """How long one message is tried for before its caller is told to try later."""


@dataclass(slots=True)
class Slot:
    """A key that is being worked on."""

    draft: Draft
    ticket: Ticket
    wanted: int = 1
    """Number of the newest draft."""
    drawn: int = 0
    is_urgent: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: list[tuple[int, asyncio.Future[str]]] = field(default_factory=list)
    after: asyncio.Event | None = None
    """Set when what was begun earlier in the thread is out."""
    out: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when what comes later in the thread need not wait for this one any more."""
    task: asyncio.Task[None] | None = None
    deadline: float = 0.0
    """When the present attempt is given up, in the event loop's time."""
    lost: int = 0
    """Calls of the present attempt whose outcome nobody knows."""
