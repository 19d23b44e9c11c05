"""The sentences a person must read beside the diff of one write. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.changes import bodies
from bot.changes.cascading import leaves_owned
from bot.changes.change import FieldDiff
from bot.values.requests import Json, RecordedWrite

_GOES_WITH = {
    ("", "persistentvolumes"): "The data on it may be lost.",
    ("", "nodes"): "The node leaves the cluster's books; its pods are removed.",
}
_OWNERS = frozenset(
    {("apps", "deployments"), ("apps", "replicasets"), ("apps", "statefulsets"), ("apps", "daemonsets")}
    | {("batch", "jobs"), ("batch", "cronjobs"), ("", "replicationcontrollers")}
)

_HIDDEN = (
    "Values of Secrets are shown to nobody: a key that is written shows as changed, whether or not its value is another one. "
    "Equal marks are equal values, but a `new-` mark says nothing about one without."
)


def notes_of(write: RecordedWrite, action: str, fields: Sequence[FieldDiff] = ()) -> tuple[str, ...]:
    """The notes of one write whose action in one word is `action`, and which changes these fields."""
    found: list[str] = []
    if not write.has_preview:
        found.append(write.note or "The server cannot preview this; the details show the request as it was asked for.")
    elif write.note:
        found.append(write.note)
    if action in ("delete", "deletecollection"):
        found.extend(_of_deletion(write))
    elif action == "issue-token" and not write.note:
        found.append("Issues a credential, which is shown to nobody here.")
    if bodies.generates_name(write):
        found.append("The server makes up the name.")
    if write.info.subresource == "status":
        found.append("Writes the status, which controllers usually overwrite.")
    is_secret = write.info.group == "" and write.info.resource == "secrets"
    if is_secret and action in ("create", "update") and any(field.path.startswith(("data", "stringData")) for field in fields):
        found.append(_HIDDEN)
    return tuple(found)


def _of_deletion(write: RecordedWrite) -> list[str]:
    found: list[str] = []
    options = bodies.as_object(write.request) or {}
    kind = (write.info.group, write.info.resource)
    if kind in _OWNERS and leaves_owned(write):
        found.append("What it owns stays (orphaned).")
    elif kind in _GOES_WITH:
        found.append(_GOES_WITH[kind])
    if _grace(write, options) == "0":
        found.append("Without a grace period: nothing can shut down in order.")
    if write.info.verb == "deletecollection":
        found.append("Deletes every object that matches at that moment.")
    finalizers = bodies.metadata(write.before).get("finalizers")
    if isinstance(finalizers, list) and finalizers:
        found.append(f"It stays until its finalizers are done: {', '.join(str(name) for name in finalizers)}.")
    return found


def _grace(write: RecordedWrite, options: Json) -> str:
    value = options.get("gracePeriodSeconds")
    if value is None:
        value = next((text for key, text in write.request.query if key == "gracePeriodSeconds"), "")
    return str(value)
