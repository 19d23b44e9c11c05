"""ResourceQuotas that have no room for the pods a change adds: their controller would fail to make them, without an error here. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from bot.changes import bodies, quantities, trees
from bot.changes.impact import workloads
from bot.changes.impact.effects import WORKLOADS, Effect, Scene, count
from bot.changes.impact.surroundings import objects


def of_more_pods(effect: Effect, scene: Scene) -> Iterator[str]:
    """`ResourceQuota team has room for 1 of 2 more pods (requests.cpu: 900m of 1 used)`"""
    added, is_extra = _added_pods(effect)
    if added <= 0:
        return
    needs = _needs(trees.part(effect.after, "spec", "template", "spec"))
    for item in scene.around.list(objects("v1", "resourcequotas", "ResourceQuotas", effect.diff.namespace)) or ():
        spec = trees.part(item, "spec")
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue  # counts only some pods; which, is not told here
        tight = _tightest(item, needs)
        if tight is None or tight[0] >= added:
            continue
        room, name, used, hard = tight
        pods = f"the {count(added, 'extra pod')} of a rollout" if is_extra else count(added, "more pod")
        yield f"⚠️ ResourceQuota {bodies.metadata(item).get('name')} has room for {room} of {pods} ({name}: {used} of {hard} used)"


def _added_pods(effect: Effect) -> tuple[int, bool]:
    """How many pods are added, and whether only while a rollout lasts."""
    if effect.kind not in WORKLOADS or effect.is_removal:
        return 0, False
    found = workloads.scaled(effect)
    if found is not None:
        return found[1] - found[0], False
    if effect.diff.action == "create" and effect.kind != "DaemonSet":
        return workloads.replicas(effect.after, effect.kind), False
    is_rolled = effect.kind == "Deployment" and effect.diff.action == "update" and effect.changes("spec.template")
    if not is_rolled or trees.text(effect.after, "spec", "strategy", "type") == "Recreate":
        return 0, False
    return workloads.rolling(effect.after)[1], True


def _needs(pod: dict[str, Any]) -> dict[str, Fraction]:
    """What one pod takes of each thing a quota can count."""
    needs = {"pods": Fraction(1), "count/pods": Fraction(1)}
    for part in ("requests", "limits"):
        for container in trees.entries(pod, "containers"):
            for resource, value in trees.part(container, "resources", part).items():
                amount = quantities.parse(value) or Fraction(0)
                for key in (f"{part}.{resource}", *((resource,) if part == "requests" else ())):
                    needs[key] = needs.get(key, Fraction(0)) + amount
    return needs


def _tightest(item: dict[str, Any], needs: dict[str, Fraction]) -> tuple[int, str, object, object] | None:
    """For how many pods there is room, and what limits them: its name, used, hard."""
    found: list[tuple[int, str, object, object]] = []
    hard, used = trees.part(item, "status", "hard"), trees.part(item, "status", "used")
    for name, need in needs.items():
        most, taken = quantities.parse(hard.get(name)), quantities.parse(used.get(name, "0"))
        if most is not None and taken is not None and need > 0:
            found.append((max(0, int((most - taken) // need)), name, used.get(name, "0"), hard[name]))
    return min(found, key=lambda one: one[0], default=None)
