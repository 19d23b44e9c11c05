"""A replay that dies at any point and is begun again: each write lands at most once, and the row tells the truth."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.changes.change import Change, SendState, State
from bot.changes.replay import replay
from bot.errors import UpstreamUnavailableError
from bot.values.requests import ApiRequest, RecordedWrite
from tests.unit.changes.bench import POD, WEB, Bench, config, delete, evict, image, scale
from tests.unit.changes.builders import JSON, JSON_PATCH, RULES, deployment, path_of, rehearse, write
from tests.unit.changes.crashing import Crash, Died

SCENARIOS = {
    "scale": [scale()],
    "patch": [image()],
    "delete": [delete()],
    "evict": [evict()],
    "create": [config()],
    "several": [config("a"), scale(), delete()],
}


def make_bench() -> Bench:
    bench = Bench()
    bench.cluster.put(WEB, deployment(finalizers=["a"]))
    bench.cluster.put(POD, {"spec": {"nodeName": "n1"}})
    return bench


async def run(bench: Bench, change: Change, crash: Crash) -> None:
    """One process: it replays until it is done, dies, or cannot reach the cluster."""
    with contextlib.suppress(Died, UpstreamUnavailableError):
        await replay(
            change.id,
            api=crash.wrap(bench.cluster),
            changes=crash.wrap(bench.changes),
            settings=RULES,
            clock=bench.time,
            pause=bench.pause,
            held=bench.held,
        )


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("writes", SCENARIOS.values(), ids=SCENARIOS)
async def test_death_at_any_point_doubles_nothing_and_loses_nothing(writes: Sequence[RecordedWrite], after: bool) -> None:
    whole = Crash()
    bench = make_bench()
    await run(bench, await bench.approve(*writes), whole)
    assert len(bench.cluster.persisted) == len(writes)

    for at in range(whole.calls):
        bench = make_bench()
        change = await bench.approve(*writes)
        await run(bench, change, Crash(at, after=after))
        await run(bench, change, Crash())

        done = bench.changes.rows[change.id]
        landed = [send for send in done.sends if send.state is SendState.LANDED]
        if done.state is State.DONE:
            assert len(landed) == len(bench.cluster.persisted) == len(writes)
        else:  # only a create of which nothing can be seen
            assert done.state is State.UNKNOWN
            assert done.sends[-1].state is SendState.UNKNOWN
            assert writes[len(done.sends) - 1].request.method == "POST"
            assert len(bench.cluster.persisted) == len(landed)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_two_deaths_double_nothing(after: bool) -> None:
    whole = Crash()
    bench = make_bench()
    await run(bench, await bench.approve(scale()), whole)

    for first in range(whole.calls):
        for second in range(whole.calls):
            bench = make_bench()
            change = await bench.approve(scale())
            await run(bench, change, Crash(first, after=after))
            await run(bench, change, Crash(second, after=not after))
            await run(bench, change, Crash())

            assert bench.changes.rows[change.id].state is State.DONE
            assert len(bench.cluster.persisted) == 1


PLACES = ["a", "b"]


class Replays(RuleBasedStateMachine):
    """Changes are approved, carried out, cut short and taken up again while other people change the same objects."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = make_bench()
        for name in PLACES:
            self.bench.cluster.put(path_of("deployments", name), deployment(finalizers=["x"]))
            self.bench.cluster.put(path_of("pods", name), {"spec": {"nodeName": "n1"}})
        self.made = 0
        self.final: dict[int, State] = {}

    @property
    def open(self) -> list[Change]:
        return [c for c in self.bench.changes.rows.values() if c.state in (State.APPROVED, State.REPLAYING)]

    def draw_write(self, kind: str, name: str) -> RecordedWrite:
        self.made += 1
        mark = (("mark", str(self.made)),)
        if kind == "scale":
            body: Any = {"spec": {"replicas": 100 + self.made}}
            return write("patch", "deployments", name, body, subresource="scale", query=mark)
        if kind == "append":
            body = [{"op": "add", "path": "/metadata/finalizers/-", "value": f"f{self.made}"}]
            return write("patch", "deployments", name, body, kind=JSON_PATCH, query=mark)
        if kind == "create":
            body = {"kind": "ConfigMap", "metadata": {"name": f"c{self.made}"}, "data": {"a": str(self.made)}}
            return write("create", "configmaps", "", body, kind=JSON, query=mark)
        if kind == "evict":
            return write("create", "pods", name, {"kind": "Eviction"}, kind=JSON, subresource="eviction", query=mark)
        return write("delete", "pods", name, {"kind": "DeleteOptions"}, kind=JSON, query=mark)

    @rule(
        kinds=st.lists(
            st.tuples(st.sampled_from(["scale", "append", "create", "delete", "evict"]), st.sampled_from(PLACES)),
            min_size=1,
            max_size=3,
            unique_by=lambda pair: (pair[0] in ("delete", "evict"), pair[1]),
        )
    )
    def approve(self, kinds: list[tuple[str, str]]) -> None:
        async def go() -> None:
            writes = [self.draw_write(*pair) for pair in kinds]
            rehearsed = [await rehearse(self.bench.cluster, one) for one in writes]
            if all(one.before is not None or one.request.method == "POST" for one in rehearsed):
                self.bench.time.now += 1
                change = await self.bench.approve(*writes)
                self.bench.changes.approve(change.id, self.bench.time.now)

        asyncio.run(go())

    @precondition(lambda self: self.open)
    @rule(
        which=st.integers(0, 9),
        at=st.none() | st.integers(0, 30),
        after=st.booleans(),
        faults=st.lists(st.sampled_from(["", "", "before", "after"]), max_size=8),
        held=st.lists(st.sampled_from(["", "", "", "Frozen."]), max_size=4),
    )
    def carry_out(self, which: int, at: int | None, after: bool, faults: list[str], held: list[str]) -> None:
        change = self.open[which % len(self.open)]
        self.bench.cluster.fault = lambda request, dry_run: faults.pop(0) if faults else ""
        self.bench.why_held = held
        asyncio.run(run(self.bench, change, Crash(at, after=after)))
        self.bench.cluster.fault = lambda request, dry_run: ""

    @rule(name=st.sampled_from(PLACES), what=st.sampled_from(["scale", "touch", "recreate", "remove pod", "new pod"]))
    def somebody_else(self, name: str, what: str) -> None:
        cluster = self.bench.cluster
        web, pod = path_of("deployments", name), path_of("pods", name)
        if what == "recreate":
            cluster.objects.pop(web, None)
            cluster.put(web, deployment(finalizers=["x"]))
        elif what == "remove pod":
            cluster.objects.pop(pod, None)
        elif what == "new pod":
            cluster.objects.pop(pod, None)
            cluster.put(pod, {"spec": {"nodeName": "n2"}})
        else:
            item = json.loads(json.dumps(cluster.objects[web]))
            item["spec"]["replicas"] += 1 if what == "scale" else 0
            item["status"] = {"touched": len(cluster.asked)}
            cluster.put(web, item)

    @invariant()
    def each_write_lands_at_most_once(self) -> None:
        marks = [mark_of(request) for request in self.bench.cluster.persisted]
        assert len(marks) == len(set(marks))

    @invariant()
    def every_row_tells_the_truth(self) -> None:
        persisted = {mark_of(request) for request in self.bench.cluster.persisted}
        for change in self.bench.changes.rows.values():
            sent = {send.position: send for send in change.sends}
            arrived = [mark_of(one.request) in persisted for one in change.writes]
            if change.state in (State.PROPOSED, State.APPROVED, State.DENIED, State.EXPIRED):
                assert not change.sends
            if change.supersedes is not None or change.superseded_by is not None:
                continue  # a successor has the same requests, and so the same marks
            for position, is_in in enumerate(arrived):
                state = sent[position].state if position in sent else SendState.PENDING
                assert not (is_in and state in (SendState.PENDING, SendState.REFUSED))
            if change.state is State.FAILED:
                assert not any(arrived)
            if change.state is State.DONE:
                assert [send.state for send in change.sends] == [SendState.LANDED] * len(change.writes)

    @invariant()
    def a_final_state_stays(self) -> None:
        for number, change in self.bench.changes.rows.items():
            assert self.final.setdefault(number, change.state) is change.state or self.final[number] in (
                State.PROPOSED,
                State.APPROVED,
                State.REPLAYING,
            )
            self.final[number] = change.state

    @invariant()
    def every_transition_and_every_request_has_an_audit_line(self) -> None:
        lines = self.bench.changes.lines
        moves = [line for line in lines if line.action.startswith(("replay_", "change_"))]
        assert len(moves) == len(self.bench.changes.history)
        sent = sum(line.action == "write_sent" for line in lines)
        assert sent >= len(self.bench.cluster.persisted)


def mark_of(request: ApiRequest) -> str:
    return dict(request.query)["mark"]


Replays.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestReplays = Replays.TestCase
