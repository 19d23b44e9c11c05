"""Whatever a thread went through, and however it was made shorter, both services accept its history: each call has exactly one answer,
and roles alternate as the service wants it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agent import compaction, history
from bot.agent.history import UserSaid
from bot.values.transcript import Answered, Asked, Cleared, Compacted, Ended, Entry, Happened, Mode, Replied, ToolCall, ToolResult
from tests.unit.agent.services import assert_accepted, content_of


@dataclass(frozen=True)
class Turn:
    """What a turn goes through."""

    start: str
    rounds: tuple[tuple[str, int], ...]
    """Each reply: what it is, and its number of calls."""
    service: str
    output: int
    compact: tuple[int, ...]
    """Rooms for which it is made shorter, one before each reply as long as they last."""
    clear: int | None
    """The reply before which a person clears what came before the turn."""


TURN = st.builds(
    Turn,
    start=st.sampled_from(["question", "question", "question", "command", "happened"]),
    rounds=st.lists(st.tuples(st.sampled_from(["calls", "calls", "calls", "empty", "malformed"]), st.integers(1, 3)), max_size=8).map(
        tuple
    ),
    service=st.sampled_from(["gemini", "openai", "unknown"]),
    output=st.sampled_from([10, 500, 6_000]),
    compact=st.lists(st.sampled_from([4_000, 8_000, 20_000]), max_size=8).map(tuple),
    clear=st.sampled_from([None, None, 0, 1, 3]),
)


def rows_of(number: int, turn: Turn, before: list[Entry]) -> list[Entry]:
    rows: list[Entry] = []
    if turn.start == "happened":
        rows.append(Happened(number, "Change 7 was applied.", 7, "U1"))
    else:
        rows.append(Asked(number, "U1", "kubectl get pods", Mode.COMMAND if turn.start == "command" else Mode.QUESTION))
    if turn.start == "command":
        return [
            *rows,
            Answered(number, f"call-{number}", ToolResult("ok", "kubectl get pods", 0, "x" * turn.output)),
            Ended(number, "answered"),
        ]
    rooms = list(turn.compact)
    for place, (kind, count) in enumerate(turn.rounds):
        if place == turn.clear and number > 1:
            rows.append(Cleared(number - 1, "U1"))
        if rooms:
            rows += shortened([*before, *rows], rooms.pop(0))
        if kind != "calls":
            rows.append(Replied(number, "m", "", "", finish=kind))
            continue
        calls = tuple(ToolCall(f"{number}-{place}-{i}", "shell" if i else "functions.shell", {"command": "ls"}) for i in range(count))
        rows.append(Replied(number, "m", content_of(turn.service, calls), "I look.", calls))
        rows += [Answered(number, call.id, ToolResult("ok", "ls", 0, f"output of {call.id} " + "x" * turn.output)) for call in calls]
    return rows


def shortened(rows: list[Entry], room: int) -> list[Entry]:
    """What is appended to make the conversation fit, as the worker does it."""
    added: list[Entry] = []
    while (plan := compaction.plan([*rows, *added], room)) is not None:
        added.append(replace(plan.place, summary="A summary." if plan.needs_summary else ""))
        assert len(added) < 20
    return added


@settings(max_examples=150, deadline=None)
@given(st.lists(TURN, min_size=1, max_size=5))
def test_the_history_stays_valid_for_both_services_after_any_compaction_and_clearing(turns: list[Turn]) -> None:
    rows: list[Entry] = []
    for number, turn in enumerate(turns, start=1):
        rows += rows_of(number, turn, rows)
        if turn.start == "command":
            continue
        assert_accepted(rows)  # as the model is asked in the middle of a turn
        place = Compacted(number, min(2, len(turn.rounds)))
        assert_accepted(list(compaction.to_summarize(rows, place)))
        rows += [Replied(number, "m", "", "All is well."), Ended(number, "answered")]
    asked = Asked(len(turns) + 1, "U2", "and now?", Mode.QUESTION)
    assert_accepted([*rows, asked])
    assert history.messages([*rows, Cleared(len(turns), "U1"), asked]) == (UserSaid("U2 asks:\nand now?"),)
