"""Pods that come, go or are replaced when a workload changes. Pure.

Sources: `k8s.io/kubernetes/pkg/controller/deployment/util` (how a rolling update counts), the API reference of apps/v1 and batch/v1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from bot.changes import trees
from bot.changes.impact.effects import WORKLOADS, Effect, Scene, count
from bot.values.requests import Json

_ROLLED_OUT = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_SCALED = WORKLOADS - {"DaemonSet"}


def ready(item: dict[str, Any], kind: str) -> str:
    """`3/3 ready now`; '' if the status does not say."""
    status = trees.part(item, "status")
    if not status:
        return ""
    if kind == "DaemonSet":
        return f"{trees.number(status, 'numberReady')}/{trees.number(status, 'desiredNumberScheduled')} ready now"
    return f"{trees.number(status, 'readyReplicas')}/{trees.number(item, 'spec', 'replicas', default=1)} ready now"


def replicas(item: dict[str, Any], kind: str) -> int:
    """How many pods it wants."""
    if kind == "DaemonSet":
        return trees.number(item, "status", "desiredNumberScheduled")
    return trees.number(item, "spec", "replicas", default=1)


def scaled(effect: Effect) -> tuple[int, int] | None:
    """Replicas before and after, if they change."""
    field = effect.field("spec.replicas")
    if field is None or effect.kind not in _SCALED or effect.diff.action not in ("update", "scale") or not isinstance(field.new, int):
        return None
    return (field.old if isinstance(field.old, int) else 1), field.new


def of_scaling(effect: Effect, scene: Scene) -> Iterator[str]:
    """`+2 pods (3/3 ready now)`"""
    found = scaled(effect)
    if found is None:
        return
    old, new = found
    state = ready(scene.live(effect), effect.kind)
    none_left = ", none is left" if new == 0 and old > 0 else ""
    yield f"{'+' if new > old else '−'}{count(abs(new - old), 'pod')}{none_left}{f' ({state})' if state else ''}"
    retention = trees.part(effect.after, "spec", "persistentVolumeClaimRetentionPolicy")
    if new < old and retention.get("whenScaled") == "Delete" and trees.entries(effect.after, "spec", "volumeClaimTemplates"):
        yield "⚠️ deletes the volume claims of the pods that go (whenScaled: Delete)"


def of_template(effect: Effect, scene: Scene) -> Iterator[str]:
    """How the pods get a changed template."""
    if effect.kind == "CronJob" and effect.diff.action == "update" and effect.changes("spec.jobTemplate"):
        yield "Jobs that run already are not touched"
    if effect.kind not in _ROLLED_OUT or effect.diff.action != "update" or not effect.changes("spec.template"):
        return
    wanted, state = replicas(effect.after or effect.before, effect.kind), ready(scene.live(effect), effect.kind)
    shown = f" ({state})" if state else ""
    if trees.part(effect.after, "spec").get("paused") is True:
        yield f"it is paused: no pod is replaced until it is resumed{shown}"
    elif wanted == 0 and effect.kind != "DaemonSet":
        yield "it has 0 replicas: no pod is replaced now"
    else:
        yield f"{_how_replaced(effect.after, effect.kind, wanted)}{shown}"


def _how_replaced(item: dict[str, Any], kind: str, wanted: int) -> str:
    spec = trees.part(item, "spec")
    pods = count(wanted, "pod") if wanted else "its pods"
    if kind == "Deployment":
        if trees.text(spec, "strategy", "type") == "Recreate":
            return f"restarts {pods}: all of them stop before new ones start, as its strategy Recreate says"
        away, surge = rolling(item)
        return f"restarts {pods} step by step, at most {away} away and {surge} extra at a time"
    strategy = trees.part(spec, "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return f"no pod is replaced until it is deleted (OnDelete; {pods})"
    partition = trees.number(strategy, "rollingUpdate", "partition")
    if kind == "StatefulSet" and partition:
        return f"restarts {max(0, wanted - partition)} of {pods} (partition {partition})"
    return f"restarts {pods} one after another" if kind == "StatefulSet" else f"restarts {pods} step by step, node by node"


def rolling(item: dict[str, Any]) -> tuple[int, int]:
    """How many pods of a Deployment may be away and how many extra while it rolls (`ResolveFenceposts`)."""
    wanted, update = replicas(item, "Deployment"), trees.part(item, "spec", "strategy", "rollingUpdate")
    surge = _share(update.get("maxSurge", "25%"), wanted, math.ceil)
    away = _share(update.get("maxUnavailable", "25%"), wanted, math.floor)
    return (1, surge) if surge == 0 and away == 0 else (away, surge)


def _share(value: Json, whole: int, rounded: Any) -> int:
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        return int(rounded(whole * int(value[:-1]) / 100))
    return value if isinstance(value, int) else 0


def of_pausing(effect: Effect, scene: Scene) -> Iterator[str]:
    """What `rollout pause`, `rollout resume` and `suspend` mean."""
    if effect.diff.action != "update":
        return
    if effect.kind == "Deployment" and effect.field("spec.paused"):
        if trees.part(effect.after, "spec").get("paused") is True:
            yield "pauses rollouts: a changed template starts no pods until it is resumed"
        else:
            wanted, is_new = (
                replicas(effect.after, effect.kind),
                any(one.changes("spec.template") for one in scene.effects if one.title == effect.title),
            )
            pending = wanted if is_new else wanted - trees.number(effect.before, "status", "updatedReplicas")
            yield f"resumes the rollout: {count(pending, 'pod')} to be replaced" if pending > 0 else "resumes rollouts: none is pending"
    if effect.kind in ("CronJob", "Job") and effect.field("spec.suspend"):
        is_suspended = trees.part(effect.after, "spec").get("suspend") is True
        active = trees.part(effect.before, "status").get("active")
        running = len(active) if isinstance(active, list) else active if isinstance(active, int) else 0
        if effect.kind == "CronJob":
            yield "starts no more Jobs" if is_suspended else "starts Jobs again"
        elif is_suspended:
            yield f"stops {count(running, 'running pod')}"
        else:
            yield f"starts {count(trees.number(effect.after, 'spec', 'parallelism', default=1), 'pod')}"


def of_creation(effect: Effect, _: Scene) -> Iterator[str]:
    """`+3 pods`"""
    if effect.diff.action != "create" or not effect.after:
        return
    if effect.kind in _SCALED:
        yield f"+{count(replicas(effect.after, effect.kind), 'pod')}"
    elif effect.kind == "Job" and trees.part(effect.after, "spec").get("suspend") is not True:
        yield f"+{count(trees.number(effect.after, 'spec', 'parallelism', default=1), 'pod')}"
    elif effect.kind == "DaemonSet":
        yield "a pod on every node that its template allows"
    if effect.kind == "Pod" and not trees.entries(effect.after, "metadata", "ownerReferences"):
        yield "a pod without a controller: nothing brings it back when it goes"
