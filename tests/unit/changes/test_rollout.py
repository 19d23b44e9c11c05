"""Rollouts: when they have settled, and what is said about them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.changes.change import Change, Send, SendState
from bot.changes.rollout import RolloutStatus, status
from bot.changes.rollout_watch import LATE_FACTOR, watch_rollouts
from tests.unit.changes.bench import POD, WEB, Bench, config, delete, scale
from tests.unit.changes.builders import JSON, NOW, deployment, path_of, write


def workload(kind: str, spec: dict[str, Any], found: dict[str, Any], generation: int = 2) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "web", "generation": generation}, "spec": spec, "status": {"observedGeneration": 2, **found}}


def deploy(found: dict[str, Any], generation: int = 2, **spec: Any) -> dict[str, Any]:
    return workload("Deployment", {"replicas": 3, **spec}, found, generation)


DONE = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
STUCK = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}
FULL_SET = {"replicas": 3, "readyReplicas": 3, "updatedReplicas": 3, "currentRevision": "b", "updateRevision": "b"}
EVERYWHERE = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3, "numberReady": 3}

TABLE = [
    (deploy(DONE), "3/3 ready", True, True),
    (deploy(DONE, generation=3), "3/3 ready", False, True),
    (deploy({}), "0/3 ready, 0 of 3 updated", False, True),
    (deploy({**DONE, "updatedReplicas": 1}), "3/3 ready, 1 of 3 updated", False, True),
    (deploy({**DONE, "replicas": 4}), "3/3 ready, 1 old still there", False, True),
    (deploy({**DONE, "availableReplicas": 2, "readyReplicas": 2}), "2/3 ready", False, True),
    (deploy({**DONE, "updatedReplicas": 1, "conditions": STUCK}), "3/3 ready, stuck", False, False),
    (deploy({**DONE, "updatedReplicas": 1}, paused=True), "3/3 ready, paused", True, True),
    (deploy(DONE, paused=True), "3/3 ready", True, True),
    (deploy({}, replicas=0), "0/0 ready", True, True),
    (workload("StatefulSet", {"replicas": 3}, FULL_SET), "3/3 ready", True, True),
    (workload("StatefulSet", {"replicas": 3}, FULL_SET, generation=3), "3/3 ready", False, True),
    (workload("StatefulSet", {"replicas": 3}, {**FULL_SET, "readyReplicas": 2}), "2/3 ready", False, True),
    (workload("StatefulSet", {"replicas": 1}, {**FULL_SET, "replicas": 2}), "3/1 ready", False, True),
    (workload("StatefulSet", {"replicas": 3}, {**FULL_SET, "updateRevision": "c"}), "3/3 ready", False, True),
    (
        workload("StatefulSet", {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}, {**FULL_SET, "updatedReplicas": 1}),
        "3/3 ready, 1 updated",
        True,
        True,
    ),
    (
        workload("StatefulSet", {"replicas": 3, **ON_DELETE}, {**FULL_SET, "updatedReplicas": 1}),
        "3/3 ready, 1 updated, the others change when their pods are deleted (OnDelete)",
        True,
        True,
    ),
    (workload("DaemonSet", {}, EVERYWHERE), "3/3 ready", True, True),
    (workload("DaemonSet", {}, {**EVERYWHERE, "updatedNumberScheduled": 1}), "3/3 ready, 1 of 3 updated", False, True),
    (workload("DaemonSet", {}, {**EVERYWHERE, "numberAvailable": 2}), "3/3 ready", False, True),
    (workload("DaemonSet", ON_DELETE, EVERYWHERE), "3/3 ready, 3 updated", True, True),
    (workload("ReplicaSet", {"replicas": 2}, {"readyReplicas": 2, "replicas": 2}), "2/2 ready", True, True),
    (workload("ReplicaSet", {"replicas": 2}, {"readyReplicas": 2, "replicas": 3}), "2/2 ready", False, True),
    (workload("ReplicationController", {}, {}), "0/1 ready", False, True),
    (workload("Job", {}, {"conditions": [{"type": "Complete", "status": "True"}]}), "completed", True, True),
    (
        workload("Job", {}, {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}),
        "failed: BackoffLimitExceeded",
        True,
        False,
    ),
    (workload("Job", {"suspend": True}, {}), "suspended", True, True),
    (workload("Job", {"completions": 3}, {"succeeded": 1, "active": 2, "failed": 1}), "1/3 completed, 2 active, 1 failed", False, True),
    (workload("Job", {}, {"active": 1}), "0/1 completed, 1 active", False, True),
    (workload("Pod", {}, {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}), "running", True, True),
    (workload("Pod", {}, {}), "not ready", False, True),
    (workload("Pod", {}, {"phase": "Succeeded"}), "succeeded", True, True),
    (workload("Pod", {}, {"phase": "Failed"}), "failed", True, False),
    ({"kind": "ConfigMap"}, "", True, True),
    (None, "", True, True),
    ({"kind": "Deployment", "spec": "odd", "status": None}, "0/1 ready, 0 of 1 updated", False, True),
]


@pytest.mark.parametrize(("item", "words", "settled", "healthy"), TABLE)
def test_a_rollout_is_judged_as_kubectl_judges_it(item: Any, words: str, settled: bool, healthy: bool) -> None:
    assert status(item) == RolloutStatus(words, settled, healthy)


def pod(name: str = "web-1", **found: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name}, "status": found}


def waiting(reason: str) -> list[dict[str, Any]]:
    return [{"name": "c", "state": {"waiting": {"reason": reason}}}]


async def watched(bench: Bench, *writes: Any) -> Change:
    change = await bench.approve(*writes)
    return await bench.replay(change)


async def watch(bench: Bench, change: Change, states: list[dict[str, Any]], *, path: str = WEB, timeout_seconds: float = 600.0) -> None:
    """Each pause lets the object be in the next state."""

    async def pause(seconds: float) -> None:
        bench.time.now += seconds
        if states:
            bench.cluster.put(path, states.pop(0))

    if states:
        bench.cluster.put(path, states.pop(0))
    await watch_rollouts(change, api=bench.cluster, changes=bench.changes, clock=bench.time, timeout_seconds=timeout_seconds, pause=pause)


def ready(count: int, wanted: int = 5, **spec: Any) -> dict[str, Any]:
    found = {"replicas": wanted, "updatedReplicas": wanted, "readyReplicas": count, "availableReplicas": count}
    return {**deployment(wanted), "status": found, "spec": {**deployment(wanted)["spec"], **spec}}


async def test_the_words_follow_the_rollout_until_it_has_settled(bench: Bench) -> None:
    change = await watched(bench, scale())
    bench.time.now = NOW + 10

    await watch(bench, change, [ready(3), ready(3), ready(4), ready(5)])

    assert [(words, settled) for _, words, settled in bench.changes.rollouts] == [
        ("3/5 ready", False),
        ("4/5 ready", False),
        ("5/5 ready after 15 s", True),
    ]


async def test_a_pod_that_cannot_start_is_named_and_the_time_is_limited(bench: Bench) -> None:
    change = await watched(bench, scale())
    bench.cluster.put(POD, {"status": {"containerStatuses": waiting("ImagePullBackOff")}})

    await watch(bench, change, [ready(3, selector={"matchLabels": {"app": "web"}})], timeout_seconds=20)

    words = "3/5 ready, stuck · p1: ImagePullBackOff"
    late = f"not settled in 20 s: {words}"
    assert [entry[1:] for entry in bench.changes.rollouts] == [(words, False), (late, False), (late, True)]
    assert bench.time.now - NOW >= 20 * LATE_FACTOR
    asked = [request for request, _ in bench.cluster.asked if request.path == path_of("pods")]
    assert dict(asked[0].query)["labelSelector"] == "app=web"


async def test_a_cluster_that_does_not_answer_is_asked_again(bench: Bench) -> None:
    change = await watched(bench, scale())
    faults = ["before", "before"]
    bench.cluster.fault = lambda request, dry_run: faults.pop(0) if faults else ""

    await watch(bench, change, [ready(5)])

    assert bench.changes.rollouts[-1][1:] == ("5/5 ready after 2 s", True)
    bench.cluster.fault = lambda request, dry_run: "before"
    await watch(bench, replace(change, rollout=""), [], timeout_seconds=5)
    assert bench.changes.rollouts[-1][2]
    assert bench.changes.rollouts[-1][1].endswith("the cluster does not answer")


@pytest.mark.parametrize("timeout_seconds", [0.0, 600.0])
async def test_what_has_no_rollout_is_settled_at_once(bench: Bench, timeout_seconds: float) -> None:
    change = await watched(bench, *([scale()] if timeout_seconds == 0 else [config(), delete()]))

    await watch(bench, change, [], timeout_seconds=timeout_seconds)

    assert bench.changes.rollouts == [(change.id, "", True)]


async def test_several_workloads_are_told_by_name(bench: Bench) -> None:
    job = write("create", "jobs", "", {"kind": "Job", "metadata": {"generateName": "try-"}}, kind=JSON)
    change = await watched(bench, scale(), job)
    path = path_of("jobs", change.diffs[1].name)
    bench.cluster.put(path, {"status": {"conditions": [{"type": "Complete", "status": "True"}]}})

    await watch(bench, change, [ready(5)])

    assert bench.changes.rollouts[-1][1] == f"Deployment shop/web 5/5 ready; Job shop/{change.diffs[1].name} completed after 0 s"


async def test_only_what_landed_is_watched(bench: Bench) -> None:
    change = await watched(bench, scale())
    sends = (Send(0, SendState.REFUSED),)

    await watch(bench, replace(change, sends=sends), [])

    assert bench.changes.rollouts == [(change.id, "", True)]


async def test_what_is_gone_or_cannot_be_seen_has_settled(bench: Bench) -> None:
    change = await watched(bench, scale())
    bench.cluster.get_refusals = [(403, "Forbidden", "no rights")]
    await watch(bench, change, [])
    del bench.cluster.objects[WEB]
    await watch(bench, change, [])

    assert [entry[1] for entry in bench.changes.rollouts] == ["cannot be watched: no rights", "gone"]


async def test_a_pod_speaks_for_itself(bench: Bench) -> None:
    made = write("create", "pods", "", {"kind": "Pod", "metadata": {"name": "try"}}, kind=JSON)
    change = await watched(bench, made)

    await watch(bench, change, [{"status": {"containerStatuses": waiting("ErrImagePull")}}], path=path_of("pods", "try"), timeout_seconds=1)

    assert bench.changes.rollouts[0][1] == "not ready · try: ErrImagePull"


async def test_pods_that_cannot_be_listed_are_left_out(bench: Bench) -> None:
    change = await watched(bench, scale())
    kinds = {"Deployment": {"selector": {"matchLabels": {"a": "b"}}}, "ReplicationController": {"selector": {"a": "b"}}}
    for kind, spec in kinds.items():
        shown = replace(change, diffs=(replace(change.diffs[0], kind=kind),))
        bench.cluster.put(WEB, {**ready(3, **spec), "kind": kind})
        bench.cluster.fault = lambda request, dry_run: (
            (bench.cluster.get_refusals.append((403, "Forbidden", "no")) if request.path == path_of("pods") else None) or ""
        )

        await watch(bench, shown, [], timeout_seconds=1)

        assert bench.changes.rollouts[-1][1].endswith("3/5 ready")


STUCK_POD = {"metadata": {"creationTimestamp": "2026-01-01T00:00:01Z"}, "status": {"containerStatuses": waiting("ImagePullBackOff")}}


async def test_a_rollout_that_recovers_is_told_again(bench: Bench) -> None:
    change = await watched(bench, scale())
    selector = {"matchLabels": {"app": "web"}}
    bench.cluster.put(POD, STUCK_POD)

    async def mend(seconds: float) -> None:
        bench.time.now += seconds
        if bench.time.now > NOW + 60:
            bench.cluster.put(POD, {"status": {}})
            bench.cluster.put(WEB, ready(5, selector=selector))

    bench.cluster.put(WEB, ready(4, selector=selector))
    await watch_rollouts(change, api=bench.cluster, changes=bench.changes, clock=bench.time, timeout_seconds=30, pause=mend)

    told = [(words, settled) for _, words, settled in bench.changes.rollouts]
    assert told[0] == ("4/5 ready, stuck · p1: ImagePullBackOff", False)
    assert told[1] == ("not settled in 30 s: 4/5 ready, stuck · p1: ImagePullBackOff", False)
    assert told[2][0].startswith("5/5 ready after ")
    assert told[2][0].endswith(" s (it was stuck)")
    assert told[2][1:] == (True,)


async def test_a_deletion_is_watched_while_finalizers_hold_it(bench: Bench) -> None:
    pod = bench.cluster.put(POD, {"metadata": {"finalizers": ["example.com/wait"]}})
    change = await watched(bench, delete())

    async def let_go(seconds: float) -> None:
        bench.time.now += seconds
        bench.cluster.objects.pop(POD, None)

    assert pod["metadata"]["finalizers"]
    await watch_rollouts(change, api=bench.cluster, changes=bench.changes, clock=bench.time, timeout_seconds=30, pause=let_go)

    assert [entry[1:] for entry in bench.changes.rollouts] == [("is going, waits for example.com/wait", False), ("gone after 1 s", True)]


async def test_another_object_of_the_name_of_a_deleted_one_is_not_watched(bench: Bench) -> None:
    change = await watched(bench, delete())
    bench.cluster.put(POD, {"metadata": {"deletionTimestamp": "now"}})

    await watch(bench, change, [])

    assert bench.changes.rollouts == [(change.id, "", True)]


async def test_of_many_objects_only_those_that_have_not_settled_are_named(bench: Bench) -> None:
    jobs = [write("create", "jobs", "", {"kind": "Job", "metadata": {"name": f"j{number}"}}, kind=JSON) for number in range(5)]
    change = await watched(bench, *jobs)
    for number in range(4):
        bench.cluster.put(path_of("jobs", f"j{number}"), {"status": {"conditions": [{"type": "Complete", "status": "True"}]}})

    await watch(bench, change, [], timeout_seconds=1)

    assert bench.changes.rollouts[0][1] == "4 of 5 objects settled; Job shop/j4 0/1 completed, 0 active"


async def test_pods_that_are_ready_for_a_moment_have_not_settled(bench: Bench) -> None:
    change = await watched(bench, scale())

    await watch(bench, change, [ready(5), ready(4), ready(5), ready(5)])

    assert [(words, settled) for _, words, settled in bench.changes.rollouts] == [("4/5 ready", False), ("5/5 ready after 4 s", True)]
