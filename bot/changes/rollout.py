"""How far a workload has come with what it was told, as `kubectl rollout status` decides it. Pure.

Source: `k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`; Jobs and Pods, which it does not know, by their conditions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.changes import bodies, trees
from bot.values.requests import Json


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """`words` are for people (`3/5 ready`); '' for objects that have no rollout."""

    words: str
    settled: bool
    """Nothing more is going to happen."""
    healthy: bool
    """It is as it should be, or on its way there. What is neither settled nor healthy is stuck: somebody has to do something."""


NOTHING = RolloutStatus("", settled=True, healthy=True)


def status(item: Json) -> RolloutStatus:
    """The rollout of one object. Objects that are no workloads are settled at once."""
    read = _READERS.get(str(item.get("kind"))) if isinstance(item, dict) else None
    return read(item) if read is not None else NOTHING


def _deployment(item: dict[str, Any]) -> RolloutStatus:
    spec, found = trees.part(item, "spec"), trees.part(item, "status")
    wanted, ready, updated = (
        trees.number(spec, "replicas", default=1),
        trees.number(found, "readyReplicas"),
        trees.number(found, "updatedReplicas"),
    )
    words = f"{ready}/{wanted} ready"
    if not _is_observed(item):
        return RolloutStatus(words, settled=False, healthy=True)
    progressing = _condition(found, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return RolloutStatus(f"{words}, stuck", settled=False, healthy=False)
    old = trees.number(found, "replicas") - updated
    if spec.get("paused") is True and (updated < wanted or old > 0):
        return RolloutStatus(f"{words}, paused", settled=True, healthy=True)
    if updated < wanted:
        return RolloutStatus(f"{words}, {updated} of {wanted} updated", settled=False, healthy=True)
    if old > 0:
        return RolloutStatus(f"{words}, {old} old still there", settled=False, healthy=True)
    return RolloutStatus(words, settled=trees.number(found, "availableReplicas") >= updated, healthy=True)


def _stateful_set(item: dict[str, Any]) -> RolloutStatus:
    spec, found = trees.part(item, "spec"), trees.part(item, "status")
    wanted, ready, updated = (
        trees.number(spec, "replicas", default=1),
        trees.number(found, "readyReplicas"),
        trees.number(found, "updatedReplicas"),
    )
    words = f"{ready}/{wanted} ready"
    strategy = trees.part(spec, "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return _on_delete(words, updated, wanted)
    if not _is_observed(item) or ready < wanted or trees.number(found, "replicas", default=ready) > wanted:
        return RolloutStatus(words, settled=False, healthy=True)
    partition = trees.number(trees.part(strategy, "rollingUpdate"), "partition")
    if partition:
        return RolloutStatus(f"{words}, {updated} updated", settled=updated >= wanted - partition, healthy=True)
    return RolloutStatus(words, settled=found.get("updateRevision") == found.get("currentRevision"), healthy=True)


def _daemon_set(item: dict[str, Any]) -> RolloutStatus:
    found = trees.part(item, "status")
    wanted, ready = trees.number(found, "desiredNumberScheduled"), trees.number(found, "numberReady")
    updated, words = trees.number(found, "updatedNumberScheduled"), f"{ready}/{wanted} ready"
    if trees.part(item, "spec", "updateStrategy").get("type") == "OnDelete":
        return _on_delete(words, updated, wanted)
    if not _is_observed(item) or updated < wanted:
        return RolloutStatus(f"{words}, {updated} of {wanted} updated", settled=False, healthy=True)
    return RolloutStatus(words, settled=trees.number(found, "numberAvailable") >= wanted, healthy=True)


def _on_delete(words: str, updated: int, wanted: int) -> RolloutStatus:
    old = "" if updated >= wanted else ", the others change when their pods are deleted (OnDelete)"
    return RolloutStatus(f"{words}, {updated} updated{old}", settled=True, healthy=True)


def _replica_set(item: dict[str, Any]) -> RolloutStatus:
    found, wanted = trees.part(item, "status"), trees.number(trees.part(item, "spec"), "replicas", default=1)
    ready, there = trees.number(found, "readyReplicas"), trees.number(found, "replicas")
    return RolloutStatus(f"{ready}/{wanted} ready", settled=_is_observed(item) and ready == wanted == there, healthy=True)


def _job(item: dict[str, Any]) -> RolloutStatus:
    spec, found = trees.part(item, "spec"), trees.part(item, "status")
    if _condition(found, "Complete").get("status") == "True":
        return RolloutStatus("completed", settled=True, healthy=True)
    failed = _condition(found, "Failed")
    if failed.get("status") == "True":
        return RolloutStatus(f"failed: {failed.get('reason') or 'no reason given'}", settled=True, healthy=False)
    if spec.get("suspend") is True:
        return RolloutStatus("suspended", settled=True, healthy=True)
    done, wanted = trees.number(found, "succeeded"), trees.number(spec, "completions", default=1)
    words = f"{done}/{wanted} completed, {trees.number(found, 'active')} active"
    if trees.number(found, "failed"):
        words += f", {trees.number(found, 'failed')} failed"
    return RolloutStatus(words, settled=False, healthy=True)


def _pod(item: dict[str, Any]) -> RolloutStatus:
    found = trees.part(item, "status")
    phase = str(found.get("phase") or "Pending")
    if phase in ("Succeeded", "Failed"):
        return RolloutStatus(phase.lower(), settled=True, healthy=phase == "Succeeded")
    is_ready = _condition(found, "Ready").get("status") == "True"
    return RolloutStatus("running" if is_ready else "not ready", settled=is_ready, healthy=True)


_READERS: dict[str, Callable[[dict[str, Any]], RolloutStatus]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "ReplicaSet": _replica_set,
    "ReplicationController": _replica_set,
    "Job": _job,
    "Pod": _pod,
}
KINDS = frozenset(_READERS)
"""The kinds that have a rollout."""


def _is_observed(item: dict[str, Any]) -> bool:
    """Whether the controller has seen the object as it is now: before that its status tells about an earlier one."""
    return trees.number(trees.part(item, "status"), "observedGeneration") >= trees.number(bodies.metadata(item), "generation")


def _condition(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next((c for c in trees.entries(found, "conditions") if c.get("type") == name), {})
