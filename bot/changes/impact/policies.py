"""Autoscalers and disruption budgets that stand in the way of a change, or that it changes. Pure.

Evictions ask a PodDisruptionBudget; deletions and rollouts do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.changes import bodies, selectors, trees
from bot.changes.impact import workloads
from bot.changes.impact.effects import WORKLOADS, Effect, Scene, count
from bot.changes.impact.surroundings import objects


def of_autoscaler(effect: Effect, scene: Scene) -> Iterator[str]:
    """`HPA web allows at most 4: it will pull this back`"""
    if effect.kind == "HorizontalPodAutoscaler" and effect.diff.action == "update":
        yield from _of_bounds(effect)
    found = workloads.scaled(effect)
    if found is None:
        return
    new = found[1]
    for item in scene.around.list(objects("autoscaling/v2", "horizontalpodautoscalers", "HPAs", effect.diff.namespace)) or ():
        target = trees.part(item, "spec", "scaleTargetRef")
        if target.get("kind") != effect.kind or target.get("name") != effect.diff.name:
            continue
        name, low, high = _hpa(item)
        if new == 0:
            yield f"{name} pauses while there are 0 replicas"
        elif new > high:
            yield f"{name} allows at most {high}: it will pull this back"
        elif new < low:
            yield f"{name} wants at least {low}: it will pull this back"
        else:
            yield f"{name} sets the replicas itself ({low} to {high}): it may pull this back"


def _hpa(item: dict[str, Any]) -> tuple[str, int, int]:
    spec = trees.part(item, "spec")
    return f"HPA {bodies.metadata(item).get('name')}", trees.number(spec, "minReplicas", default=1), trees.number(spec, "maxReplicas")


def _of_bounds(effect: Effect) -> Iterator[str]:
    _, low, high = _hpa(effect.after)
    now = trees.number(effect.before, "status", "currentReplicas")
    target = trees.part(effect.after, "spec", "scaleTargetRef")
    name = f"{target.get('kind')} {target.get('name')}"
    if high and now > high:
        yield f"scales {name} down from {now} to {high}"
    elif 0 < now < low:
        yield f"scales {name} up from {now} to {low}"


def budgets(scene: Scene, namespace: str, labels: dict[str, str]) -> list[dict[str, Any]]:
    """The PodDisruptionBudgets that cover pods of these labels, as far as they can be seen."""
    found = scene.around.list(objects("policy/v1", "poddisruptionbudgets", "PodDisruptionBudgets", namespace)) or []
    return [item for item in found if selectors.matches(trees.part(item, "spec").get("selector"), labels)]


def of_budget(effect: Effect, scene: Scene) -> Iterator[str]:
    """Budgets that evictions will run into afterwards."""
    if effect.kind == "PodDisruptionBudget" and effect.diff.action in ("create", "update"):
        yield from _of_own_budget(effect)
    found = workloads.scaled(effect) if effect.kind in WORKLOADS else None
    if found is None or found[1] >= found[0] or found[1] == 0:
        return
    labels = trees.texts(effect.after, "spec", "template", "metadata", "labels")
    for item in budgets(scene, effect.diff.namespace, labels):
        least = trees.part(item, "spec").get("minAvailable")
        if isinstance(least, int) and found[1] <= least:
            name = f"PodDisruptionBudget {bodies.metadata(item).get('name')}"
            yield f"{name} wants {least} available: with {count(found[1], 'pod')} it refuses every eviction, so node drains hang"


def _of_own_budget(effect: Effect) -> Iterator[str]:
    spec, healthy = trees.part(effect.after, "spec"), trees.number(effect.before, "status", "currentHealthy")
    least, away = spec.get("minAvailable"), spec.get("maxUnavailable")
    is_closed = away in (0, "0%") or least == "100%" or (isinstance(least, int) and 0 < healthy <= least)
    if is_closed:
        yield "⚠️ refuses every eviction of its pods: node drains will hang"
