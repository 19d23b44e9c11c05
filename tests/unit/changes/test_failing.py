"""Why a workload does not get ready, in the words of its pods, its conditions and its events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.changes.failing import Failure, of_condition, of_events, of_pods


def pod(name: str = "web-1", at: str = "", **status: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name, "creationTimestamp": at}, "status": status}


def container(state: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"name": "c", "state": state, **more}]


def waiting(reason: str, message: str = "", **more: Any) -> list[dict[str, Any]]:
    return container({"waiting": {"reason": reason, "message": message}}, **more)


def ended(code: int, reason: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


def unscheduled(message: str = "") -> list[dict[str, Any]]:
    return [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]


NO_CPU = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available."
PULL = 'Back-off pulling image "a:9": ErrImagePull: failed to pull: not found'
RUNNING = {"running": {"startedAt": "now"}}
NOT_READY = [{"type": "Ready", "status": "False"}]


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([pod(containerStatuses=waiting("ImagePullBackOff"))], Failure("web-1: ImagePullBackOff")),
        ([pod(containerStatuses=waiting("ImagePullBackOff", PULL, image="a:9"))], Failure("web-1: ImagePullBackOff: image a:9: not found")),
        ([pod(containerStatuses=waiting("ErrImagePull", image="a:9"))], Failure("web-1: ErrImagePull: image a:9", is_lasting=False)),
        ([pod(initContainerStatuses=waiting("CrashLoopBackOff"))], Failure("web-1: CrashLoopBackOff")),
        (
            [pod(containerStatuses=waiting("CrashLoopBackOff", lastState=ended(137, "OOMKilled"), restartCount=4))],
            Failure("web-1: CrashLoopBackOff: OOMKilled (exit code 137), 4 restarts"),
        ),
        (
            [pod(containerStatuses=waiting("CreateContainerConfigError", 'configmap "x" not found'))],
            Failure('web-1: CreateContainerConfigError: configmap "x" not found'),
        ),
        (
            [
                pod("a", "2026-01-01", containerStatuses=waiting("InvalidImageName")),
                pod("b", "2026-01-02", containerStatuses=waiting("ErrImagePull")),
            ],
            Failure("b: ErrImagePull", is_lasting=False),
        ),
        ([pod(containerStatuses=container(ended(1, "OOMKilled")))], Failure("web-1: OOMKilled (exit code 1)", is_lasting=False)),
        ([pod(containerStatuses=container(ended(2)))], Failure("web-1: Error (exit code 2)", is_lasting=False)),
        (
            [pod(containerStatuses=container(RUNNING, ready=False, lastState=ended(1), restartCount=1))],
            Failure("web-1: restarted: Error (exit code 1), 1 restart", is_lasting=False),
        ),
        ([pod(containerStatuses=container(RUNNING, ready=True, lastState=ended(1)))], None),
        ([pod(containerStatuses=[*container(ended(0)), *container(RUNNING)])], None),
        ([pod(containerStatuses=waiting("ContainerCreating"))], None),
        ([pod(conditions=unscheduled(NO_CPU))], Failure("web-1: cannot be scheduled: 0/1 nodes are available: 1 Insufficient cpu")),
        ([pod(conditions=unscheduled())], Failure("web-1: cannot be scheduled")),
        (
            [pod(phase="Failed", reason="Evicted", message="The node was low on memory.")],
            Failure("web-1: Evicted: The node was low on memory."),
        ),
        ([{**pod(containerStatuses=waiting("InvalidImageName")), "metadata": {"name": "x", "deletionTimestamp": "now"}}], None),
        ([pod(phase="Running", conditions=NOT_READY)], None),
        ([], None),
    ],
)
def test_the_newest_pod_that_cannot_start_says_why(pods: list[Any], expected: Failure | None) -> None:
    assert of_pods(pods) == expected


def test_a_pod_that_is_not_ready_is_named_only_when_it_is_late() -> None:
    pods = [pod(phase="Running", conditions=NOT_READY), pod("ok", phase="Running", conditions=[{"type": "Ready", "status": "True"}])]

    assert of_pods(pods) is None
    assert of_pods(pods, is_late=True) == Failure("web-1: runs, but is not ready")


def test_a_long_message_is_cut() -> None:
    found = of_pods([pod(containerStatuses=waiting("RunContainerError", "x " * 200))])

    assert found is not None
    assert len(found.words) < 220
    assert found.words.endswith("…")


def event(message: str, **when: Any) -> dict[str, Any]:
    return {"reason": "FailedCreate", "message": message, **when}


def test_the_last_event_since_the_decision_says_why_no_pod_is_made() -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
    old = event("Error creating: old", lastTimestamp="2026-01-01T11:59:59Z")
    quota = event("Error creating: exceeded quota: tight", lastTimestamp="2026-01-01T12:00:05Z")
    newer = event("newer", eventTime="2026-01-01T12:00:09.5Z", series={"lastObservedTime": "2026-01-01T12:00:30Z"})

    assert of_events([quota, old], now) == Failure("cannot make pods: exceeded quota: tight")
    assert of_events([newer, quota], now) == Failure("cannot make pods: newer")
    assert of_events([old, event("no time"), event("odd", lastTimestamp="?")], now) is None


def test_a_deployment_says_itself_that_it_cannot_make_pods() -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}

    assert of_condition({"status": {"conditions": [condition]}}) == Failure("cannot make pods: exceeded quota")
    assert of_condition({"status": {"conditions": [{**condition, "status": "False"}]}}) is None
