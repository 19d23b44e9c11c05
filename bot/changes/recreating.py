"""An object that was deleted, as it is created again, and what does not come back with it. Pure."""

from __future__ import annotations

import copy
from typing import Any

from bot.changes import bodies
from bot.values.requests import Json, RequestInfo

_DELETION_FINALIZERS = frozenset({"foregroundDeletion", "orphan"})
_BINDING = ("pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/selected-node")
_JOB_LABELS = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
_NOTES = {
    ("", "persistentvolumeclaims"): "It comes back with an empty volume: the data of the old one does not come back by itself.",
    ("", "persistentvolumes"): "Whether the data is still there depends on the storage behind it.",
    ("", "serviceaccounts"): "Tokens of the old one stay invalid: pods that use it have to be restarted.",
    ("apps", "deployments"): "Its pods are new ones, and its rollout history is gone.",
    ("apps", "statefulsets"): "Its pods are new ones; they use the volume claims that are still there.",
    ("apps", "daemonsets"): "Its pods are new ones, and its rollout history is gone.",
    ("apps", "replicasets"): "Its pods are new ones.",
    ("", "replicationcontrollers"): "Its pods are new ones.",
    ("batch", "jobs"): "The job runs anew.",
}


_ADOPTS = "Pods of its selector that were left behind are its own again."


def notes(info: RequestInfo, *, left_owned: bool = False) -> tuple[str, ...]:
    """What a person must know before the object is created again. `left_owned`: its deletion left behind what it owned, which
    controllers of workloads take up again; that of Jobs does not."""
    own = _NOTES.get((info.group, info.resource))
    if left_owned and (info.group == "apps" or info.resource == "replicationcontrollers"):
        own = _ADOPTS
    return ("It comes back as a new object, without its status.", *([own] if own else ()))


def body(info: RequestInfo, before: dict[str, Any]) -> dict[str, Any]:
    """The object to create. `before` is without status and what only the server sets."""
    item = copy.deepcopy(before)
    metadata = item.setdefault("metadata", {})
    finalizers = [name for name in metadata.pop("finalizers", None) or () if name not in _DELETION_FINALIZERS]
    if finalizers:
        metadata["finalizers"] = finalizers
    _drop(metadata, "annotations", "deployment.kubernetes.io/revision")
    spec = item.get("spec")
    if isinstance(spec, dict):
        match (info.group, info.resource):
            case ("", "persistentvolumeclaims"):
                spec.pop("volumeName", None)
                _drop(metadata, "annotations", *_BINDING)
            case ("", "persistentvolumes"):
                _drop(spec, "claimRef", "uid", "resourceVersion")
            case ("batch", "jobs") if not spec.get("manualSelector"):
                spec.pop("selector", None)  # the server makes all of them up from the new uid
                _drop(metadata, "labels", *_JOB_LABELS)
                _drop(bodies.metadata(spec.get("template")), "labels", *_JOB_LABELS)
    return item


def _drop(holder: Json, part: str, *names: str) -> None:
    """Removes fields of a part, and the part if nothing else was in it."""
    found = holder.get(part) if isinstance(holder, dict) else None
    if isinstance(found, dict):
        for name in names:
            found.pop(name, None)
        if not found:
            del holder[part]
