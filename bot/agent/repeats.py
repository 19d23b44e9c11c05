"""What a model does again although nothing comes of it: commands that answer the same, changes that were turned down. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.agent import calls as calls_
from bot.changes.change import Change, State
from bot.values.transcript import Answered, Entry, Replied, ToolCall, ToolResult

_WINDOW = 12
"""How many calls back the same command counts as a repetition."""
_MOST = 2
"""Times that a call is run with the same answer."""
SAME = "This is the same command with the same output as before: nothing has changed, so do not run it again."
"""What an answer adds if the same call was made before and its answer was the same."""
_REFUSED = "Not run: this call gave the same answer"
_TURNED_DOWN = frozenset({State.DENIED, State.FAILED})
_LANDED = frozenset({State.DONE, State.UNDONE, State.PARTIAL, State.UNKNOWN})
_CHANGED = frozenset({"applied", "partial", "unknown"})
"""Statuses of answers after which any other command may answer differently."""


def refusal(entries: Sequence[Entry], turn: int, shown: str) -> ToolResult | None:
    """The answer of a call that was run often enough, with the same answer each time; None if it may run. `shown` is the call as
    people read it."""
    before = _same_before(entries, turn, shown)
    if before < _MOST:
        return None
    return ToolResult(
        status="error",
        command=shown,
        note=f"{_REFUSED} {before} times. Do something else, wait in the command itself (sleep) if you expect a change, or answer with "
        "what you know.",
    )


def note(entries: Sequence[Entry], turn: int, shown: str, result: ToolResult) -> str:
    """`SAME` where it is so; '' otherwise."""
    before = _runs(entries, turn, shown)
    return SAME if before and _same_answer(before[0], result) else ""


def find_turned_down(changes: Iterable[Change], turn: int, digest: str) -> Change | None:
    """The change of this turn with the same requests that was denied or failed, unless another one landed since: what is asked for
    again after that may be right."""
    own = sorted((change for change in changes if change.turn == turn), key=lambda change: change.id)
    landed = max((change.id for change in own if change.state in _LANDED), default=0)
    same = [change for change in own if change.id > landed and change.digest == digest and _is_turned_down(change)]
    return same[-1] if same else None


def _is_turned_down(change: Change) -> bool:
    """Also where nobody who may approve sees it: that does not change by asking again."""
    return change.state in _TURNED_DOWN or change.is_shown_only


def _same_before(entries: Sequence[Entry], turn: int, shown: str) -> int:
    """How many times the call was run before with the answer that it gave last."""
    count = 0
    runs = _runs(entries, turn, shown)
    for result in runs:
        if not _same_answer(runs[0], result):
            break
        count += 1
    return count


def _runs(entries: Sequence[Entry], turn: int, shown: str) -> list[ToolResult]:
    """What the call answered among the last calls, the newest first: back to where another one changed the cluster."""
    found = []
    for made, result in reversed(_calls_of_model(entries, turn)[-_WINDOW:]):
        if calls_.shown(made).strip() == shown.strip():  # spaces within may be what an attempt at a manifest is about
            if not result.note.startswith(_REFUSED):
                found.append(result)
        elif result.status in _CHANGED:
            break
    return found


def _calls_of_model(entries: Sequence[Entry], turn: int) -> list[tuple[ToolCall, ToolResult]]:
    """The answered calls of the turn, in the order of their answers."""
    made = {call.id: call for entry in entries if isinstance(entry, Replied) and entry.turn == turn for call in entry.calls}
    answered = [entry for entry in entries if isinstance(entry, Answered) and entry.turn == turn]
    return [(made[entry.call_id], entry.result) for entry in answered if entry.call_id in made]


def _same_answer(one: ToolResult, other: ToolResult) -> bool:
    return (one.status, one.exit_code, one.stdout, one.stderr) == (other.status, other.exit_code, other.stdout, other.stderr)
