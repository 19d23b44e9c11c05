"""Going through recorded turns again: which step each row came from, and, where the row is ours alone, the same row computed again.

What came from outside (a person's words, a command's output, a reply) cannot be computed; of these only the step is checked here.
The rows tell what was known when they were written, so neither a clock nor any service is asked.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.agent import answers, compaction, leaving, loop, reading, repeats
from bot.agent import calls as calls_
from bot.agent.asked_with import restore
from bot.changes.change import OPEN, Change, State
from bot.errors import StoreError
from bot.values.transcript import (
    Answered,
    Asked,
    Cleared,
    Compacted,
    Decided,
    Ended,
    Entry,
    Happened,
    Mode,
    Proposed,
    Replied,
    ToolResult,
)

_AT_ONCE = ("stopped", "waiting")
"""Reasons of ends that are written together with answers of the same status."""
_BY_THE_WORKER = ("limit", "failed")
"""Reasons of ends that budgets and failures outside of the rows bring about."""
_STOPPED_BY = re.compile(r"Stopped by (.*?)\. (?:Change|Nothing) ", re.DOTALL)


class Verdict(StrEnum):
    """What came of a row's comparison."""

    EQUAL = "equal"
    GIVEN = "given"  # it came from outside, at the right step
    UNKNOWN = "not comparable"  # the row does not tell what it was computed from
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict about one row. `expected` and `found` are texts to compare line by line; `note` is a sentence."""

    verdict: Verdict
    note: str = ""
    expected: str = ""
    found: str = ""


EQUAL = Finding(Verdict.EQUAL)
GIVEN = Finding(Verdict.GIVEN)


def check(entries: Sequence[Entry], changes: Mapping[int, Change], place: int) -> Finding:
    """Compares the entry at the place (from 0) with what follows from those before it. `changes` are the thread's as they are now."""
    try:
        return _check(entries, changes, place)
    except StoreError as exc:
        return Finding(Verdict.DIFFERS, str(exc))


def compare(expected: object, found: object) -> Finding:
    """Equal or not, byte for byte."""
    return EQUAL if expected == found else Finding(Verdict.DIFFERS, "", describe(expected), describe(found))


def describe(value: object) -> str:
    """A value with one field per line, the lines of its texts on lines of their own."""
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is None:
        text = value if isinstance(value, str) else repr(value)
        return text if "\n" not in text else "\n" + "\n".join(f"    {line!r}" for line in text.splitlines(keepends=True))
    return "\n".join(f"{name}: {describe(getattr(value, name))}" for name in fields)


def _check(entries: Sequence[Entry], changes: Mapping[int, Change], place: int) -> Finding:
    entry, before = entries[place], entries[:place]
    if isinstance(entry, Asked | Cleared):
        return GIVEN
    group = _written_at_once(entries, place)
    if group is not None:
        return _check_at_once(entries, changes, place, group)
    step = loop.next_step(
        before,
        _as_then(before, entry, changes),
        stop_requested_by="",
        max_steps=_max_steps(before, entry),
        has_model=not (isinstance(entry, Ended) and entry.reason == "no_model"),
        now=-math.inf,
    )
    match step, entry:
        case loop.AskModel(turn), Replied() if turn == entry.turn:
            return EQUAL
        case loop.AskModel(turn), Compacted():
            return _check_compacted(before, entry, turn)
        case loop.Finish(), Ended():
            return compare(Ended(step.turn, step.reason, step.text), entry)
        case _, Ended() if entry.reason in _BY_THE_WORKER and entry.turn == loop.active_turn(before):
            return GIVEN
        case loop.AnswerChange(), Answered(decided=Decided() as decided):
            proposed = _proposed(before, step.turn, step.call_id)
            return _check_told(changes[step.change_id], decided, entry, lambda change: _answer(step, proposed, change, decided))
        case loop.Report(), Happened(decided=Decided() as decided):
            return _check_told(
                changes[step.change_id], decided, entry, lambda change: answers.happened(change, step.turn, step.asker, decided.who)
            )
        case loop.AnswerChange() | loop.Report(), Answered(decided=None) | Happened(decided=None):
            return Finding(Verdict.UNKNOWN, "This row is from before rows kept what was known of the change.")
        case loop.RunCall() | loop.RunUndo(), Proposed() if (step.turn, step.call.id) == (entry.turn, entry.call_id):
            return GIVEN
        case loop.RunUndo(), Answered() if (step.turn, step.call.id) == (entry.turn, entry.call_id):
            return GIVEN
        case loop.RunCall(), Answered() if (step.turn, step.call.id) == (entry.turn, entry.call_id):
            return _check_call(before, step, entry)
    return _wrong_step(step, entry)


def _wrong_step(step: loop.Step, entry: Entry) -> Finding:
    note = f"The rows before it ask for {type(step).__name__}, from which no {type(entry).__name__} of turn {entry.turn} follows here."
    return Finding(Verdict.DIFFERS, note, describe(step), describe(entry))


def _max_steps(before: Sequence[Entry], entry: Entry) -> int:
    """A limit that the turn reaches just where it was reached; the setting may be another one now."""
    if isinstance(entry, Ended) and entry.reason == "limit":
        return sum(isinstance(e, Replied) and e.turn == entry.turn for e in before)
    return sys.maxsize


def _as_then(before: Sequence[Entry], entry: Entry, changes: Mapping[int, Change]) -> dict[int, Change]:
    """The changes that were there before the entry: open, unless a row before it, or the entry itself, tells of their end."""
    proposed = [e for e in before if isinstance(e, Proposed) and e.change_id in changes]
    settled: set[int] = set()
    for told in (*before, entry):
        if isinstance(told, Answered) and told.result.status != loop.WAITING:
            settled |= {i for e in proposed if (e.turn, e.call_id) == (told.turn, told.call_id) for i in _chain(changes, e.change_id)}
        elif isinstance(told, Happened) and told.change_id is not None:
            settled |= {i for e in proposed if told.change_id in (chain := _chain(changes, e.change_id)) for i in chain}
    known = {change_id: changes[change_id] for change_id in settled}
    for e in proposed:
        if e.change_id not in settled:
            known[e.change_id] = replace(changes[e.change_id], state=State.PROPOSED, superseded_by=None)
    return known


def _chain(changes: Mapping[int, Change], change_id: int) -> list[int]:
    """The change and those that took its place, as far as they are there."""
    found: list[int] = []
    following: int | None = change_id
    while following is not None and following in changes and following not in found:
        found.append(following)
        following = changes[following].superseded_by
    return found


def _proposed(entries: Iterable[Entry], turn: int, call_id: str) -> Proposed:
    return next(e for e in entries if isinstance(e, Proposed) and (e.turn, e.call_id) == (turn, call_id))


def _check_told(change: Change, decided: Decided, entry: Entry, compute: Callable[[Change], Entry]) -> Finding:
    """`compute` gives the row that tells of the change."""
    if decided.state not in set(State) or State(decided.state) in OPEN:
        return Finding(Verdict.DIFFERS, f"The row says that change {change.id} was {decided.state!r}, which no row can tell of.")
    if not change.writes:
        return Finding(Verdict.UNKNOWN, f"The requests of change {change.id} are forgotten, and what came of them with them.")
    return compare(compute(replace(change, state=State(decided.state), rollout=decided.rollout)), entry)


def _answer(step: loop.AnswerChange, proposed: Proposed, change: Change, decided: Decided) -> Answered:
    return Answered(step.turn, step.call_id, answers.of_change(proposed, change, decided.who), decided)


def _check_call(before: Sequence[Entry], step: loop.RunCall, entry: Answered) -> Finding:
    """The answer of a call that nothing was run for is ours alone."""
    if any(isinstance(e, Asked) and e.turn == step.turn and e.mode is Mode.EDIT for e in before):
        return GIVEN  # a note may tell what became of the change that was edited
    result = _without_running(before, step)
    if result is None:
        return GIVEN
    result = replace(result, command=step.shown)
    again = repeats.note(before, step.turn, step.shown, result)
    result = replace(result, note=" ".join(part for part in (result.note, again) if part))
    return compare(Answered(step.turn, step.call.id, result), entry)


def _without_running(before: Sequence[Entry], step: loop.RunCall) -> ToolResult | None:
    """None if the call was run, or if it was for the installer's tools or runbooks, which the rows do not hold."""
    if step.call.name not in (calls_.SHELL, calls_.READ_OUTPUT) and step.call.name in _offered(before):
        return repeats.refusal(before, step.turn, step.shown)
    refused = calls_.answer_without_running(step.call) or repeats.refusal(before, step.turn, step.shown)
    if refused is None and step.call.name == calls_.READ_OUTPUT:
        return reading.read(before, step.call.arguments)
    return refused


def _offered(before: Sequence[Entry]) -> set[str]:
    """Names of the tools that the last request offered, and of those that may always be offered."""
    last = max((place for place, e in enumerate(before) if isinstance(e, Replied) and e.request is not None), default=-1)
    replied = before[last] if last >= 0 else None
    names = {calls_.RUNBOOK}
    if isinstance(replied, Replied) and replied.request is not None:
        names |= {tool["name"] for tool in json.loads(restore(replied.request, before[:last]).tools or "[]")}
    return names


def _check_compacted(before: Sequence[Entry], entry: Compacted, turn: int) -> Finding:
    """The place is computed; a summary is the model's, an outline in its place is ours."""
    if not entry.target_tokens:
        return Finding(Verdict.UNKNOWN, "This row is from before rows kept what the conversation was to fit in.")
    plan = compaction.make_room(before, turn, entry.target_tokens, entry.output_chars)
    if plan is None or plan.needs_summary != bool(entry.summary):
        return Finding(Verdict.DIFFERS, "The rows before it ask for another way to make room.", describe(plan), describe(entry))
    if plan.needs_summary and not entry.model:
        return compare(replace(plan.place, summary=compaction.outline(before, plan.place)), entry)
    own = {name: getattr(plan.place, name) for name in ("turn", "replies", "target_tokens", "output_chars")}
    return compare(replace(entry, **own), entry)


def _written_at_once(entries: Sequence[Entry], place: int) -> range | None:
    """The places of the answers and the end that a stop, or a turn that gives way, writes at once; None if the entry is none of them."""
    turn = entries[place].turn

    def is_answer(entry: Entry) -> bool:
        return isinstance(entry, Answered) and entry.turn == turn and entry.result.status in _AT_ONCE

    last = next((at for at in range(place, len(entries)) if not is_answer(entries[at])), None)
    if last is None:
        return None
    end = entries[last]
    if not isinstance(end, Ended) or end.turn != turn or end.reason not in _AT_ONCE:
        return None
    first = place
    while first > 0 and is_answer(entries[first - 1]):
        first -= 1
    return range(first, last + 1)


def _check_at_once(entries: Sequence[Entry], changes: Mapping[int, Change], place: int, group: range) -> Finding:
    end, before = entries[group[-1]], entries[: group[0]]
    assert isinstance(end, Ended)
    stopped_by = _STOPPED_BY.match(end.text) if end.reason == "stopped" else None
    known = _as_then(before, end, changes)
    step = loop.next_step(
        before,
        known,
        stop_requested_by="somebody" if end.reason == "stopped" else "",
        max_steps=sys.maxsize,
        has_model=True,
        now=-math.inf,
    )
    match step:
        case loop.YieldTurn():
            written = leaving.give_way(before, step, known)
        case loop.Stop():
            written = leaving.stop(before, step, changes, stopped_by[1] if stopped_by else "somebody")
        case _:
            return _wrong_step(step, entries[place])
    position = place - group[0]
    return compare(written[position] if len(written) == len(group) else written, entries[place])
