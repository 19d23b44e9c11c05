"""How a change is taken back, object by object: what its writes came to, turned around against what the cluster has now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import orjson

from bot.changes import bodies, live, recreating, sizes, trees
from bot.changes.cascading import leaves_owned
from bot.changes.change import UNDOABLE, Change, ObjectDiff, SendState
from bot.changes.fields import is_scale
from bot.changes.impact.effects import enumerate_some
from bot.changes.ledger import is_spared
from bot.changes.restoring import json_patch, own_part, restore
from bot.changes.sizes import size_of
from bot.values.requests import ApiRequest, Json, RecordedWrite, RequestInfo
from bot.values.tool_use import read_use

_CHOSEN = frozenset({"nodePort", "clusterIP", "clusterIPs", "healthCheckNodePort"})
"""Fields of Services that the server chooses; every dry run chooses others."""
_ADDRESS = frozenset({"clusterIP", "clusterIPs"})
_MARK = b"[redacted:"
LEFT = "Stays as it is: "
IMPOSSIBLE = "Undo is not possible"
_CERTIFICATES = ("certificates.k8s.io", "certificatesigningrequests")
_OF_SUBRESOURCES = {
    "eviction": "a pod that was stopped does not come back.",
    "token": "a credential that was issued cannot be taken back.",
    "approval": "the decision about a request for a certificate is final.",
    "exec": "what a command did in a container is not known.",
    "binding": "a pod cannot be taken off its node again.",
    "ephemeralcontainers": "a debugging container stays until its pod goes.",
}
_IN_OBJECT = frozenset({"", "scale", "status", "ephemeralcontainers", "resize"})
"""Subresources whose writes are about the object alone: with it they are gone."""
_CONTENT_GONE = {
    ("", "namespaces"): "everything in the namespace goes with it.",
    ("", "nodes"): "the node has to register itself again.",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "every object of this kind goes with it.",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What the writes of a change that landed came to for one object."""

    info: RequestInfo
    """Of the object itself: no subresource, with its name."""
    title: str
    before: Json
    """None if the change made it."""
    after: Json
    """None if the change deleted it."""
    writes: tuple[RecordedWrite, ...]

    @property
    def is_made(self) -> bool:
        return self.before is None

    @property
    def is_deleted(self) -> bool:
        return not self.is_made and self.writes[-1].request.method == "DELETE"


@dataclass(frozen=True, slots=True)
class Step:
    """The request that takes a target back, and what a person must know of it."""

    request: ApiRequest
    info: RequestInfo
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """An object that stays as it is, and why."""

    title: str
    why: str

    def __str__(self) -> str:
        return f"{LEFT}{self.title}: {self.why}"


def obstacle(write: RecordedWrite) -> str:
    """Why this write cannot be taken back, as the end of a sentence; '' if it can."""
    info = write.info
    if read_use(write) is not None:
        return "what a tool did is not known."
    if not info.is_resource:
        return "it is not about an object."
    if _is_secret(info) and (info.verb != "create" or info.subresource):  # what was created is deleted, without any copy
        return "no copy of a Secret is kept."
    if info.subresource in _OF_SUBRESOURCES:
        return _OF_SUBRESOURCES[info.subresource]
    if info.subresource not in ("", "scale"):
        return f"what was written to `{info.subresource}` is not kept apart."
    if info.verb in ("delete", "deletecollection"):
        return _of_deletion(write)
    if write.before is None:
        return "" if _makes(write) else "what there was before is not known."
    if not write.has_preview or write.after is None:
        return "the server could not preview what it changes."
    if info.subresource == "scale" and is_scale(write.after) and size_of(write.before) is None:
        return "its size is kept in a field that is not known here."
    return _of_image(write.before)


def _obstacles(writes: Sequence[RecordedWrite]) -> list[str]:
    """Why each of the writes to one object cannot be taken back. Deleting what the first one makes takes back what the others do to it."""
    found = [obstacle(write) for write in writes]
    is_made = writes[0].before is None and writes[0].request.method != "DELETE" and not found[0]
    return ["" if is_made and write.info.subresource in _IN_OBJECT else why for write, why in zip(writes, found, strict=True)]


def cautions(writes: Sequence[RecordedWrite], diffs: Sequence[ObjectDiff]) -> tuple[str, ...]:
    """What whoever approves must know about undoing it afterwards; () if all of it can be taken back."""
    groups: dict[str, list[RecordedWrite]] = {}
    for write, diff in zip(writes, diffs, strict=True):
        groups.setdefault(diff.title, []).append(write)
    found = [(title, why) for title, group in groups.items() for why in _obstacles(group)]
    if all(why for _, why in found):
        return tuple(dict.fromkeys(f"{IMPOSSIBLE}: {why}" for _, why in found))
    titles: dict[str, list[str]] = {}
    for title, why in found:
        if why and title not in titles.setdefault(why, []):
            titles[why].append(title)
    return tuple(f"{IMPOSSIBLE} for {enumerate_some(of_one)}: {why}" for why, of_one in titles.items())


def is_lasting(sentence: str) -> bool:
    """Whether a line of a change's impact still matters when the change is done."""
    return sentence.startswith((LEFT, IMPOSSIBLE))


def is_offered(change: Change, undo_seconds: float, now: float) -> bool:
    """Whether its card has an Undo button at `now` (epoch seconds)."""
    return change.state in UNDOABLE and now < change.decided_at + undo_seconds and bool(targets(change)[0])


def targets(change: Change) -> tuple[list[Target], list[Left]]:
    """What is to be taken back, the last first, and what cannot be. Objects that are as they were are in neither."""
    groups: dict[tuple[str, str, str, str], list[tuple[RecordedWrite, str]]] = {}
    for write, title in _landed(change):
        info = write.info
        groups.setdefault((info.group, info.resource, info.namespace, info.name), []).append((write, title))
    found: list[Target] = []
    left: list[Left] = []
    for group in groups.values():
        writes = tuple(write for write, _ in group)
        title = group[-1][1]
        why = next((why for why in _obstacles(writes) if why), "" if writes[0].info.name else "its name is not known.")
        if why:
            left.append(Left(title, why))
            continue
        target = Target(replace(writes[0].info, subresource="", path=live.object_path(writes[0])), title, writes[0].before, None, writes)
        if not (target.is_made and writes[-1].request.method == "DELETE"):
            found.append(target if target.is_deleted else replace(target, after=writes[-1].after))
    return found[::-1], left[::-1]


def reverse(target: Target, now: Json) -> Step | Left:
    """The request that takes the target back from what the cluster has `now` (None: it is not there)."""
    if target.is_made:
        return Left(target.title, "it is gone already.") if now is None else _delete(target, now)
    if target.is_deleted:
        is_going = bool(bodies.metadata(now).get("deletionTimestamp"))
        why = "it is still being deleted; try again in a moment." if is_going else "there is one of this name again."
        return _create(target) if now is None else Left(target.title, why)
    if now is None:
        return Left(target.title, "it is gone.")
    is_made_anew = any(write.request.method == "DELETE" for write in target.writes)
    if not is_made_anew and _uid(target.before) != _uid(now):
        return Left(target.title, "it is another object of the same name by now.")
    # Where a size is kept elsewhere, it is taken back as any other field.
    is_sized = all(write.info.subresource == "scale" and sizes.path_of(write) == sizes.REPLICAS for write in target.writes)
    return _scale(target, now) if is_sized else _patch(target, now, is_made_anew=is_made_anew)


def _landed(change: Change) -> Iterator[tuple[RecordedWrite, str]]:
    """The writes that changed something, with the object's title; a deletion of several objects is one per object."""
    landed = {send.position for send in change.sends if send.state is SendState.LANDED and not is_spared(send)}
    for position, (write, diff) in enumerate(zip(change.writes, change.diffs, strict=False)):
        if position not in landed:
            continue
        if write.info.verb != "deletecollection" or obstacle(write):
            name = write.info.name or diff.name
            yield replace(write, info=replace(write.info, name=name)), diff.title
            continue
        for item in write.before["items"]:
            name = str(bodies.metadata(item).get("name"))
            path = f"{write.info.path.rstrip('/')}/{quote(name, safe='')}"
            info = replace(write.info, verb="delete", name=name, path=path)
            yield replace(write, request=replace(write.request, path=path), info=info, before=item), f"{item.get('kind')} {name}"


def _of_deletion(write: RecordedWrite) -> str:
    kind = (write.info.group, write.info.resource)
    if kind == ("", "pods"):
        return "a pod that was stopped does not come back."
    if kind in _CONTENT_GONE:
        return _CONTENT_GONE[kind]
    if not isinstance(write.before, dict):
        return "what there was before is not known."
    if write.info.verb == "deletecollection" and not isinstance(write.before.get("items"), list):
        return "which objects it deletes is not known."
    if bodies.metadata(write.before).get("deletionTimestamp"):
        return "it was being deleted already."
    return _of_image(write.before)


def _of_image(before: Json) -> str:
    return "parts of what there was before are hidden." if _MARK in orjson.dumps(before) else ""


def _makes(write: RecordedWrite) -> bool:
    """Whether a write without an image before it made the object."""
    if write.info.subresource or (write.info.group, write.info.resource) == _CERTIFICATES:
        return False
    return write.info.verb == "create" or write.after is not None


def _delete(target: Target, now: Json) -> Step:
    # Without a policy some kinds (Jobs) leave behind what they own.
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    info = replace(target.info, verb="delete")
    notes = ["It was changed after this change made it; that goes too."] if _has_moved(target, now) else []
    if _is_secret(info):
        notes.append("Whether it was changed after this change made it is not known: no copy of a Secret is kept.")
    return Step(ApiRequest("DELETE", info.path, (), "application/json", orjson.dumps(options)), info, tuple(notes))


def _has_moved(target: Target, now: Json) -> bool:
    """Whether somebody changed what the change made, as far as that can be told from what controllers and the server do."""
    generation = bodies.metadata(now).get("generation")
    if isinstance(generation, int):
        return generation > len(target.writes)
    parts = [{key: value for key, value in own_part(item).items() if key != "metadata"} for item in (target.after, now)]
    return (target.info.group, target.info.resource) == ("", "configmaps") and parts[0] != parts[1]


def _create(target: Target) -> Step:
    body = recreating.body(target.info, own_part(target.before))
    collection = target.info.path.rpartition("/")[0]
    info = replace(target.info, verb="create", path=collection)
    request = ApiRequest("POST", collection, (), "application/json", orjson.dumps(body))
    return Step(request, info, recreating.notes(target.info, left_owned=leaves_owned(target.writes[-1])))


def _scale(target: Target, now: Json) -> Step | Left:
    before, after, current = size_of(target.before), size_of(target.after), size_of(now)
    if current == before:
        return Left(target.title, "it is as it was before already.")
    if current != after:
        return Left(target.title, f"it has {current} replicas by now, not the {after} that the change set.")
    info = replace(target.info, verb="patch", subresource="scale", path=f"{target.info.path}/scale")
    body = orjson.dumps({"spec": {"replicas": before}})
    return Step(ApiRequest("PATCH", info.path, (), "application/merge-patch+json", body), info)


def _patch(target: Target, now: Json, *, is_made_anew: bool) -> Step | Left:
    is_service = (target.info.group, target.info.resource) == ("", "services")
    before = _with_address(target.before, now) if is_service and is_made_anew else target.before
    restored = restore(before, target.after, now, _CHOSEN if is_service else frozenset())
    operations = list(json_patch(own_part(now), restored.object))
    kept = ", ".join(conflict.path for conflict in restored.conflicts)
    if not operations:
        why = f"somebody changed the same since: {kept}." if kept else "it is as it was before already."
        return Left(target.title, why)
    notes = [f"Left as somebody else set it since: {kept}."] if kept else []
    if any(bodies.kind_of(write.request) == bodies.APPLY_PATCH for write in target.writes):
        notes.append("The values come back, not who manages them: the next server-side apply of them may need --force-conflicts.")
    if _is_restart(operations):
        notes.append("Taking a restart back restarts the pods once more.")
    info = replace(target.info, verb="patch")
    return Step(ApiRequest("PATCH", info.path, (), bodies.JSON_PATCH, orjson.dumps(operations)), info, tuple(notes))


def _with_address(before: Json, now: Json) -> Json:
    """A Service with the address of the one that was made in its place: it is never changed."""
    spec = {key: value for key, value in trees.part(before, "spec").items() if key not in _ADDRESS}
    return {**before, "spec": {**spec, **{key: value for key, value in trees.part(now, "spec").items() if key in _ADDRESS}}}


def _is_restart(operations: Sequence[dict[str, Any]]) -> bool:
    return any("restartedAt" in orjson.dumps(operation).decode() and "/spec/template/" in operation["path"] for operation in operations)


def _is_secret(info: RequestInfo) -> bool:
    return (info.group, info.resource) == ("", "secrets")


def _uid(item: Json) -> Json:
    return bodies.metadata(item).get("uid")
