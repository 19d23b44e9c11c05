"""Random walks through a thread's life: people ask, decide and stop; the worker works, crashes between its writes, and starts again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.agent import answers, calls, loop
from bot.changes.change import Change, State
from bot.values.transcript import Answered, Asked, Ended, Entry, Happened, Mode, Proposed, Replied, ToolCall, ToolResult
from tests.unit.agent.builders import answered, asked, change, ended, ran, replied
from tests.unit.agent.services import SERVICES, assert_accepted, content_of

MAX_STEPS = 3
MAX_TURNS = 8
BAD_CALLS = ({}, {"command": 3}, {"command": "  "}, {"cmd": "ls"})


@dataclass(frozen=True)
class Luck:
    """How the outside answers one step."""

    reply: str = "text"
    calls: tuple[str, ...] = ("shell",)
    run: str = "read"
    replay: str = "done"
    budget: str = "left"
    service: str = "gemini"


LUCK = st.builds(
    Luck,
    reply=st.sampled_from(["calls", "calls", "calls", "text", "empty", "malformed", "length", "safety"]),
    calls=st.lists(st.sampled_from(["shell", "shell", "unknown", "bad"]), min_size=1, max_size=3).map(tuple),
    run=st.sampled_from(["writes", "writes", "read"]),
    replay=st.sampled_from(["done", "failed", "partial", "unknown", "cut short", "superseded"]),
    budget=st.sampled_from(["left", "left", "left", "left", "left", "used up"]),
    service=st.sampled_from(SERVICES),
)


class World:
    """The rows of one thread, and the worker's part of every step. `crash` loses all that a step writes after its effect on changes."""

    def __init__(self, entries: list[Entry], changes: dict[int, Change], now: float, *, has_model: bool) -> None:
        self.entries = entries
        self.changes = changes
        self.now = now
        self.stop_by = ""
        self.has_model = has_model

    def next(self) -> loop.Step:
        return loop.next_step(
            self.entries, self.changes, stop_requested_by=self.stop_by, max_steps=MAX_STEPS, has_model=self.has_model, now=self.now
        )

    def take(self, step: loop.Step, luck: Luck, *, crash: bool = False) -> None:
        rows = self.rows_of(step, luck)
        if not crash:
            self.entries.extend(rows)
            if isinstance(step, loop.Idle | loop.Wait | loop.Stop):
                self.stop_by = ""

    def rows_of(self, step: loop.Step, luck: Luck) -> list[Entry]:
        match step:
            case loop.AskModel(turn):
                assert_accepted(self.entries)
                if luck.budget == "used up":  # before the model is asked, or while it is at work
                    return [ended(turn, "limit", "This question has used up its budget.")]
                return [self.reply(turn, luck)]
            case loop.RunCall(turn, call):
                return [self.run(turn, call, luck)]
            case loop.Expire(change_id):
                self.move(change_id, State.EXPIRED)
            case loop.Replay(change_id):
                self.replay(change_id, luck)
            case loop.AnswerChange(turn, call_id, change_id):
                return [Answered(turn, call_id, answers.of_change(self.proposed(turn, call_id), self.changes[change_id]))]
            case loop.Report(change_id, turn, asker):
                return [answers.happened(self.changes[change_id], turn, asker)]
            case loop.YieldTurn(turn, call_ids):
                first = Answered(turn, call_ids[0], answers.waiting(self.proposed(turn, call_ids[0]), self.changes[1]))
                return [first, *(Answered(turn, i, answers.not_run("x")) for i in call_ids[1:]), ended(turn, "waiting")]
            case loop.Stop(turn, call_ids, change_ids, by):
                for change_id in change_ids:
                    self.move(change_id, State.DENIED)
                return [*(Answered(turn, i, answers.stopped("x", by)) for i in call_ids), ended(turn, "stopped")]
            case loop.Finish(turn, reason, text):
                return [ended(turn, reason, text)]
            case loop.Idle() | loop.Wait():
                pass
        return []

    def reply(self, turn: int, luck: Luck) -> Replied:
        if luck.reply == "text":
            return replied(turn, text="That is all.", content=content_of(luck.service, (), "That is all."))
        if luck.reply != "calls":
            return replied(turn, finish=luck.reply, content="")
        step = sum(isinstance(e, Replied) and e.turn == turn for e in self.entries)
        made = tuple(self.call(f"call-{turn}-{step}-{i}", kind) for i, kind in enumerate(luck.calls))
        return replied(turn, *made, content=content_of(luck.service, made))

    def call(self, call_id: str, kind: str) -> ToolCall:
        if kind == "unknown":
            return ToolCall(call_id, "no_such_tool", {})
        arguments = BAD_CALLS[len(self.entries) % len(BAD_CALLS)] if kind == "bad" else {"command": "kubectl get pods"}
        return ToolCall(call_id, "shell", dict(arguments))

    def run(self, turn: int, call: ToolCall, luck: Luck) -> Entry:
        refusal = calls.answer_without_running(call)
        if refusal is not None:
            return Answered(turn, call.id, refusal)
        if luck.budget == "used up" and calls.is_of_model(self.entries, turn, call.id):
            return answered(turn, call.id, ToolResult("stopped", "kubectl get pods", note="Cut off: the budget of time is used up."))
        if luck.run == "read":
            return answered(turn, call.id)
        number = len(self.changes) + 1
        self.changes[number] = change(number, turn=turn, call_id=call.id, expires_at=self.now + 50)
        return Proposed(turn, call.id, number, ran())

    def replay(self, change_id: int, luck: Luck) -> None:
        old = self.changes[change_id]
        if luck.replay == "cut short" and old.state is State.APPROVED:
            self.move(change_id, State.REPLAYING)  # the next step must take it up again
        elif luck.replay == "superseded":
            number = len(self.changes) + 1
            self.changes[number] = replace(old, id=number, state=State.PROPOSED, supersedes=change_id, expires_at=self.now + 50)
            self.changes[change_id] = replace(old, state=State.SUPERSEDED, superseded_by=number)
        else:
            self.move(change_id, State(luck.replay) if luck.replay != "cut short" else State.DONE)

    def move(self, change_id: int, state: State) -> None:
        self.changes[change_id] = replace(self.changes[change_id], state=state)

    def proposed(self, turn: int, call_id: str) -> Proposed:
        return next(e for e in self.entries if isinstance(e, Proposed) and (e.turn, e.call_id) == (turn, call_id))

    def check(self) -> None:
        """What holds for the rows at any time."""
        given = Counter((e.turn, e.call_id) for e in self.entries if isinstance(e, Answered))
        over = {e.turn: i for i, e in enumerate(self.entries) if isinstance(e, Ended)}
        assert all(count == 1 for count in given.values()), "a call was answered twice"
        proposals = Counter((e.turn, e.call_id) for e in self.entries if isinstance(e, Proposed))
        assert all(count == 1 for count in proposals.values()), "a call proposed two changes"
        replies = Counter(e.turn for e in self.entries if isinstance(e, Replied))
        assert all(count <= MAX_STEPS for count in replies.values()), "the model was asked more often than allowed"
        stopped = {e.turn for e in self.entries if isinstance(e, Ended) and e.reason == "stopped"}
        assert not any(c.is_open for c in self.changes.values() if c.turn in stopped), "a stopped turn left a change open"
        assert len(over) == sum(isinstance(e, Ended) for e in self.entries), "a turn ended twice"
        for turn, position in over.items():
            made = {(turn, call.id) for call in calls.of_turn(self.entries, turn)}
            assert made == {key for key in given if key[0] == turn}, "a call without an answer, or an answer without a call"
            assert not any(e.turn == turn for e in self.entries[position + 1 :]), "a row after its turn's end"

    def settle(self) -> None:
        """Works until nothing is left to do, deciding nothing; time passes. Every turn ends, and whoever asks then is answered: both
        services take the history."""
        for _ in range(60 + 30 * len(self.entries)):
            step = self.next()
            if isinstance(step, loop.Idle):
                break
            self.now = max(self.now, step.until) if isinstance(step, loop.Wait) else self.now
            self.take(step, Luck())
            self.check()
        assert self.next() == loop.Idle()
        assert loop.active_turn(self.entries) is None
        assert not any(c.is_open for c in self.changes.values())
        assert_accepted([*self.entries, asked(max((e.turn for e in self.entries), default=0) + 1, "and now?")])


class ThreadLife(RuleBasedStateMachine):
    """Hypothesis chooses what people and the worker do, and in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World([], {}, 0.0, has_model=True)

    @initialize(has_model=st.sampled_from([True, True, True, False]))
    def begin(self, has_model: bool) -> None:
        self.world.has_model = has_model

    @rule(mode=st.sampled_from([Mode.QUESTION, Mode.QUESTION, Mode.COMMAND, Mode.TRIAGE]))
    @precondition(lambda self: sum(isinstance(e, Asked) for e in self.world.entries) < MAX_TURNS)
    def somebody_writes(self, mode: Mode) -> None:
        turn = max((e.turn for e in self.world.entries), default=0) + 1
        self.world.entries.append(Asked(turn, "U1", "kubectl get pods" if mode is Mode.COMMAND else "shop", mode))

    @precondition(lambda self: not isinstance(self.world.next(), loop.Idle | loop.Wait))
    @rule(lucks=st.lists(LUCK, min_size=1, max_size=6))
    def the_worker_works(self, lucks: list[Luck]) -> None:
        world = self.world
        for luck in lucks:
            before = (list(world.entries), dict(world.changes), world.stop_by)
            step = world.next()
            world.take(step, luck)
            world.check()
            if isinstance(step, loop.Idle | loop.Wait):
                assert not isinstance(step, loop.Wait) or step.until > world.now
                break
            assert (world.entries, world.changes, world.stop_by) != before, "a step that changes nothing would be taken for ever"

    @precondition(lambda self: not isinstance(self.world.next(), loop.Idle | loop.Wait))
    @rule(luck=LUCK)
    def the_worker_dies_before_it_writes(self, luck: Luck) -> None:
        step = self.world.next()
        if not isinstance(step, loop.RunCall):  # a change and its row are one transaction
            self.world.take(step, luck, crash=True)

    @rule(choice=st.integers(0, 100), verdict=st.sampled_from([State.APPROVED, State.APPROVED, State.DENIED]))
    @precondition(lambda self: any(c.state is State.PROPOSED for c in self.world.changes.values()))
    def somebody_decides(self, choice: int, verdict: State) -> None:
        waiting = [c.id for c in self.world.changes.values() if c.state is State.PROPOSED]
        self.world.move(waiting[choice % len(waiting)], verdict)

    @rule()
    @precondition(lambda self: not self.world.stop_by and loop.active_turn(self.world.entries) is not None)
    def somebody_stops(self) -> None:
        self.world.stop_by = "U2"

    @rule(seconds=st.floats(1, 60))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds

    @invariant()
    def rows_are_consistent(self) -> None:
        self.world.check()

    @invariant()
    def an_approval_is_never_left_lying(self) -> None:
        world = self.world
        if any(c.state is State.APPROVED for c in world.changes.values()):
            assert not isinstance(world.next(), loop.Idle | loop.Wait)

    def teardown(self) -> None:
        world = self.world
        for cut in range(len(world.entries) + 1):
            prefix = list(world.entries[:cut])
            known = {e.change_id for e in prefix if isinstance(e, Proposed)}
            kept = {i: c for i, c in world.changes.items() if chain_start(world.changes, i) in known}
            World(prefix, kept, world.now, has_model=world.has_model).settle()
        reported = Counter(e.change_id for e in world.entries if isinstance(e, Happened))
        assert all(count == 1 for count in reported.values())


def chain_start(changes: dict[int, Change], change_id: int) -> int:
    while (before := changes[change_id].supersedes) is not None:
        change_id = before
    return change_id


TestThreadLife = ThreadLife.TestCase
TestThreadLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
