"""How this local Slack behaves: its workspace, its deadlines, its files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.devslack.fixture import build_default_workspace
from bot.devslack.values import Workspace


@dataclass(frozen=True, slots=True)
class Config:
    """The defaults are Slack's own figures; tests shorten them. Times are in seconds."""

    workspace: Workspace = field(default_factory=build_default_workspace)
    ack_seconds: float = 3.0
    """How long an envelope may stay unanswered."""
    retry_delays_seconds: tuple[float, ...] = (0.0, 60.0, 300.0)
    """Waits before each redelivery of an event, counted from the missed deadline. Their number is the number of retries."""
    keep_undelivered_events: bool = True
    """Hold events while no socket is connected (Slack's delayed events); false drops them."""
    trigger_seconds: float = 3.0
    response_url_seconds: float = 1800.0
    response_url_uses: int = 5
    status_seconds: float = 120.0
    """How long `assistant.threads.setStatus` shows without a post."""
    stream_seconds: float = 300.0
    """How long a stream may go on before Slack ends it."""
    max_connections: int = 10
    enforce_rates: bool = False
    """Answer 429 as soon as a method's rate is used up, without the bursts that Slack lets pass."""
    journal: Path | None = None
    """A JSONL file that outlives this process; without it everything is in memory."""
    setup_progress: Path | None = None
    """A JSON file that says what is being set up; the page shows it until it says it is done."""
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """How time passes between deliveries. Tests that shift the clock shift this with it."""
