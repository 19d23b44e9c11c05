"""What a thread needs next, read from its rows alone: the same rows give the same step, after any crash and in any process.

The worker takes one step at a time, writes what it came to, and asks again:

    step = next_step(entries, changes, …)
    Idle         nothing to do until something happens           Wait         … or until a time
    AskModel     stream one reply, append Replied                RunCall      rehearse, append Answered, or propose the change
    RunUndo      compute an undo, propose it or append Answered
    Replay       send the approved writes                        Expire       PROPOSED → EXPIRED
    Remind       note that approvers are reminded of a change
    AnswerChange append the Answered of a decided change         Report       append Happened: a turn that is over must hear it
    YieldTurn    append a `waiting` answer per call and Ended    Stop         deny the changes, then append the answers and Ended
    Finish       append Ended

The ready-made results for Answered and the sentences of Happened are in `bot.agent.answers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.agent import calls as calls_
from bot.agent.finish import no_model_text, text_of_finish
from bot.changes.change import Change, State
from bot.errors import StoreError
from bot.values.transcript import Answered, Asked, Ended, Entry, Happened, Mode, Proposed, Replied, ToolCall

WAITING = "waiting"
"""The status of an answer that was given before its change was decided. `Report` follows when it is."""

_MAX_BAD_REPLIES = 3
"""Empty or malformed replies in a row before the turn is given up: the same request often succeeds the second time."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing to do. A stop request that is still set has nothing to stop: clear it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until` (epoch seconds), when an open change lapses or its approvers are reminded of it. A stop request
    has nothing to stop: clear it."""

    until: float


@dataclass(frozen=True, slots=True)
class RunCall:
    """Rehearse the call. First ask `calls.answer_without_running(call)`: if it gives a result, that is the answer.
    Running it again after a crash is safe: a rehearsal has no effect."""

    turn: int
    call: ToolCall
    """`arguments["command"]` is what bash runs; for `triage` it is the whole script."""
    shown: str
    """The command as people read it (`triage shop`)."""


@dataclass(frozen=True, slots=True)
class RunUndo:
    """Compute the undo of a change and propose it, or append the Answered that says why not. Computing it again is safe."""

    turn: int
    call: ToolCall
    change_id: int


@dataclass(frozen=True, slots=True)
class AskModel:
    """Ask for one reply to the transcript so far."""

    turn: int


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """The change of a call is final: the call's answer is `answers.of_change(proposed, change)`."""

    turn: int
    call_id: str
    change_id: int
    """The change to report: the last one if it was superseded."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The change is approved, or its replay was cut short: send what is not sent."""

    change_id: int


@dataclass(frozen=True, slots=True)
class Expire:
    """The change was not decided in time."""

    change_id: int


@dataclass(frozen=True, slots=True)
class Remind:
    """The change waits still, and lapses soon."""

    change_id: int


@dataclass(frozen=True, slots=True)
class Report:
    """A change is final whose turn ended before that: append `answers.happened(change, turn, asker)`, a new turn with the next number."""

    change_id: int
    turn: int
    asker: str
    """User id of the person whose turn it continues."""


@dataclass(frozen=True, slots=True)
class YieldTurn:
    """Somebody wrote while a change is open: the turn ends (reason `waiting`), the change stays open."""

    turn: int
    call_ids: tuple[str, ...]
    """The calls without an answer, in order; the first is the one that waits, the others did not run."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A person stopped the turn. First deny `change_ids` (from PROPOSED or APPROVED), then append the answers and Ended at once:
    a crash in between then answers the call as denied and comes back here."""

    turn: int
    call_ids: tuple[str, ...]
    change_ids: tuple[int, ...]
    by: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The turn is over; all its calls are answered. `text` is what the thread is told, empty if all is said."""

    turn: int
    reason: str
    text: str


Step = Idle | Wait | RunCall | RunUndo | AskModel | AnswerChange | Replay | Expire | Remind | Report | YieldTurn | Stop | Finish


def next_step(
    entries: Sequence[Entry],
    changes: Mapping[int, Change],
    *,
    stop_requested_by: str,
    max_steps: int,
    has_model: bool,
    now: float,
    remind_seconds: float = 0.0,
) -> Step:
    """The one thing to do now. `changes` holds all changes of the thread by id; `max_steps` counts model replies per turn;
    `now` is epoch seconds; `remind_seconds` before a change lapses its approvers are reminded (0: never). Raises StoreError if the
    rows contradict each other."""
    turn = active_turn(entries)
    stopping = bool(stop_requested_by) and turn is not None
    pressing = _drive_changes(changes.values(), turn if stopping else None, now) or _report(entries, changes)
    if pressing is not None:
        return pressing
    due = next((c.id for c in changes.values() if (at := _reminding_at(c, remind_seconds)) is not None and now >= at), None)
    if due is not None:
        return Remind(due)
    if turn is None:
        return _rest(changes.values(), remind_seconds)
    state = _Turn(entries, changes, turn, remind_seconds)
    decided = state.answer_of_decided()
    if decided is not None:
        return decided
    if stopping:
        return state.stop(stop_requested_by)
    if state.open_calls:
        return state.next_call()
    return state.next_reply(max_steps=max_steps, has_model=has_model)


def active_turn(entries: Iterable[Entry]) -> int | None:
    """The earliest turn that is not over; None if all are."""
    started: dict[int, None] = {}
    ended: set[int] = set()
    for entry in entries:
        if isinstance(entry, Ended):
            ended.add(entry.turn)
        elif isinstance(entry, Asked | Happened):
            started[entry.turn] = None
    return min((turn for turn in started if turn not in ended), default=None)


def asker_of(entries: Iterable[Entry], turn: int) -> str:
    """User id of the person whose turn it is; '' if the turn is not in the transcript."""
    return next((e.user_id for e in entries if e.turn == turn and isinstance(e, Asked | Happened)), "")


def successor_of(changes: Mapping[int, Change], change_id: int) -> Change:
    """The change that counts: the last one of the chain of superseded changes. Raises StoreError if it is not there."""
    seen: set[int] = set()
    while change_id not in seen:
        seen.add(change_id)
        change = changes.get(change_id)
        if change is None:
            raise StoreError(f"Change {change_id} is in the transcript but not in the database; restore the database from a backup.")
        if change.state is not State.SUPERSEDED or change.superseded_by is None:
            return change
        change_id = change.superseded_by
    raise StoreError(f"Change {change_id} supersedes itself; restore the database from a backup.")


def _drive_changes(changes: Iterable[Change], stopping: int | None, now: float) -> Step | None:
    """What a person decided, or time did, comes before anything else, whichever turn the change is from."""
    for change in sorted(changes, key=lambda c: c.id):
        if change.state is State.REPLAYING:
            return Replay(change.id)
        if change.state is State.APPROVED and change.turn != stopping:
            return Replay(change.id)
        if change.state is State.PROPOSED and now >= change.expires_at:
            return Expire(change.id)
    return None


def _report(entries: Sequence[Entry], changes: Mapping[int, Change]) -> Report | None:
    told = {e.change_id for e in entries if isinstance(e, Happened) and e.change_id is not None}
    over = {e.turn for e in entries if isinstance(e, Ended)}
    waiting = {(e.turn, e.call_id) for e in entries if isinstance(e, Answered) and e.result.status == WAITING}
    for entry in entries:
        if not isinstance(entry, Proposed) or entry.turn not in over or (entry.turn, entry.call_id) not in waiting:
            continue
        change = successor_of(changes, entry.change_id)
        if not change.is_open and not told & {entry.change_id, change.id}:
            return Report(change.id, max(e.turn for e in entries) + 1, asker_of(entries, entry.turn))
    return None


def _rest(changes: Iterable[Change], remind_seconds: float) -> Idle | Wait:
    times = [
        time for c in changes if c.state is State.PROPOSED for time in (c.expires_at, _reminding_at(c, remind_seconds)) if time is not None
    ]
    return Wait(min(times)) if times else Idle()


def _reminding_at(change: Change, remind_seconds: float) -> float | None:
    """When to remind of the change (epoch seconds): never in the first half of its time. None if there is nothing to remind of."""
    if change.state is not State.PROPOSED or change.reminded_at or remind_seconds <= 0:
        return None
    return change.expires_at - min(remind_seconds, (change.expires_at - change.created_at) / 2)


class _Turn:
    """The rows of the active turn."""

    def __init__(self, entries: Sequence[Entry], changes: Mapping[int, Change], turn: int, remind_seconds: float) -> None:
        self._remind_seconds = remind_seconds
        self._all = entries
        self._changes = changes
        self._turn = turn
        self._own = [e for e in entries if e.turn == turn]
        self._start = next(e for e in self._own if isinstance(e, Asked | Happened))
        self._replies = [e for e in self._own if isinstance(e, Replied)]
        self._proposed = {e.call_id: e for e in self._own if isinstance(e, Proposed)}
        answered = {e.call_id for e in self._own if isinstance(e, Answered)}
        self.open_calls = calls_.unanswered(calls_.of_turn(entries, turn), answered)

    def answer_of_decided(self) -> AnswerChange | None:
        """The answer of an open call whose change is final: it is given even when the turn is being stopped."""
        for call in self.open_calls:
            proposed = self._proposed.get(call.id)
            if proposed is not None:
                change = successor_of(self._changes, proposed.change_id)
                if not change.is_open:
                    return AnswerChange(self._turn, call.id, change.id)
        return None

    def stop(self, by: str) -> Stop:
        open_changes = sorted(c.id for c in self._changes.values() if c.turn == self._turn and c.is_open)
        return Stop(self._turn, self._open_ids(), tuple(open_changes), by)

    def next_call(self) -> Step:
        call = self.open_calls[0]
        if call.id not in self._proposed:
            if isinstance(self._start, Asked) and self._start.mode is Mode.UNDO:
                return RunUndo(self._turn, call, self._start.change_id or 0)
            return RunCall(self._turn, calls_.runnable(call), calls_.shown(call))
        if any(e.turn > self._turn for e in self._all if isinstance(e, Asked | Happened)):
            return YieldTurn(self._turn, self._open_ids())
        return _rest(self._changes.values(), self._remind_seconds)

    def next_reply(self, *, max_steps: int, has_model: bool) -> Step:
        if not self._is_for_the_model():
            return Finish(self._turn, "answered", "")
        last = self._replies[-1] if self._replies else None
        if last is not None and not last.calls and not self._may_try_again():
            reason, text = text_of_finish(last)
            return Finish(self._turn, reason, text)
        if not has_model:
            return Finish(self._turn, "no_model", no_model_text(self._all) if isinstance(self._start, Asked) else "")
        if len(self._replies) >= max_steps:
            return Finish(self._turn, "limit", f"I stopped after {max_steps} steps without an answer. Write `continue` to let me go on.")
        return AskModel(self._turn)

    def _is_for_the_model(self) -> bool:
        if isinstance(self._start, Asked):
            return self._start.mode is Mode.QUESTION
        origin = self._changes.get(self._start.change_id) if self._start.change_id is not None else None
        if origin is None:
            return True
        while origin.supersedes is not None and origin.supersedes in self._changes:  # what a person edited was the model's at first
            origin = self._changes[origin.supersedes]
        starts = (e for e in self._all if e.turn == origin.turn and isinstance(e, Asked))
        return all(e.mode is Mode.QUESTION for e in starts)  # who ran the command line reads the card

    def _may_try_again(self) -> bool:
        bad = 0
        for reply in reversed(self._replies):
            if reply.calls or reply.finish not in ("empty", "malformed"):
                break
            bad += 1
        return 0 < bad < _MAX_BAD_REPLIES

    def _open_ids(self) -> tuple[str, ...]:
        return tuple(call.id for call in self.open_calls)
