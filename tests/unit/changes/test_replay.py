"""The replay: what was approved is sent once, on the version it was shown against, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.changes.change import SendState, State
from bot.changes.replay import replay
from bot.changes.sending import Limits
from bot.errors import ChangeError, UpstreamUnavailableError
from bot.values.requests import RecordedWrite
from tests.unit.changes.bench import POD, WEB, Bench, config, delete, evict, image, scale
from tests.unit.changes.builders import APPLY, JSON, JSON_PATCH, NOW, RULES, change_of, deployment, path_of, rehearse, write

UPDATES = {
    "scale": scale(),
    "strategic patch": image(),
    "merge patch": write("patch", "deployments", "web", {"metadata": {"labels": {"a": "b"}}}),
    "json patch": write("patch", "deployments", "web", [{"op": "replace", "path": "/spec/replicas", "value": 7}], kind=JSON_PATCH),
    "apply": write("patch", "deployments", "web", {"kind": "Deployment", "spec": {"replicas": 4}}, kind=APPLY),
    "replace": write("update", "deployments", "web", deployment(9, name="web", namespace="shop"), kind=JSON),
}


@pytest.mark.parametrize("written", UPDATES.values(), ids=UPDATES)
async def test_an_approved_write_lands_once_on_the_version_it_was_checked_against(bench: Bench, written: RecordedWrite) -> None:
    change = await bench.approve(written)
    version = bench.cluster.objects[WEB]["metadata"]["resourceVersion"]

    done = await bench.replay(change)

    assert (done.state, done.reason) == (State.DONE, "")
    assert len(bench.cluster.persisted) == 1
    assert [(s.state, s.precondition) for s in done.sends] == [(SendState.LANDED, version)]
    assert bench.actions() == ["replay_started", "write_sent", "write_landed", "change_done"]
    assert version.encode() in bench.cluster.persisted[0].body


async def test_creates_and_removals_land_once(bench: Bench) -> None:
    change = await bench.approve(config(), delete())
    metadata = bench.cluster.objects[POD]["metadata"]

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert [r.method for r in bench.cluster.persisted] == ["POST", "DELETE"]
    assert [s.precondition for s in done.sends] == ["", f"{metadata['uid']}/{metadata['resourceVersion']}"]
    assert POD not in bench.cluster.objects


async def test_an_eviction_is_tied_to_the_pod_it_was_shown_for(bench: Bench) -> None:
    change = await bench.approve(evict())
    uid = bench.cluster.objects[POD]["metadata"]["uid"]

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert done.sends[0].precondition == f"{uid}/"
    assert json.loads(bench.cluster.persisted[0].body)["deleteOptions"]["preconditions"] == {"uid": uid}


async def test_the_ledger_says_sent_before_the_request_leaves(bench: Bench) -> None:
    change = await bench.approve(scale())
    seen: list[SendState] = []
    bench.cluster.on_write = lambda: seen.append(bench.changes.rows[change.id].sends[0].state)

    await bench.replay(change)

    assert seen == [SendState.SENT]


async def test_a_replay_of_what_is_not_approved_does_nothing(bench: Bench) -> None:
    change = bench.changes.add(change_of([await rehearse(bench.cluster, scale())]))

    assert (await bench.replay(change)).state is State.PROPOSED
    assert not bench.cluster.persisted
    with pytest.raises(ChangeError):
        await bench.replay(replace(change, id=99))


async def test_a_second_write_of_one_object_is_rebased_on_the_first(bench: Bench) -> None:
    first = await rehearse(bench.cluster, scale())
    stale = {**deployment(5, "nginx:2", name="web", namespace="shop", resourceVersion="1", uid="invented")}
    between = {**bench.cluster.objects[WEB], "spec": deployment(5)["spec"]}
    second = write("update", "deployments", "web", stale, kind=JSON, before=between, after=stale, depends_on=(0,))
    change = await bench.approve(first, second, preview=False)

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert [s.state for s in done.sends] == [SendState.LANDED] * 2
    assert bench.cluster.objects[WEB]["spec"] == deployment(5, "nginx:2")["spec"]


async def test_a_write_that_moved_after_another_landed_stops_the_change(bench: Bench) -> None:
    change = await bench.approve(config(), scale())
    bench.cluster.on_write = lambda: bench.cluster.put(WEB, deployment(replicas=1)) and None

    done = await bench.replay(change)

    assert done.state is State.PARTIAL
    assert done.reason == "Deployment shop/web has moved: spec.replicas is not what it was when this was shown."
    assert [r.method for r in bench.cluster.persisted] == ["POST"]


async def test_a_refusal_before_anything_was_sent_fails_the_change(bench: Bench) -> None:
    change = await bench.approve(config(), config("taken"))
    bench.cluster.put(path_of("configmaps", "taken"), {})

    done = await bench.replay(change)

    assert (done.state, done.reason) == (State.FAILED, "ConfigMap shop/taken: the object exists already")
    assert [(s.position, s.state, s.status) for s in done.sends] == [(1, SendState.REFUSED, 409)]
    assert not bench.cluster.persisted


async def test_a_refusal_after_another_landed_leaves_the_change_partial(bench: Bench) -> None:
    change = await bench.approve(config("a"), config("b"), config("c"))

    def refuse_second() -> None:
        if len(bench.cluster.persisted) == 1:
            bench.cluster.refusals.append((403, "Forbidden", "exceeded quota"))

    bench.cluster.on_write = refuse_second

    done = await bench.replay(change)

    assert (done.state, done.reason) == (State.PARTIAL, "ConfigMap shop/b: exceeded quota")
    assert [s.state for s in done.sends] == [SendState.LANDED, SendState.REFUSED]
    assert len(bench.cluster.persisted) == 1


async def test_a_conflict_is_checked_again_and_not_blindly_repeated(bench: Bench) -> None:
    change = await bench.approve(scale())
    harmless = iter([{"labels": {"touched": "1"}}])
    bench.cluster.on_write = lambda: (extra := next(harmless, None)) and bench.cluster.put(WEB, deployment(**extra)) and None

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1
    assert bench.actions().count("write_sent") == 2
    assert bench.actions().count("write_put_off") == 1


async def test_a_conflict_that_changes_the_outcome_is_not_sent(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.cluster.on_write = lambda: bench.cluster.put(WEB, deployment(replicas=1)) and None

    done = await bench.replay(change)

    assert done.state is State.SUPERSEDED
    assert not bench.cluster.persisted


async def test_an_object_that_never_rests_is_given_up(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.cluster.on_write = lambda: bench.cluster.put(WEB, deployment()) and None

    done = await bench.replay(change)

    assert done.state is State.FAILED
    assert done.reason.startswith("Deployment shop/web: it keeps changing:")
    assert bench.actions().count("write_sent") == Limits().attempts


async def test_an_eviction_waits_for_its_budget_as_kubectl_does(bench: Bench) -> None:
    change = await bench.approve(evict())
    bench.cluster.refusals = [(429, "TooManyRequests", "disruption budget")]

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert bench.pauses == [5.0]
    assert len(bench.cluster.persisted) == 1


async def test_an_eviction_is_given_up_when_its_budget_never_allows_it(bench: Bench) -> None:
    change = await bench.approve(evict())
    bench.cluster.protected.add(POD)

    done = await bench.replay(change)

    assert done.state is State.FAILED
    assert "disruption budget" in done.reason
    assert sum(bench.pauses) == Limits().busy_seconds
    assert done.sends[0].status == 429


async def test_a_write_waits_for_what_an_earlier_one_sets_off(bench: Bench) -> None:
    change = await bench.approve(config("a"), replace(config("b"), depends_on=(0,)))

    def refuse_once() -> None:
        if len(bench.cluster.persisted) == 1 and not bench.pauses:
            bench.cluster.refusals.append((403, "Forbidden", "error looking up service account"))

    bench.cluster.on_write = refuse_once

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert bench.pauses == [5.0]


async def test_a_create_waits_until_what_was_deleted_is_gone(bench: Bench) -> None:
    bench.cluster.put(POD, {"metadata": {"finalizers": ["x"]}})
    create = write("create", "pods", "", {"kind": "Pod", "metadata": {"name": "p1"}}, kind=JSON)
    gone = await rehearse(bench.cluster, delete())
    made = replace(create, after={"kind": "Pod", "metadata": {"name": "p1"}}, depends_on=(0,))
    change = await bench.approve(gone, made, preview=False)

    async def finish(seconds: float) -> None:
        bench.cluster.objects.pop(POD, None)
        bench.time.now += seconds

    bench.pause = finish  # type: ignore[method-assign]

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert [r.method for r in bench.cluster.persisted] == ["DELETE", "POST"]


async def test_a_name_that_the_server_makes_up_is_shown_afterwards(bench: Bench) -> None:
    change = await bench.approve(write("create", "jobs", "", {"kind": "Job", "metadata": {"generateName": "try-"}}, kind=JSON))
    assert change.diffs[0].name == "try-…"

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert path_of("jobs", done.diffs[0].name) in bench.cluster.objects


async def test_a_collection_is_deleted_with_one_request(bench: Bench) -> None:
    change = await bench.approve(write("deletecollection", "pods"))

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1


async def test_a_freeze_before_the_start_denies_the_change(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.why_held = ["Frozen until 15:00."]

    done = await bench.replay(change)

    assert (done.state, done.reason) == (State.DENIED, "Frozen until 15:00.")
    assert bench.actions() == ["replay_held"]
    assert not bench.cluster.persisted


async def test_a_stop_between_two_writes_leaves_the_rest(bench: Bench) -> None:
    change = await bench.approve(config("a"), config("b"))
    bench.why_held = ["", "", "Stopped by U1."]

    done = await bench.replay(change)

    assert (done.state, done.reason) == (State.PARTIAL, "Stopped by U1.")
    assert len(bench.cluster.persisted) == 1


async def test_a_stop_before_the_first_write_fails_the_change(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.why_held = ["", "Stopped by U1."]

    done = await bench.replay(change)

    assert (done.state, done.reason) == (State.FAILED, "Stopped by U1.")


async def test_an_approval_that_was_not_carried_out_in_time_lapses(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.time.now = NOW + RULES.lapse_seconds + 1

    done = await bench.replay(change)

    assert done.state is State.EXPIRED
    assert not bench.cluster.persisted


async def test_altered_requests_are_never_sent(bench: Bench) -> None:
    change = await bench.approve(scale())
    altered = replace(change.writes[0], request=replace(change.writes[0].request, body=b'{"spec":{"replicas":0}}'))
    bench.changes.rows[change.id] = replace(bench.changes.rows[change.id], writes=(altered,))

    done = await bench.replay(change)

    assert done.state is State.FAILED
    assert done.reason == "The stored requests are not those that were approved; nothing more is sent."
    assert not bench.cluster.asked


async def test_no_answer_to_a_look_leaves_the_change_for_later(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.cluster.fault = lambda request, dry_run: "before"
    with pytest.raises(UpstreamUnavailableError):
        await bench.replay(change)
    assert bench.changes.rows[change.id].state is State.REPLAYING

    bench.cluster.fault = lambda request, dry_run: ""
    done = await bench.replay(change)

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1


async def test_a_server_that_is_away_for_a_moment_is_waited_for(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.cluster.dry_refusals = [(503, "ServiceUnavailable", "starting")]

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert bench.pauses == [5.0]


async def test_an_answer_that_must_be_withheld_is_no_answer(bench: Bench) -> None:
    change = await bench.approve(scale())
    answers = ["", "", "withheld"]
    bench.cluster.fault = lambda request, dry_run: answers.pop(0) if answers else ""

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert not answers
    assert len(bench.cluster.persisted) == 1


async def test_a_replay_needs_neither_a_freeze_nor_limits_of_its_own(bench: Bench) -> None:
    change = await bench.approve(scale())

    done = await replay(change.id, api=bench.cluster, changes=bench.changes, settings=RULES, clock=bench.time)

    assert done.state is State.DONE
