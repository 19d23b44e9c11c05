"""Pods that are deleted or evicted, told for all of them together: who replaces them, and which budgets stand in the way. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from bot.changes import bodies, selectors, trees
from bot.changes.impact import managers, policies
from bot.changes.impact.effects import Effect, Scene, count, enumerate_some
from bot.changes.impact.surroundings import objects, one

_OWNERS = {"ReplicaSet": ("apps/v1", "replicasets"), "StatefulSet": ("apps/v1", "statefulsets")}
_SELECTING = {**_OWNERS, "DaemonSet": ("apps/v1", "daemonsets")}
_Owner = tuple[str, str, str]


def of_removals(scene: Scene) -> Iterator[str]:
    """One line per controller and per budget, however many pods go."""
    going = [effect for effect in scene.effects if effect.kind == "Pod" and effect.is_removal and effect.before]
    yield from _of_controllers(scene, going)
    yield from _of_lone_pods([effect for effect in going if not scene.anew(effect)])
    yield from _of_budgets(scene, going)


def _of_controllers(scene: Scene, going: list[Effect]) -> Iterator[str]:
    by_owner: dict[_Owner, list[Effect]] = {}
    for effect in going:
        owner = managers.controller(effect.before)
        if owner is not None and owner.get("kind") != "Node":
            by_owner.setdefault((effect.diff.namespace, str(owner.get("kind")), str(owner.get("name"))), []).append(effect)
    for (namespace, kind, name), effects in by_owner.items():
        title = f"{kind} {namespace}/{name}"
        if kind == "DaemonSet" and any(effect.diff.action == "evict" for effect in effects):
            yield f"{title} puts {count(len(effects), 'pod')} back on the same node"
        elif kind == "Job":
            yield f"{title} starts {'it' if len(effects) == 1 else 'them'} again if it is not finished"
        else:
            yield f"{title} puts {count(len(effects), 'new pod')} in place of what goes{_share(scene, namespace, kind, name, len(effects))}"


def _share(scene: Scene, namespace: str, kind: str, name: str, going: int) -> str:
    """Whether enough of its pods stay to serve."""
    if kind not in _OWNERS:
        return ""
    version, resource = _OWNERS[kind]
    owner = scene.around.ask(one(version, resource, quote(name, safe=""), kind, namespace))
    ready = trees.number(owner, "status", "readyReplicas") if owner else 0
    if not ready:
        return ""
    return ": ⚠️ these are all of its ready pods" if going >= ready else f" ({ready} ready now)"


def _of_lone_pods(going: list[Effect]) -> Iterator[str]:
    lone = [effect for effect in going if managers.controller(effect.before) is None]
    if lone:
        names = enumerate_some([f"{effect.diff.namespace}/{effect.diff.name}" for effect in lone])
        subject, it = (f"Pod {names} has", "it") if len(lone) == 1 else (f"Pods {names} have", "them")
        yield f"⚠️ {subject} no controller: nothing brings {it} back"
    if any("kubernetes.io/config.mirror" in trees.texts(effect.before, "metadata", "annotations") for effect in going):
        yield "A static pod cannot be deleted here: the kubelet keeps it as long as its file is on the node"


def _of_budgets(scene: Scene, going: list[Effect]) -> Iterator[str]:
    found: dict[tuple[str, str], tuple[dict[str, Any], list[Effect]]] = {}
    for effect in going:
        for item in policies.budgets(scene, effect.diff.namespace, trees.texts(effect.before, "metadata", "labels")):
            key = (effect.diff.namespace, str(bodies.metadata(item).get("name")))
            found.setdefault(key, (item, []))[1].append(effect)
    for (namespace, name), (item, effects) in found.items():
        allowed = trees.number(item, "status", "disruptionsAllowed")
        if allowed >= len(effects):
            continue
        title = f"PodDisruptionBudget {namespace}/{name}"
        if all(effect.diff.action == "evict" for effect in effects):
            if len(effects) == 1:
                yield f"⚠️ {title} allows no eviction now: it is refused until more pods are ready"
            else:
                yield f"⚠️ {title} allows {allowed} of these {len(effects)} evictions now: the others are tried again for a while"
        else:
            yield f"⚠️ {title} allows {count(allowed, 'disruption')} now, and deleting does not ask it"


def of_relabelling(effect: Effect, scene: Scene) -> Iterator[str]:
    """What loses sight of a pod whose labels change, or finds it: its controller and Services. So a sick pod is set aside."""
    if effect.kind != "Pod" or effect.diff.action != "update" or not effect.changes("metadata.labels"):
        return
    was, becomes = (trees.texts(item, "metadata", "labels") for item in (effect.before, effect.after))
    owner = managers.controller(effect.before)
    if owner is not None and owner.get("kind") in _SELECTING:
        kind, name = str(owner.get("kind")), str(owner.get("name"))
        found = scene.around.ask(one(*_SELECTING[kind], name, kind, effect.diff.namespace))
        selector = trees.part(found, "spec").get("selector") if found else None
        if selectors.matches(selector, was) and not selectors.matches(selector, becomes):
            yield f"⚠️ leaves {kind} {name}, which starts another pod in its place"
    for item in scene.around.list(objects("v1", "services", "Services", effect.diff.namespace)) or ():
        wanted = trees.texts(item, "spec", "selector")
        sees = [bool(wanted) and selectors.matches({"matchLabels": wanted}, labels) for labels in (was, becomes)]
        if sees == [True, False]:
            yield f"Service {bodies.metadata(item).get('name')} sends it no more traffic"
        elif sees == [False, True]:
            yield f"Service {bodies.metadata(item).get('name')} sends it traffic from then on"
