"""What one person sees of everything: values for the App Home and the answers to slash commands."""

from __future__ import annotations

from dataclasses import dataclass

from bot.changes.change import Change
from bot.changes.freeze import Freeze


@dataclass(frozen=True, slots=True)
class ThreadLine:
    """A thread of theirs."""

    thread_id: str
    question: str
    """What was asked first."""
    state: str
    """`working`, `waiting` (for a decision) or `idle`"""
    active_at: float
    """Epoch seconds of the last thing that happened."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a cluster's API server answers right now."""

    cluster: str
    version: str
    """`v1.31.2`; '' if it does not answer"""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """Parts that are None are not shown."""

    now: float
    undo_seconds: float = 0.0
    """How long after its approval a change can be undone."""
    deciding: tuple[Change, ...] | None = None
    """Open changes the person may approve."""
    waiting: tuple[Change, ...] | None = None
    """Their own open changes that others decide."""
    recent: tuple[Change, ...] | None = None
    """Changes they asked for or decided, the newest first."""
    undoing: frozenset[int] = frozenset()
    """Those of them whose undo is asked for already."""
    threads: tuple[ThreadLine, ...] | None = None
    only_busy: bool = False
    """Whether idle threads were left out."""
    freezes: tuple[Freeze, ...] | None = None
    clusters: tuple[Health, ...] | None = None
    models: tuple[str, ...] | None = None
    problems: tuple[str, ...] | None = None
    """What is wrong with the installation, one sentence each."""
    refusal: str = ""
    """Why this person may not use the bot; nothing else is shown then."""
