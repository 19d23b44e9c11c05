"""The second write to one object: previewed on top of the first, which the cluster does not have.

A patch is applied here to the object as rehearsed, and the API server is then asked for a dry run of the whole step from what it has
to that result: so it defaults, validates and admits the sum of both. A server-side apply is first made against the cluster's object,
because only the server knows who owns which field, and its effect carried over.
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from bot.gateway.apiserver.outcomes import Obstacle, Outcome, Rehearsed, Rejected
from bot.gateway.protocol import bodies, last_applied, media, patches, services, status, strategic
from bot.gateway.protocol.openapi import Schema
from bot.gateway.protocol.patches import merge_between
from bot.gateway.protocol.request_info import build_path
from bot.gateway.protocol.subresources import binding_effect, debuggers, effect, scale_of, with_debuggers
from bot.gateway.rehearsal import synthesis
from bot.gateway.rehearsal.overlay import Entry
from bot.gateway.rehearsal.planned import Write, before_of, failed, obstacle, size_path
from bot.gateway.rehearsal.previewing import comparable, preview
from bot.gateway.rehearsal.session import Session
from bot.gateway.writing.creating import read_by_server, recreate, synthesise
from bot.values.requests import ApiRequest, ApiResponse, Json, RequestInfo

_MADE_HERE = Obstacle("The object is made by this change too, so the server cannot preview this step alone.")
_KEPT = ("uid", "creationTimestamp", "resourceVersion", "generation")


async def change_rehearsed(session: Session, write: Write, entry: Entry) -> Outcome:
    """A write of an object that the rehearsal wrote before."""
    info = write.info
    if entry.leaving is not None:
        return await _change_leaving(session, write, entry)
    if entry.current is None:
        if write.is_apply and not info.subresource:
            return await recreate(session, write)
        return failed(404, status.not_found(info))
    if entry.version != info.version:
        why = Obstacle(f"Written in version {entry.version} before, so this step cannot be previewed.")
        return await without_preview(session, write, entry, why)
    if info.verb == "delete" or info.subresource == "eviction":
        return await _remove(session, write, entry)
    if info.subresource:
        return await _change_subresource(session, write, entry)
    if info.verb == "update" and not entry.is_new:
        response = await session.upstream.ask(write.request, session.writer)
        return await _judged(session, write, entry, response.object if response.is_success else write.body, response)
    if write.kind == media.PROTOBUF and isinstance(write.body, dict):
        read = await read_by_server(session, write)
        if isinstance(read, Rejected):
            return read
        write = replace(write, body=entry.current if read is None else read)
    target = await _apply(session, write, entry.current, entry)
    if isinstance(target, Rejected):
        return target
    return await _previewed(session, write, entry, services.without_leftovers(entry.current, target))


async def _change_leaving(session: Session, write: Write, entry: Entry) -> Outcome:
    """A write of an object that the rehearsal deleted and finalizers keep. The cluster's dry run knows nothing of the deletion."""
    outcome = await change_rehearsed(session, write, replace(entry, current=entry.leaving, leaving=None))
    if isinstance(outcome, Rejected) or not isinstance(outcome.after, dict):
        return outcome
    known = entry.leaving["metadata"]
    marks = {name: known[name] for name in synthesis.DELETION_MARKS}
    return replace(outcome, after={**outcome.after, "metadata": {**outcome.after["metadata"], **marks}})


async def without_preview(session: Session, write: Write, entry: Entry | None, why: Obstacle) -> Outcome:
    """A write that the API server is not asked about at all: recorded with the effect it most likely has."""
    info, note, needs = write.info, why.note, why.needs
    if info.verb == "create" and not info.name:
        return await synthesise(session, write, why)
    live = entry.live if entry is not None else await before_of(session, write.object_info)
    current = entry.current if entry is not None else live
    if current is None:
        return await synthesise(session, write, why) if write.is_apply else failed(404, status.not_found(info))
    if info.verb == "delete" or info.subresource == "eviction":
        return Rehearsed(200, status.success(info), current, None, live, has_preview=False, note=note, needs=needs)
    sizes = await size_path(session, info)
    base = scale_of(current, None, sizes) if info.subresource == "scale" else current
    target = await _apply(session, write, base, None)
    if isinstance(target, Rejected):
        return target
    after = effect(info.subresource, current, current, target, sizes) if info.subresource else target
    return Rehearsed(200, target, current, after, live, has_preview=False, note=note, needs=needs)


def is_blocked_eviction(info: RequestInfo, response: ApiResponse) -> bool:
    """Whether a PodDisruptionBudget is in the way of an eviction, which kubectl would try again for ever."""
    if info.subresource != "eviction" or response.status != 429 or not isinstance(response.object, dict):
        return False
    causes = (response.object.get("details") or {}).get("causes") or []
    return any(cause.get("reason") == "DisruptionBudget" for cause in causes)


def blocked_eviction(write: Write, before: Json, live: Json, response: ApiResponse) -> Rehearsed:
    """An eviction that waits for its PodDisruptionBudget."""
    note = f"A PodDisruptionBudget does not allow this eviction at the moment: {response.message}"
    return Rehearsed(201, status.success(write.info), before, None, live, has_preview=False, note=note)


async def _remove(session: Session, write: Write, entry: Entry) -> Outcome:
    info = write.info
    if entry.is_new:
        reply = status.success(info, str((entry.current.get("metadata") or {}).get("uid") or ""))
        return Rehearsed(200, reply, entry.current, None, entry.live, has_preview=False, note=_MADE_HERE.note)
    response = await session.upstream.ask(write.request, session.writer)
    if response.is_success:
        return Rehearsed(response.status, response.object, entry.current, None, entry.live, headers=response.headers)
    if is_blocked_eviction(info, response):
        return blocked_eviction(write, entry.current, entry.live, response)
    why = await obstacle(session, write, response)
    return await without_preview(session, write, entry, why) if why is not None else Rejected(response)


async def _change_subresource(session: Session, write: Write, entry: Entry) -> Outcome:
    info = write.info
    if entry.is_new:
        return await without_preview(session, write, entry, _MADE_HERE)
    response = await session.upstream.ask(write.request, session.writer)
    if not response.is_success and not response.is_unanswered and info.subresource == "status":
        return await _change_status(session, write, entry, response)
    if response.is_success:
        sizes = await size_path(session, info)
        after = effect(info.subresource, entry.current, entry.live, response.object, sizes)
        if info.subresource == "binding":
            after = binding_effect(entry.current, write.body)
        return Rehearsed(response.status, response.object, entry.current, after, entry.live, headers=response.headers)
    why = await obstacle(session, write, response)
    return await without_preview(session, write, entry, why) if why is not None else Rejected(response)


async def _change_status(session: Session, write: Write, entry: Entry, rejection: ApiResponse) -> Outcome:
    """A write of the status that the cluster's object does not take, while the rehearsal shows another one: made here, and previewed as
    the step from what the cluster has. What forbids it may be the spec, which the same step cannot change."""
    why = await obstacle(session, write, rejection)
    if why is not None:
        return await without_preview(session, write, entry, why)
    target = await _apply(session, write, entry.current, None)
    if isinstance(target, Rejected):
        return target
    query = tuple(pair for pair in write.request.query if pair[0] in ("fieldManager", "fieldValidation"))
    patch = orjson.dumps(merge_between({"status": entry.live.get("status")}, {"status": target.get("status")}))
    request = ApiRequest("PATCH", build_path(write.info), query, media.MERGE_PATCH, patch, media.JSON)
    response = await session.upstream.ask(request, session.writer)
    if response.is_success:
        after = effect("status", entry.current, entry.live, response.object)
        return Rehearsed(200, after, entry.current, after, entry.live, headers=response.headers)
    if comparable(entry.current).get("spec") == comparable(entry.live).get("spec"):
        return Rejected(rejection)
    why = Obstacle(f"The server cannot preview this before {entry.title} is changed: {response.message}", entry.positions)
    return await without_preview(session, write, entry, why)


async def _previewed(session: Session, write: Write, entry: Entry, target: Json) -> Outcome:
    """The API server's opinion of the whole step from what it has to `target`."""
    query = tuple(pair for pair in write.request.query if pair[0] in ("fieldManager", "fieldValidation"))
    response = await preview(session, write.object_info, entry, target, query=query)
    return await _judged(session, write, entry, target, response)


async def _judged(session: Session, write: Write, entry: Entry, target: Json, response: ApiResponse | None) -> Outcome:
    if response is None:
        return _unseen(entry, target, _MADE_HERE)
    if response.is_success and isinstance(response.object, dict):
        item = _with_identity(entry, response.object) if entry.is_new else response.object
        item = synthesis.settled(write.info, item) if entry.is_new else _with_status(entry, item)
        if entry.kind == "Pod" and debuggers(entry.current):  # a dry run of the pod cannot add them
            item = with_debuggers(item, debuggers(entry.current))
        return Rehearsed(200, item, entry.current, item, entry.live, headers=response.headers)
    why = await obstacle(session, write, response)
    return _unseen(entry, target, why) if why is not None else Rejected(response)


def _unseen(entry: Entry, target: Json, why: Obstacle) -> Rehearsed:
    return Rehearsed(200, target, entry.current, target, entry.live, has_preview=False, note=why.note, needs=why.needs)


def _with_status(entry: Entry, item: Json) -> Json:
    """An object that was previewed from the cluster's, with the status that an earlier write gave it: only a subresource changes that."""
    status = entry.current.get("status")
    is_untouched = status is None or status == entry.live.get("status") or item.get("status") != entry.live.get("status")
    return item if is_untouched else {**item, "status": status}


def _with_identity(entry: Entry, item: Json) -> Json:
    """An object that was previewed as a create again keeps the uid and time that the rehearsal gave it the first time."""
    known = entry.current.get("metadata") or {}
    uid, other = known.get("uid"), item["metadata"].get("uid")
    if uid and other:  # some objects hold it elsewhere too: a Job in the labels of its pods
        item = orjson.loads(orjson.dumps(item).replace(str(other).encode(), str(uid).encode()))
    return {**item, "metadata": {**item["metadata"], **{key: known[key] for key in _KEPT if key in known}}}


async def _apply(session: Session, write: Write, base: Json, entry: Entry | None) -> Json | Rejected:
    """The result of the write on `base`. With `entry`, a server-side apply is made against the cluster's object first."""
    info, body = write.info, write.body
    if not isinstance(body, (dict, list)):
        return failed(400, status.failure(400, "The body cannot be read.", info))
    if write.request.method in ("PUT", "POST"):
        return _put(base, body)
    if write.kind == media.JSON_PATCH:
        try:
            return patches.apply_json_patch(base, body)
        except patches.PatchError as exc:
            return failed(422, status.failure(422, f"The patch does not apply: {exc}.", info))
    if not isinstance(body, dict):
        return failed(400, status.failure(400, "A patch of this type must be an object.", info))
    if write.kind == media.MERGE_PATCH:
        return patches.merge(base, body)
    kind = str(base.get("kind") or "")
    schema = await session.upstream.schemas.find(info.group, info.version, kind, session.reader)
    if write.kind == media.STRATEGIC_PATCH:
        return strategic.apply(base, body, schema)
    applied = await _server_side_apply(session, write, base, entry, schema)
    return applied if isinstance(applied, Rejected) else last_applied.synced(applied, body, _manager(write.request))


async def _server_side_apply(session: Session, write: Write, base: Json, entry: Entry | None, schema: Schema) -> Json | Rejected:
    if entry is None:
        return strategic.overlay(base, write.body, schema)
    if entry.is_new or entry.live is None:
        applied = _applied_before(session, write, entry)
        rebased = base if applied is None else strategic.rebase(applied, write.body, base, schema)
        return strategic.overlay(rebased, write.body, schema)
    response = await session.upstream.ask(write.request, session.writer)
    if await obstacle(session, write, response) is not None:
        return strategic.overlay(base, write.body, schema)
    if not response.is_success or not isinstance(response.object, dict):
        return Rejected(response)
    return strategic.rebase(comparable(entry.live), comparable(response.object), base, schema)


def _applied_before(session: Session, write: Write, entry: Entry) -> Json | None:
    """What the same manager applied to this object before, within the rehearsal: what it leaves out now goes away. Or None."""
    manager = _manager(write.request)
    for position in reversed(entry.positions):
        earlier = session.recorder.write_at(position).request
        if media.essence(earlier.content_type) == media.APPLY_PATCH and _manager(earlier) == manager:
            return bodies.read(earlier.content_type, earlier.body)
    return None


def _manager(request: ApiRequest) -> str:
    return next((value for name, value in request.query if name == "fieldManager"), "")


def _put(base: Json, body: Json) -> Json:
    """A replacement keeps what only the server sets."""
    if not isinstance(body, dict):
        return body
    known = base.get("metadata") or {}
    kept = {key: known[key] for key in _KEPT if key in known}
    return {**body, "metadata": {**(body.get("metadata") or {}), **kept}}
