"""How a turn ends in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.changes.change import Change, State
from bot.values.transcript import Ended, Entry, Replied

_NO_MODEL = (
    "I have no model, so I cannot answer questions: set GEMINI_API_KEY and start me again. "
    "What works without one: command lines (`kubectl get pods`, or `! ` and any shell line) and `triage [namespace]`."
)

STOP_REASON = "The turn was stopped."
"""The reason of changes that a stop withdrew."""
_BEGUN = {
    State.DONE: "was applied before that",
    State.UNDONE: "was applied before that",
    State.PARTIAL: "was applied in part before that",
    State.UNKNOWN: "may have been applied before that: check it",
    State.FAILED: "was refused by the API server",
}


def text_of_finish(reply: Replied) -> tuple[str, str]:
    """(reason, what the thread is told besides the reply's own text) for the last reply of a turn, which calls no tool."""
    match reply.finish:
        case "length":
            return "answered", "The answer was cut off at the model's output limit. Write `continue` to get the rest."
        case "safety":
            return "failed", "The model's service blocked this answer. Ask in other words, or run the command yourself with `! …`."
        case "malformed":
            return "failed", "The model tried to call a tool in a way that cannot be read, several times. Ask again, or in smaller steps."
        case "empty":
            return "failed", "The model gave an empty answer, several times. Ask again, or in other words."
        case _:
            return "answered", ""


def no_model_text(entries: Iterable[Entry]) -> str:
    """The long explanation once per thread, one short sentence after that."""
    said = any(isinstance(e, Ended) and e.reason == "no_model" and e.text for e in entries)
    return "No model is set up; command lines and `triage [namespace]` work." if said else _NO_MODEL


def text_of_stop(name: str, own: Sequence[Change], withdrawn: Sequence[int]) -> str:
    """What the turn did and did not do; `own` are its changes. A change that an interrupted stop withdrew already is told like the
    others."""
    begun = [change for change in own if change.state in _BEGUN]
    parts = [f"Change {change.id} {_BEGUN[change.state]}." for change in begun]
    if all(change.state is State.FAILED for change in begun):
        parts.append("Nothing was changed in the cluster.")
    before = [change.id for change in own if change.state is State.DENIED and change.reason == STOP_REASON]
    parts += [f"Change {change_id} is withdrawn." for change_id in sorted({*withdrawn, *before})]
    return f"Stopped by {name}. {' '.join(parts)}"
