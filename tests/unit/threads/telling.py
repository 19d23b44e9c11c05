"""What the rows of a thread tell, in short."""

from __future__ import annotations

from collections.abc import Sequence

from bot.values.transcript import Answered, Ended, Entry


def results(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    return [(e.call_id, e.result.status) for e in entries if isinstance(e, Answered)]


def ends(entries: Sequence[Entry]) -> list[tuple[int, str]]:
    return [(e.turn, e.reason) for e in entries if isinstance(e, Ended)]
