"""When looking has to be repeated, and when it has to end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.changes.change import Send, SendState, State
from bot.changes.sending import Limits
from bot.values.requests import ApiRequest
from tests.unit.changes.bench import WEB, Bench, scale
from tests.unit.changes.builders import deployment


async def test_a_look_that_is_refused_leaves_it_to_a_person(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=True)
    bench.cluster.get_refusals = [(403, "Forbidden", "no")]

    assert (await bench.replay(bench.changes.rows[number])).state is State.UNKNOWN


async def test_a_look_at_a_moment_of_change_is_repeated(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=False)
    late = iter([True])

    def land_between_look_and_check(request: ApiRequest, dry_run: bool) -> str:
        reads = sum(asked.method == "GET" for asked, _ in bench.cluster.asked)
        if request.method == "GET" and reads == 2 and next(late, False):
            bench.cluster.put(WEB, deployment(replicas=5))  # the first request, arriving late
        return ""

    bench.cluster.fault = land_between_look_and_check

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.DONE
    assert not bench.cluster.persisted


async def test_a_stop_while_an_answer_is_missing_leaves_it_to_a_person(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=False)
    bench.why_held = ["Stopped by U1."]

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.UNKNOWN
    assert not bench.cluster.persisted


async def test_a_server_that_never_answers_is_not_asked_for_ever(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.cluster.fault = lambda request, dry_run: "before" if request.method != "GET" and not dry_run else ""

    done = await bench.replay(change)

    assert done.state is State.UNKNOWN
    assert bench.actions().count("write_sent") == Limits().attempts


async def test_a_server_error_is_no_answer(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.cluster.refusals = [(500, "InternalError", "etcd")]

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1


async def test_a_refusal_of_the_check_after_a_lost_answer_leaves_it_to_a_person(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=False)
    bench.cluster.dry_refusals = [(403, "Forbidden", "no longer allowed")]

    assert (await bench.replay(bench.changes.rows[number])).state is State.UNKNOWN
    assert not bench.cluster.persisted


async def test_a_busy_server_after_a_lost_answer_is_waited_for(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=False)
    bench.cluster.dry_refusals = [(429, "TooManyRequests", "busy"), (409, "Conflict", "moved")]

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1


@pytest.mark.parametrize(
    ("send", "state"),
    [
        (Send(0, SendState.LANDED, status=200), State.DONE),
        (Send(0, SendState.REFUSED, status=403, message="no"), State.FAILED),
        (Send(0, SendState.UNKNOWN, message="look"), State.UNKNOWN),
    ],
    ids=["landed", "refused", "unknown"],
)
async def test_a_new_process_draws_the_conclusion_of_what_is_settled(bench: Bench, send: Send, state: State) -> None:
    change = await bench.approve(scale())
    bench.ledger(change, [send])

    done = await bench.replay(change)

    assert done.state is state
    assert not bench.cluster.asked


async def test_an_update_that_may_have_landed_and_been_undone_is_not_sent_again(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=False)
    late = iter([True])

    def land_and_be_undone(request: ApiRequest, dry_run: bool) -> str:
        reads = sum(asked.method == "GET" for asked, _ in bench.cluster.asked)
        if request.method == "GET" and reads == 2 and next(late, False):
            bench.cluster.put(WEB, deployment(replicas=3))  # equal to what it was, in another version
        return ""

    bench.cluster.fault = land_and_be_undone

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.UNKNOWN
    assert not bench.cluster.persisted


async def test_altered_requests_after_one_was_sent_are_not_called_a_failure_without_effect(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=True)
    row = bench.changes.rows[number]
    bench.changes.rows[number] = replace(row, digest="0" * 64)

    assert (await bench.replay(bench.changes.rows[number])).state is State.PARTIAL
