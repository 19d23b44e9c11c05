"""Where an object keeps its size: most in `spec.replicas`, a custom resource where its definition says (`specReplicasPath`). Pure."""

from __future__ import annotations

from bot.changes.fields import between, is_scale
from bot.values.groups import BUILT_IN
from bot.values.requests import Json, RecordedWrite

REPLICAS = ("spec", "replicas")


def path_of(write: RecordedWrite) -> tuple[str, ...] | None:
    """The field that a write to the scale subresource sets; None if that cannot be told: it leaves a custom resource as it is, or only
    the Scale of one was recorded."""
    changed = [field.path for field in between(write.before, write.after)]
    has_replicas = size_of(write.before) is not None
    if (has_replicas or not is_scale(write.after)) and len(changed) == 1 and "[" not in changed[0]:
        return tuple(changed[0].split("."))
    return REPLICAS if has_replicas and write.info.group in BUILT_IN else None


def scaled(write: RecordedWrite, current: Json, scale: Json) -> Json:
    """The object as it is with the size of a Scale that the API server answered; the Scale itself where that cannot be told."""
    path, size = path_of(write), size_of(scale)
    return scale if path is None or size is None or not isinstance(current, dict) else _with(current, path, size)


def size_of(item: Json) -> int | None:
    """The replicas of a Scale or of an object that keeps them where most kinds do; None if it does not."""
    spec = item.get("spec") if isinstance(item, dict) else None
    found = spec.get("replicas") if isinstance(spec, dict) else None
    if found is None and is_scale(item):
        return 0  # a Scale leaves out a zero
    return found if isinstance(found, int) else None


def _with(item: Json, path: tuple[str, ...], value: int) -> Json:
    inner = item if isinstance(item, dict) else {}
    return {**inner, path[0]: value if len(path) == 1 else _with(inner.get(path[0]), path[1:], value)}
