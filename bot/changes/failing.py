"""Why a workload does not get ready: the pod that cannot start and its reason, or what keeps its controller from making pods. Pure.

Reasons as the kubelet (`k8s.io/kubernetes/pkg/kubelet/images`, `…/container`) and the scheduler write them into a pod's status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.changes import bodies, trees
from bot.values.requests import Json

_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
_IMAGE = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable"}
)
_PASSING = frozenset({"ErrImagePull"})
"""Often gone with the next try; everything else stays until somebody does something."""
_MESSAGE_CHARS = 160


@dataclass(frozen=True, slots=True)
class Failure:
    """What is wrong, in words, and whether it stays wrong until somebody does something."""

    words: str
    is_lasting: bool = True


def of_pods(pods: Sequence[Json], *, is_late: bool = False) -> Failure | None:
    """The newest pod that cannot start, and why: `web-7c9f: ImagePullBackOff: image nginx:9: not found`.

    With `is_late` also a pod that runs and is not ready, which is nothing special at first.
    """
    live = [pod for pod in pods if not bodies.metadata(pod).get("deletionTimestamp")]
    live.sort(key=lambda pod: str(bodies.metadata(pod).get("creationTimestamp", "")), reverse=True)
    for pod in live:
        found = _of_pod(pod)
        if found is not None:
            return found
    for pod in live if is_late else ():
        if trees.text(pod, "status", "phase") == "Running" and not _is_ready(pod):
            return Failure(f"{_name(pod)}: runs, but is not ready")
    return None


def _of_pod(pod: Json) -> Failure | None:
    status = trees.part(pod, "status")
    for container in (*trees.entries(status, "initContainerStatuses"), *trees.entries(status, "containerStatuses")):
        found = _of_container(container)
        if found is not None:
            return Failure(f"{_name(pod)}: {found.words}", found.is_lasting)
    for condition in trees.entries(status, "conditions"):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable" and condition.get("status") == "False":
            message = trees.text(condition, "message").partition(" preemption:")[0].rstrip(".")
            return Failure(f"{_name(pod)}: cannot be scheduled: {_cut(message)}".rstrip(": "))
    if trees.text(status, "phase") == "Failed" and trees.text(status, "reason"):
        return Failure(f"{_name(pod)}: {trees.text(status, 'reason')}: {_cut(trees.text(status, 'message'))}".rstrip(": "))
    return None


def _of_container(container: dict[str, Any]) -> Failure | None:
    waiting, ended = trees.part(container, "state", "waiting"), trees.part(container, "state", "terminated")
    reason, message = trees.text(waiting, "reason"), trees.text(waiting, "message")
    if reason in _IMAGE:
        image, _, why = f"image {trees.text(container, 'image')}", "", message.rpartition(": ")[2]
        parts = [reason, image if trees.text(container, "image") else "", why if why and len(why) <= 60 and why != message else ""]
        return Failure(": ".join(part for part in parts if part), reason not in _PASSING)
    if reason == "CrashLoopBackOff":
        return Failure(f"{reason}: {_of_end(trees.part(container, 'lastState', 'terminated'), container)}".rstrip(": "))
    if reason and reason not in _STARTING:
        return Failure(f"{reason}: {_cut(message)}".rstrip(": "))
    if ended and ended.get("exitCode") != 0:
        return Failure(_of_end(ended, {}), is_lasting=False)
    last = trees.part(container, "lastState", "terminated")
    if last and last.get("exitCode") != 0 and container.get("ready") is False and trees.part(container, "state", "running"):
        return Failure(f"restarted: {_of_end(last, container)}", is_lasting=False)
    return None


def _of_end(ended: dict[str, Any], container: dict[str, Any]) -> str:
    """`OOMKilled (exit code 137), 4 restarts`"""
    restarts = trees.number(container, "restartCount")
    times = f"{restarts} restart{'' if restarts == 1 else 's'}" if restarts else ""
    end = f"{ended.get('reason') or 'Error'} (exit code {ended.get('exitCode')})" if ended else ""
    return ", ".join(part for part in (end, times) if part)


def of_events(events: Sequence[Json], since: float) -> Failure | None:
    """The last failure to make a pod after `since` (epoch seconds): a quota, an admission webhook, a missing account."""
    recent = [(when, event) for event in events if (when := _time_of(event)) >= since]
    if not recent:
        return None
    message = trees.text(max(recent, key=lambda pair: pair[0])[1], "message")
    cause = message.partition("failed error: ")[2] or message.removeprefix("Error creating: ")
    return Failure(f"cannot make pods: {_cut(cause)}")


def _time_of(event: Json) -> float:
    series = trees.text(event, "series", "lastObservedTime")
    text = series or trees.text(event, "lastTimestamp") or trees.text(event, "eventTime")
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def of_condition(item: Json) -> Failure | None:
    """What a Deployment or ReplicaSet says of itself when it cannot make pods."""
    for condition in trees.entries(item, "status", "conditions"):
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return Failure(f"cannot make pods: {_cut(trees.text(condition, 'message'))}")
    return None


def _is_ready(pod: Json) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in trees.entries(pod, "status", "conditions"))


def _name(pod: Json) -> str:
    return str(bodies.metadata(pod).get("name", "?"))


def _cut(message: str) -> str:
    shown = " ".join(message.split())
    return shown if len(shown) <= _MESSAGE_CHARS else f"{shown[: _MESSAGE_CHARS - 1]}…"
