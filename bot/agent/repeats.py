"""Commands that a model runs again and again although nothing comes of it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent import calls as calls_
from bot.values.transcript import Answered, Entry, Replied, ToolCall, ToolResult

_MOST = 3
"""Times in a row that a call is run in one turn with the same answer."""
SAME = "This is the same command with the same output as just before: nothing has changed, so do not run it again."
"""What an answer adds if the call before was the same and so was its answer."""
_REFUSED = "Not run: this call gave the same answer"


def refusal(entries: Sequence[Entry], turn: int, shown: str) -> ToolResult | None:
    """The answer of a call that was run just before, often enough, with the same answer each time; None if it may run. `shown` is the
    call as people read it."""
    before = _same_before(entries, turn, shown)
    if before < _MOST:
        return None
    return ToolResult(
        status="error",
        command=shown,
        note=f"{_REFUSED} {before} times in a row. Do something else, or answer with what you know.",
    )


def note(entries: Sequence[Entry], turn: int, shown: str, result: ToolResult) -> str:
    """`SAME` where it is so; '' otherwise."""
    last = _calls_of_model(entries, turn)
    if not last:
        return ""
    previous_call, previous = last[-1]
    if calls_.shown(previous_call) == shown and _same_answer(previous, result):
        return SAME
    return ""


def _same_before(entries: Sequence[Entry], turn: int, shown: str) -> int:
    """How many calls just before this one were the same, with the same answer."""
    count = 0
    last: ToolResult | None = None
    for made, result in reversed(_calls_of_model(entries, turn)):
        if calls_.shown(made) != shown:
            break
        if result.note.startswith(_REFUSED):
            continue
        if last is not None and not _same_answer(last, result):
            break
        count, last = count + 1, result
    return count


def _calls_of_model(entries: Sequence[Entry], turn: int) -> list[tuple[ToolCall, ToolResult]]:
    """The answered calls of the turn, in the order of their answers."""
    made = {call.id: call for entry in entries if isinstance(entry, Replied) and entry.turn == turn for call in entry.calls}
    answered = [entry for entry in entries if isinstance(entry, Answered) and entry.turn == turn]
    return [(made[entry.call_id], entry.result) for entry in answered if entry.call_id in made]


def _same_answer(one: ToolResult, other: ToolResult) -> bool:
    return (one.status, one.exit_code, one.stdout, one.stderr) == (other.status, other.exit_code, other.stdout, other.stderr)
