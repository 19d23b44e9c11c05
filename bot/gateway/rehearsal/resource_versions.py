"""The resourceVersion of what a rehearsal wrote: it moves with every write, so that a stale copy is told from a fresh one as the API
server tells it. Pure.

The cluster knows nothing of such a version. So what a write asks of it is looked at here and taken out of the request; the replay ties
every write to the version that it finds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from bot.gateway.apiserver.outcomes import Rehearsed
from bot.gateway.protocol import delete_options, media, protobuf
from bot.gateway.protocol.request_info import Query
from bot.gateway.rehearsal.overlay import Entry
from bot.gateway.rehearsal.planned import Write
from bot.values.requests import Json

_FIRST = 10**15
"""No store counts that far: it would take a thousand writes a second for thirty thousand years. A number, because clients compare them."""
_PATH = "/metadata/resourceVersion"
_UNCOUNTED = frozenset({"resourceVersion", "managedFields"})


def in_cluster(query: Query) -> Query:
    """The query of a read with `resourceVersion=0` (whatever there is) in place of one that only the rehearsal knows."""
    return tuple((name, "0" if name == "resourceVersion" and _is_rehearsed(value) else value) for name, value in query)


def is_stale(write: Write, entry: Entry) -> bool:
    """Whether the write asks for another version of the object, or another object, than the one that the rehearsal shows."""
    shown = _metadata(entry.current if entry.current is not None else entry.leaving)
    asked = _asked(write)
    return any(asked.get(key) and shown.get(key) and asked[key] != shown[key] for key in ("resourceVersion", "uid"))


def untied(write: Write, entry: Entry) -> Write:
    """The write without the version that it asked for. A replacement gets that of the cluster's object, which not every kind of object
    can be replaced without."""
    if not _asked(write).get("resourceVersion"):
        return write
    if write.kind == media.PROTOBUF and write.request.method == "PUT":
        return replace(write, request=replace(write.request, body=protobuf.without_version(write.request.body)))
    is_put = write.request.method == "PUT" and not entry.is_new
    body = _untied(write, str(_metadata(entry.live).get("resourceVersion") or "") if is_put else "")
    encoded = delete_options.encode(body, dry_run=False) if write.request.method == "DELETE" else orjson.dumps(body)  # JSON is YAML too
    return replace(write, request=replace(write.request, body=encoded), body=body)


def moved(outcome: Rehearsed, position: int) -> Rehearsed:
    """The outcome with the version that the write at this place of the recording gives the object: the one it has if nothing changes."""
    if not isinstance(outcome.after, dict):
        return outcome
    if _content(outcome.before) == _content(outcome.after):
        return kept(outcome)
    return _with_version(outcome, str(_FIRST + position))


def kept(outcome: Rehearsed) -> Rehearsed:
    """The outcome with the version that the object has, as a dry run answers."""
    version = str(_metadata(outcome.before).get("resourceVersion") or "")
    return _with_version(outcome, version) if version and isinstance(outcome.after, dict) else outcome


def _is_rehearsed(version: str) -> bool:
    return version.isascii() and version.isdecimal() and int(version) >= _FIRST


def _asked(write: Write) -> dict[str, Any]:
    """`resourceVersion` and `uid` that the object must have for the write to be made."""
    body = write.body
    if write.request.method == "DELETE":
        return _part(body, "preconditions")
    if write.info.subresource == "eviction":
        return _part(_part(body, "deleteOptions"), "preconditions")
    if isinstance(body, list):
        named = [one.get("value") for one in body if isinstance(one, dict) and one.get("path") == _PATH]
        return {"resourceVersion": named[0]} if named else {}
    return {} if write.request.method == "POST" else _metadata(body)


def _untied(write: Write, version: str) -> Json:
    body = write.body
    if isinstance(body, list):
        return [one for one in body if not (isinstance(one, dict) and one.get("path") == _PATH)]
    if write.request.method == "DELETE":
        return {**body, "preconditions": _without_version(body["preconditions"])}
    if write.info.subresource == "eviction":
        options = body["deleteOptions"]
        return {**body, "deleteOptions": {**options, "preconditions": _without_version(options["preconditions"])}}
    tie = {"resourceVersion": version} if version else {}
    return {**body, "metadata": {**_without_version(body["metadata"]), **tie}}


def _with_version(outcome: Rehearsed, version: str) -> Rehearsed:
    reply = outcome.reply
    if isinstance(reply, dict) and reply.get("kind") != "Status" and isinstance(reply.get("metadata"), dict):
        reply = _versioned(reply, version)
    return replace(outcome, reply=reply, after=_versioned(outcome.after, version))


def _versioned(item: Json, version: str) -> Json:
    return {**item, "metadata": {**_metadata(item), "resourceVersion": version}}


def _content(item: Json) -> Json:
    if not isinstance(item, dict):
        return item
    return {**item, "metadata": {key: value for key, value in _metadata(item).items() if key not in _UNCOUNTED}}


def _without_version(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "resourceVersion"}


def _metadata(item: Json) -> dict[str, Any]:
    return _part(item, "metadata")


def _part(item: Json, name: str) -> dict[str, Any]:
    part = item.get(name) if isinstance(item, dict) else None
    return part if isinstance(part, dict) else {}
