"""Pods that reach into their node: whoever gets into one rules the node and what runs on it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.changes import trees
from bot.changes.impact.effects import Effect, Scene

_TEMPLATES = {"Pod": ("spec",), "CronJob": ("spec", "jobTemplate", "spec", "template", "spec")}
_OF_OTHERS = ("spec", "template", "spec")
_HOST = {"hostNetwork": "its network", "hostPID": "its processes", "hostIPC": "its shared memory"}


def of_pods(effect: Effect, _: Scene) -> Iterator[str]:
    """`⚠️ reaches into its node: its processes, its files at /, container debugger is privileged`; what is new of it."""
    if effect.diff.action not in ("create", "update"):
        return
    had = set(_reaches(effect.before, effect.kind))
    if new := [reach for reach in _reaches(effect.after, effect.kind) if reach not in had]:
        yield f"⚠️ reaches into its node: {', '.join(new)}"


def _reaches(item: dict[str, Any], kind: str) -> Iterator[str]:
    spec = trees.part(item, *_TEMPLATES.get(kind, _OF_OTHERS))
    yield from (words for key, words in _HOST.items() if spec.get(key) is True)
    for volume in trees.entries(spec, "volumes"):
        if path := trees.text(volume, "hostPath", "path"):
            yield f"its files at {path}"
    for container in (
        *trees.entries(spec, "initContainers"),
        *trees.entries(spec, "containers"),
        *trees.entries(spec, "ephemeralContainers"),
    ):
        if trees.part(container, "securityContext").get("privileged") is True:
            yield f"container {container.get('name')} is privileged"
