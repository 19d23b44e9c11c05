"""Hypothesis plays people, time, freezes, other hands in the cluster, crashes, restarts and a second replica against the real bot.

Whatever they do, in whatever order: a recorded write lands at most once, every card shows its row, every transition of a change has
its audit line, nothing lands during a freeze, and the audit chain is whole. `--hypothesis-show-statistics` tells in how many plays
each state was reached.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bot.changes.change import OPEN, UNDOABLE, State
from bot.threads.inbound.incoming import Reason
from bot.threads.reaper import reap_once
from tests.unit.threads.playing import RUNS, Run, Stage
from tests.unit.threads.shop import QUIET, SETTINGS, WEB, Trouble

EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "40"))
"""How many plays are tried: less than a minute of them on two quiet processors; hundreds where there is time."""
STEPS = 8
PEOPLE = st.sampled_from(["U2", "U3", "U1"])
"""Two approvers, and who asks."""
KINDS = st.sampled_from(["both", "scale", "label", "create", "delete"])
TROUBLES = st.one_of(
    st.sampled_from([Trouble("refused", 2), Trouble("taken over", 1), Trouble("refused", 1)]),
    st.sampled_from([QUIET, QUIET, Trouble("moved"), Trouble("late"), Trouble("frozen", 1)]),
    st.builds(Trouble, st.sampled_from(["refused", "taken over", "before", "after", "frozen"]), st.integers(1, 2)),
)
PLACES = st.integers(0, 3)


class Play(RuleBasedStateMachine):
    """What may happen. Each play begins with a change that somebody approves, so that it gets far."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()

    def teardown(self) -> None:
        for state in sorted(self.stage.reached):
            event(f"a change was {state}")
        self.stage.close()

    @initialize(kind=KINDS, first=RUNS, second=RUNS, trouble=TROUBLES)
    def start(self, kind: str, first: Run, second: Run, trouble: Trouble) -> None:
        self.stage.open()
        self.ask_and_approve(kind=kind, first=first, second=second, trouble=trouble)

    @rule(kind=KINDS, run=RUNS)
    def ask(self, kind: str, run: Run) -> None:
        self.stage.ask(kind, run)

    @rule(people=st.lists(PEOPLE, min_size=1, max_size=3), place=PLACES, run=RUNS)
    def approve(self, people: list[str], place: int, run: Run) -> None:
        """One person or several press Approve on one card, an open one if there is one, before the bot looks."""
        self.stage.press("approve", people, place, {State.PROPOSED}, run)

    @rule(kind=KINDS, first=RUNS, second=RUNS, trouble=TROUBLES)
    def ask_and_approve(self, kind: str, first: Run, second: Run, trouble: Trouble) -> None:
        """The usual way; something may come between."""
        self.stage.ask(kind, first)
        self.stage.make(trouble)
        self.stage.press("approve", ["U2"], 0, {State.PROPOSED}, second)

    @rule(place=PLACES, first=RUNS, second=RUNS, trouble=TROUBLES)
    def undo_and_approve(self, place: int, first: Run, second: Run, trouble: Trouble) -> None:
        self.stage.press("undo", ["U3"], place, set(UNDOABLE), first)
        self.stage.make(trouble)
        self.stage.press("approve", ["U2"], 0, {State.PROPOSED}, second)

    @rule(people=st.lists(PEOPLE, min_size=1, max_size=3), place=PLACES, run=RUNS)
    def undo(self, people: list[str], place: int, run: Run) -> None:
        self.stage.press("undo", people, place, set(UNDOABLE), run)

    @rule(user=PEOPLE, run=RUNS, back=st.integers(0, 2), and_approves=st.booleans())
    def deny(self, user: str, run: Run, back: int, and_approves: bool) -> None:
        changes = self.stage.changes()
        change = changes[max(0, len(changes) - 1 - back)]
        bench = self.stage.bench
        clicks = [bench.click("approve", change.id, user="U2")] if and_approves else []
        self.stage.play(run, *clicks, bench.put(Reason("T1", user, change.id, change.digest, "no")))

    @rule(kind=st.sampled_from(["scale", "label", "none", "typo"]), place=PLACES, run=RUNS, and_approves=st.booleans())
    def edit(self, kind: str, place: int, run: Run, and_approves: bool) -> None:
        """The asker edits a command; somebody may approve the change at the same time."""
        changes = self.stage.changes()
        fitting = [change for change in changes if change.state is State.PROPOSED] or changes
        change = fitting[-1 - place % len(fitting)]
        bench, command = self.stage.bench, self.stage.next_command(kind)
        clicks = [bench.click("approve", change.id, user="U2")] if and_approves else []
        self.stage.play(run, bench.edit(command, change.id), *clicks)

    @rule(user=PEOPLE, run=RUNS)
    def stop(self, user: str, run: Run) -> None:
        self.stage.play(run, self.stage.bench.click("stop", user=user))

    @rule(seconds=st.sampled_from([5, 400, 1000, 90_000]), run=RUNS)
    def pass_time(self, seconds: int, run: Run) -> None:
        self.stage.time.now += seconds
        self.stage.runner.run(reap_once(self.stage.bench.world(), "reaper"))
        self.stage.play(run)

    @rule(
        words=st.sampled_from(["freeze the sale", "freeze prod for 5m the sale", "freeze for 1h the sale"]),
        user=st.sampled_from(["U1", "U2"]),
        run=RUNS,
    )
    def freeze(self, words: str, user: str, run: Run) -> None:
        self.stage.play(run, self.stage.bench.write(words, user=user, ts=self.stage.next_ts()))

    @rule(user=PEOPLE, run=RUNS)
    def unfreeze(self, user: str, run: Run) -> None:
        self.stage.play(run, self.stage.bench.write("unfreeze", user=user, ts=self.stage.next_ts()), may_thaw=True)

    @rule(path=st.sampled_from([WEB, SETTINGS]), is_same_field=st.booleans())
    def move_the_object(self, path: str, is_same_field: bool) -> None:
        """Somebody else changes an object, in what our writes change or beside it."""
        self.stage.cluster.move(path, is_same_field=is_same_field)

    @rule(trouble=TROUBLES)
    def make_trouble(self, trouble: Trouble) -> None:
        self.stage.make(trouble)


TestPlay = pytest.mark.timeout(0)(Play.TestCase)  # each play has its own limit; an alarm in the middle of one would kill a task of the bot
TestPlay.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def approved(kind: str, trouble: Trouble = QUIET) -> Callable[[Stage], None]:
    """A change that U2 approves while there is trouble."""

    def scene(stage: Stage) -> None:
        stage.ask(kind, Run())
        stage.make(trouble)
        stage.press("approve", ["U2"], 0, {State.PROPOSED}, Run())

    return scene


def denied(stage: Stage) -> None:
    stage.ask("scale", Run())
    [change] = stage.changes()
    stage.play(Run(), stage.bench.put(Reason("T1", "U2", change.id, change.digest, "no")))


def undone(stage: Stage) -> None:
    approved("scale")(stage)
    stage.press("undo", ["U3"], 0, set(UNDOABLE), Run())
    stage.press("approve", ["U2"], 0, {State.PROPOSED}, Run())


SCENES: dict[State, Callable[[Stage], None]] = {
    State.DONE: approved("both"),
    State.FAILED: approved("both", Trouble("refused", 1)),
    State.PARTIAL: approved("both", Trouble("refused", 2)),
    State.UNKNOWN: approved("scale", Trouble("taken over", 1)),
    State.SUPERSEDED: approved("scale", Trouble("moved")),
    State.EXPIRED: approved("scale", Trouble("late")),
    State.DENIED: denied,
    State.UNDONE: undone,
}
"""The shortest way to each state that a change can end in."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    opened = Stage()
    opened.open()
    yield opened
    opened.close()


@pytest.mark.parametrize("state", sorted(set(State) - OPEN))
def test_every_state_that_a_change_can_end_in_is_within_reach_of_a_play(stage: Stage, state: State) -> None:
    SCENES[state](stage)

    assert stage.changes()[0].state is state


@pytest.mark.parametrize(("landed", "state"), [(1, State.PARTIAL), (2, State.DONE)])
def test_a_freeze_that_begins_in_the_middle_of_a_replay_holds_back_what_is_not_sent_yet(stage: Stage, landed: int, state: State) -> None:
    approved("both", Trouble("frozen", landed))(stage)

    [change] = stage.changes()
    assert (change.state, len(stage.cluster.server.persisted)) == (state, landed)
