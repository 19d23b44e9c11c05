"""Going through recorded turns again: which step each row came from, and, where the row is ours alone, the same row computed again.

What came from outside (a person's words, a command's output, a reply) cannot be computed; of these only the step is checked here, and
what the bot added to them. The rows tell what was known when they were written, so neither a clock nor any service is asked.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bot.agent import answers, compaction, leaving, loop, retracing_calls, retracing_ends
from bot.agent.findings import (
    EQUAL,
    FAILED,
    FORGOTTEN,
    NAMED,
    SAID,
    SUMMED_UP,
    UNTOLD_CHANGE,
    UNTOLD_ROOM,
    Finding,
    Verdict,
    compare,
    describe,
)
from bot.changes.change import OPEN, Change, State
from bot.errors import StoreError
from bot.values.transcript import Answered, Asked, Cleared, Compacted, Ended, Entry, Happened, Proposed, Replied

_STOPPED_BY = re.compile(r"Stopped by (.*?)\. (?:Change|Nothing) ", re.DOTALL)
_NOTHING_SENT = (State.DENIED, State.EXPIRED, State.SUPERSEDED)
"""States whose sentences tell nothing of a change's requests."""


def check(entries: Sequence[Entry], changes: Mapping[int, Change], place: int) -> Finding:
    """Compares the entry at the place (from 0) with what follows from those before it. `changes` are the thread's as they are now."""
    try:
        return _check(entries, changes, place)
    except StoreError as exc:
        return Finding(Verdict.DIFFERS, str(exc))


def _check(entries: Sequence[Entry], changes: Mapping[int, Change], place: int) -> Finding:
    entry, before = entries[place], entries[:place]
    if isinstance(entry, Asked | Cleared):
        return _check_said(before, entry)
    group = _written_at_once(entries, place)
    if group is not None:
        return _check_at_once(entries, changes, place, group)
    then = _as_then(before, entry, changes)
    step = loop.next_step(
        before,
        then,
        stop_requested_by="",
        max_steps=retracing_ends.max_steps(entry),
        has_model=not (isinstance(entry, Ended) and entry.reason == "no_model"),
        now=-math.inf,
    )
    match step, entry:
        case loop.AskModel(turn), Replied() if turn == entry.turn:
            return EQUAL
        case loop.AskModel(turn), Compacted():
            return _check_compacted(before, entry, turn)
        case loop.AskModel(turn), Ended(reason="limit") if turn == entry.turn:
            return retracing_ends.check_budget(before, entry)
        case loop.Finish(), Ended():
            return compare(Ended(step.turn, step.reason, step.text), entry)
        case _, Ended(reason="failed") if entry.turn == loop.active_turn(before):
            return retracing_ends.check_failure(before, entry)
        case loop.AnswerChange() | loop.Report(), Answered() | Happened():
            return _check_told(before, changes, step, entry)
        case loop.RunCall() | loop.RunUndo(), Proposed() | Answered() if (step.turn, step.call.id) == (entry.turn, entry.call_id):
            return retracing_calls.check(before, then, changes, step, entry)
    return _wrong_step(step, entry)


def _wrong_step(step: loop.Step, entry: Entry) -> Finding:
    note = f"The rows before it ask for {type(step).__name__}, from which no {type(entry).__name__} of turn {entry.turn} follows here."
    return Finding(Verdict.DIFFERS, note, describe(step), describe(entry))


def _check_said(before: Sequence[Entry], entry: Asked | Cleared) -> Finding:
    """A question's turn is the next one; only turns that are over can be forgotten."""
    last = max((e.turn for e in before), default=0)
    if isinstance(entry, Asked):
        return compare(replace(entry, turn=last + 1), entry, SAID)
    over = (loop.active_turn(before) or last + 1) - 1
    if 0 < entry.turn <= over:
        return SAID
    return Finding(Verdict.DIFFERS, f"The turns that are over before it are those up to {over}.", "", describe(entry))


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


def _while_open(
    before: Sequence[Entry], known: Mapping[int, Change], changes: Mapping[int, Change], step: loop.YieldTurn
) -> Iterator[Mapping[int, Change]]:
    """The changes as they may have been while the first call waited: no row tells when another took the place of the one it proposed."""
    chain = _chain(changes, leaving.proposed_of(before, step.turn)[step.call_ids[0]].change_id)
    for last in chain:
        yield {
            **known,
            **{i: replace(changes[i], state=State.SUPERSEDED) for i in chain[: chain.index(last)]},
            last: replace(changes[last], state=State.PROPOSED, superseded_by=None),
        }


def _chain(changes: Mapping[int, Change], change_id: int) -> list[int]:
    """The change and those that took its place, as far as they are there."""
    found: list[int] = []
    following: int | None = change_id
    while following is not None and following in changes and following not in found:
        found.append(following)
        following = changes[following].superseded_by
    return found


def _check_told(before: Sequence[Entry], changes: Mapping[int, Change], step: loop.AnswerChange | loop.Report, entry: Entry) -> Finding:
    """The row tells of the end of a change, as it was then."""
    decided = entry.decided if isinstance(entry, Answered | Happened) else None
    if decided is None:
        return UNTOLD_CHANGE
    change = changes[step.change_id]
    if decided.state not in set(State) or State(decided.state) in OPEN:
        return Finding(Verdict.DIFFERS, f"The row says that change {change.id} was {decided.state!r}, which no row can tell of.")
    if not change.writes and decided.state not in _NOTHING_SENT:
        return FORGOTTEN
    change = replace(change, state=State(decided.state), rollout=decided.rollout)
    if isinstance(step, loop.Report):
        return compare(answers.happened(change, step.turn, step.asker, decided.who), entry, NAMED)
    proposed = leaving.proposed_of(before, step.turn)[step.call_id]
    return compare(Answered(step.turn, step.call_id, answers.of_change(proposed, change, decided.who), decided), entry, NAMED)


def _check_compacted(before: Sequence[Entry], entry: Compacted, turn: int) -> Finding:
    """That it was due, and the place. A summary is the model's, an outline in its place is ours."""
    if not entry.target_tokens:
        return UNTOLD_ROOM
    if not compaction.was_due(before, entry):
        return Finding(Verdict.DIFFERS, "There was room enough for the rows before it.", "", describe(entry))
    plan = compaction.make_room(before, turn, entry.target_tokens, entry.output_chars)
    if plan is None or plan.needs_summary != bool(entry.summary):
        return Finding(Verdict.DIFFERS, "The rows before it ask for another way to make room.", describe(plan), describe(entry))
    if plan.needs_summary and not entry.model:
        return compare(replace(plan.place, summary=compaction.outline(before, plan.place)), entry)
    own = {name: getattr(plan.place, name) for name in ("turn", "replies", "target_tokens", "output_chars")}
    return compare(replace(entry, **own), entry, SUMMED_UP if plan.needs_summary else EQUAL)


def _written_at_once(entries: Sequence[Entry], place: int) -> range | None:
    """The places of the answers and the end that a stop, a turn that gives way, or one that cannot go on writes at once; None if the
    entry is none of them."""
    turn = entries[place].turn
    last = next((at for at in range(place, len(entries)) if not isinstance(entries[at], Answered) or entries[at].turn != turn), None)
    end = entries[last] if last is not None else None
    if last is None or not isinstance(end, Ended) or end.turn != turn:
        return None
    first = last
    while first > 0 and _ends_with(entries[first - 1], end):
        first -= 1
    is_one = end.reason in ("stopped", "waiting") or (end.reason == "failed" and first < last)
    return range(first, last + 1) if is_one and first <= place else None


def _ends_with(entry: Entry, end: Ended) -> bool:
    """Whether the answer was written because its turn ends so."""
    if not isinstance(entry, Answered) or entry.turn != end.turn:
        return False
    if end.reason == "failed":
        return (entry.result.status, entry.result.exit_code, entry.result.note) == ("error", None, end.text)
    return entry.result.status in ("stopped", "waiting")


def _check_at_once(entries: Sequence[Entry], changes: Mapping[int, Change], place: int, group: range) -> Finding:
    end, before = entries[group[-1]], entries[: group[0]]
    assert isinstance(end, Ended)
    if end.reason == "failed" and end.turn == loop.active_turn(before):
        return _compare_at_once(leaving.give_up(before, end.turn, end.text), entries, place, group, FAILED if place == group[-1] else EQUAL)
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
            ways = (leaving.give_way(before, step, then) for then in _while_open(before, known, changes, step))
            found = [_compare_at_once(written, entries, place, group, EQUAL) for written in ways]
            return EQUAL if EQUAL in found else found[0]
        case loop.Stop():
            # What it withdrew says so itself: it may have taken the place of the change that was proposed, and no row tells of that.
            written = leaving.stop(before, replace(step, change_ids=()), changes, stopped_by[1] if stopped_by else "somebody")
            return _compare_at_once(written, entries, place, group, NAMED)
    return _wrong_step(step, entries[place])


def _compare_at_once(written: Sequence[Entry], entries: Sequence[Entry], place: int, group: range, equal: Finding) -> Finding:
    return compare(written[place - group[0]] if len(written) == len(group) else written, entries[place], equal)
