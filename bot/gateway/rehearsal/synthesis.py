"""Objects as the API server would have answered them, for writes that it cannot be asked about. Pure but for random names."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime

from bot.values.requests import Json, RequestInfo

DELETION_MARKS = ("deletionTimestamp", "deletionGracePeriodSeconds")
_COLLECTED = frozenset({"foregroundDeletion", "orphan"})
SUFFIX = "bcdfghjklmnpqrstvwxz2456789"  # the alphabet of `k8s.io/apimachinery/pkg/util/rand`


def created(info: RequestInfo, body: Json) -> Json | None:
    """The object that a create of `body` would make, with a name, a uid and a time; None if the body is not an object."""
    if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict):
        return None
    metadata = dict(body.get("metadata") or {})
    if not metadata.get("name"):
        prefix = metadata.get("generateName")
        if not isinstance(prefix, str) or not prefix:
            if not info.name:
                return None
            metadata["name"] = info.name
        else:
            metadata["name"] = prefix + "".join(secrets.choice(SUFFIX) for _ in range(5))
    if info.namespace and info.resource != "namespaces":
        metadata["namespace"] = info.namespace
    metadata.setdefault("uid", str(uuid.uuid4()))
    metadata.setdefault("creationTimestamp", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return settled(info, {**body, "metadata": metadata})


def is_released(info: RequestInfo, item: Json) -> bool:
    """Whether an object is being deleted and nothing holds it any more: the API server removes it with the write that makes it so, but
    answers the dry run with the object."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    if not isinstance(metadata, dict) or not metadata.get("deletionTimestamp") or metadata.get("deletionGracePeriodSeconds"):
        return False
    holds_content = (info.group, info.resource) == ("", "namespaces") and bool((item.get("spec") or {}).get("finalizers"))
    return not metadata.get("finalizers") and not holds_content


def leaving(info: RequestInfo, item: Json) -> Json:
    """A deleted object as it stands until somebody takes its finalizers away; None if nobody but the garbage collector has to, who does
    so at once."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    if not isinstance(metadata, dict):
        return None
    holds_content = (info.group, info.resource) == ("", "namespaces") and bool((item.get("spec") or {}).get("finalizers"))
    if not holds_content and not set(metadata.get("finalizers") or ()) - _COLLECTED:
        return None
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    marks = {name: metadata.get(name, value) for name, value in zip(DELETION_MARKS, (now, 0), strict=True)}
    status = {"status": {**(item.get("status") or {}), "phase": "Terminating"}} if holds_content else {}
    return {**item, **status, "metadata": {**metadata, **marks}}


def settled(info: RequestInfo, item: Json) -> Json:
    """The object as its controller would have made it ready at once, where the rehearsal behaves as if it had: a definition is
    established, because discovery shows its kind from here on."""
    if info.resource != "customresourcedefinitions" or not isinstance(item, dict) or not isinstance(item.get("spec"), dict):
        return item
    spec = item["spec"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [
        {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": now}
        for kind, reason in (("NamesAccepted", "NoConflicts"), ("Established", "InitialNamesAccepted"))
    ]
    stored = [version["name"] for version in spec.get("versions") or () if version.get("storage")]
    return {**item, "status": {"conditions": conditions, "acceptedNames": spec.get("names"), "storedVersions": stored}}
