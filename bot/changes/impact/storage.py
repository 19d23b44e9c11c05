"""Data that goes, and pods that read what changes: volumes, ConfigMaps, Secrets, ServiceAccounts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from bot.changes import bodies, trees
from bot.changes.impact import managers
from bot.changes.impact.effects import Effect, Scene, count, enumerate_some
from bot.changes.impact.surroundings import one, pods

_SOURCES = {
    "ConfigMap": ("configMap", "name"),
    "Secret": ("secret", "secretName"),
    "PersistentVolumeClaim": ("persistentVolumeClaim", "claimName"),
}
_REFERENCES = {"ConfigMap": ("configMapRef", "configMapKeyRef"), "Secret": ("secretRef", "secretKeyRef")}


def of_configuration(effect: Effect, scene: Scene) -> Iterator[str]:
    """Which pods read a ConfigMap or Secret that changes or goes."""
    if effect.kind not in _REFERENCES or effect.diff.action not in ("update", "delete"):
        return
    if not effect.is_removal and not (effect.changes("data") or effect.changes("binaryData") or effect.changes("stringData")):
        return
    users = _users(effect, scene)
    if users is None:
        return
    if not users:
        yield "no pod reads it now"
    elif effect.is_removal and not scene.anew(effect):
        yield f"⚠️ read by {_who(users)}: such pods do not start any more without it"
    else:
        is_environment = any(_is_in_environment(pod, effect) for pod in users)
        how = "environment variables change only with a restart" if is_environment else "mounted files change by themselves after a while"
        yield f"read by {_who(users)}: {how}"


def _users(effect: Effect, scene: Scene) -> list[dict[str, Any]] | None:
    found = scene.around.list(pods(effect.diff.namespace))
    if found is None:
        return None
    live = [pod for pod in found if trees.text(pod, "status", "phase") not in ("Succeeded", "Failed")]
    return [pod for pod in live if _is_mounted(pod, effect) or _is_in_environment(pod, effect)]


def _is_mounted(pod: dict[str, Any], effect: Effect) -> bool:
    source, key = _SOURCES[effect.kind]
    for volume in trees.entries(pod, "spec", "volumes"):
        if trees.text(volume, source, key) == effect.diff.name:
            return True
        if any(trees.text(part, source, "name") == effect.diff.name for part in trees.entries(volume, "projected", "sources")):
            return True
    return False


def _is_in_environment(pod: dict[str, Any], effect: Effect) -> bool:
    if effect.kind not in _REFERENCES:
        return False
    whole, single = _REFERENCES[effect.kind]
    spec = trees.part(pod, "spec")
    for container in (*trees.entries(spec, "initContainers"), *trees.entries(spec, "containers")):
        if any(trees.text(source, whole, "name") == effect.diff.name for source in trees.entries(container, "envFrom")):
            return True
        if any(trees.text(entry, "valueFrom", single, "name") == effect.diff.name for entry in trees.entries(container, "env")):
            return True
    return False


def _who(users: list[dict[str, Any]]) -> str:
    """`3 pods (ReplicaSet web-7c9f, Pod debug)`"""
    owners = Counter(
        managers.name_of(owner) if (owner := managers.controller(pod)) else f"Pod {bodies.metadata(pod).get('name')}" for pod in users
    )
    return f"{count(len(users), 'pod')} ({enumerate_some(list(owners))})"


def of_volume(effect: Effect, scene: Scene) -> Iterator[str]:
    """What becomes of the data of a claim or volume that goes."""
    if effect.kind == "PersistentVolumeClaim" and effect.is_removal:
        users = _users(effect, scene)
        if users:
            yield f"used by {_who(users)}: it stays until they are gone"
        name = trees.text(effect.before, "spec", "volumeName")
        volume = scene.around.ask(one("v1", "persistentvolumes", name, "PersistentVolume")) if name else None
        if volume is None and name:
            yield "⚠️ its data go with it if the reclaim policy of its volume says so"
        elif volume:
            policy = trees.text(volume, "spec", "persistentVolumeReclaimPolicy") or "Retain"
            size = trees.part(volume, "spec", "capacity").get("storage", "")
            yield (
                f"⚠️ its data are deleted: volume {name} ({size}) has the reclaim policy Delete"
                if policy == "Delete"
                else f"its data stay: volume {name} ({size}) has the reclaim policy {policy}"
            )
    if effect.kind == "PersistentVolume" and effect.is_removal and (claim := trees.part(effect.before, "spec", "claimRef")):
        yield f"⚠️ bound to claim {claim.get('namespace')}/{claim.get('name')}: it stays until that is gone"
