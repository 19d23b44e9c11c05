"""Whether what an object owns is deleted with it. Pure.

Source: `DefaultGarbageCollectionPolicy` of the strategies in `k8s.io/kubernetes/pkg/registry`: where nobody says, Jobs and
ReplicationControllers leave behind what they own. kubectl says it, other clients often do not.
"""

from __future__ import annotations

from bot.changes import bodies
from bot.values.requests import RecordedWrite

_LEAVE_BEHIND = frozenset({("batch", "v1", "jobs"), ("", "v1", "replicationcontrollers")})


def leaves_owned(write: RecordedWrite) -> bool:
    """Whether this deletion leaves behind (orphans) what the object owns."""
    options = bodies.as_object(write.request) or {}
    asked = dict(reversed(write.request.query))
    policy = options.get("propagationPolicy") or asked.get("propagationPolicy", "")
    orphans = options.get("orphanDependents")
    if orphans is None and "orphanDependents" in asked:
        orphans = asked["orphanDependents"].lower() in ("1", "t", "true")
    if policy or orphans is not None:
        return policy == "Orphan" or orphans is True
    return (write.info.group, write.info.version, write.info.resource) in _LEAVE_BEHIND
