"""Rehearses a write of objects that the rehearsal has not touched yet: the API server's dry run is the answer."""

from __future__ import annotations

import asyncio

from bot.gateway.apiserver.outcomes import Obstacle, Outcome, Rehearsed, Rejected
from bot.gateway.protocol import bodies, status
from bot.gateway.protocol.request_info import build_path
from bot.gateway.protocol.subresources import binding_effect, effect
from bot.gateway.rehearsal import synthesis
from bot.gateway.rehearsal.overlay import selected
from bot.gateway.rehearsal.planned import Write, before_of, failed, is_unreachable, obstacle, size_path
from bot.gateway.rehearsal.session import Session
from bot.gateway.writing.creating import MADE_TOO, synthesise, with_source
from bot.gateway.writing.stacking import blocked_eviction, is_blocked_eviction, without_preview
from bot.values.requests import ApiRequest, ApiResponse, Json, RequestInfo

_TRIES = 3


async def change_live(session: Session, write: Write) -> Outcome:
    """A write of an object that the rehearsal has not touched."""
    info = write.info
    if is_unreachable(session, info):
        if write.is_apply and not info.subresource:
            return await synthesise(session, write, MADE_TOO)
        return failed(404, status.not_found(info))
    for attempt in range(_TRIES):
        before, response = await asyncio.gather(before_of(session, write.object_info), session.upstream.ask(write.request, session.writer))
        if not response.is_success:
            break
        if attempt == _TRIES - 1 or _same_version(before, response.object):
            outcome = _changed(write, before, response, await size_path(session, info))
            return with_source(session, write, outcome) if before is None and isinstance(outcome, Rehearsed) else outcome
    if is_blocked_eviction(info, response):
        return blocked_eviction(write, before, before, response)
    why = await obstacle(session, write, response)
    return await without_preview(session, write, None, why) if why is not None else Rejected(response)


def _same_version(before: Json, after: Json) -> bool:
    """Whether the dry run was made against the object that was read: a dry run leaves the resourceVersion as it is."""
    old = ((before or {}).get("metadata") or {}).get("resourceVersion")
    new = ((after or {}).get("metadata") or {}).get("resourceVersion") if isinstance(after, dict) else None
    return not old or not new or old == new or after.get("kind") == "Status"


def _changed(write: Write, before: Json, response: ApiResponse, sizes: tuple[str, ...]) -> Outcome:
    info, item = write.info, response.object
    if not isinstance(item, dict):
        return failed(502, status.failure(502, "The API server's answer to the dry run is not JSON.", info))
    if info.verb == "delete":
        after = None
    elif info.subresource == "binding":
        after = binding_effect(before, write.body)
    elif info.subresource:
        after = effect(info.subresource, before, before, item, sizes)
    else:
        after = synthesis.settled(info, item) if before is None else item
    return Rehearsed(response.status, item, before, after, before, headers=response.headers)


async def delete_collection(session: Session, write: Write, why: Obstacle | None = None) -> Outcome:
    """A DELETE of a collection: its objects are looked up, and all of them are gone for the rest of the rehearsal. With an obstacle the
    server is not asked for the dry run."""
    info = write.info
    selectors = {name: value for name, value in write.request.query if name in ("labelSelector", "fieldSelector")}
    found: Json = {"kind": "List", "apiVersion": "v1", "items": []}
    if not is_unreachable(session, info):
        listing = ApiRequest("GET", build_path(info, name=""), tuple(selectors.items()))
        listed = await session.upstream.ask(listing, session.writer)
        response = await session.upstream.ask(write.request, session.writer) if why is None else None
        if response is not None and not response.is_success:
            why = await obstacle(session, write, response)
            if why is None:
                return Rejected(response)
        if not listed.is_success or not isinstance(listed.object, dict):
            return Rejected(listed)
        found = listed.object
    items = _as_rehearsed(session, info, found, selectors)
    kind = str(found.get("kind") or "List")
    before = {**found, "kind": kind, "items": items}
    count = f"Deletes {len(items)} object{'' if len(items) == 1 else 's'}."
    if why is None:
        return Rehearsed(200, before, before, None, note=count)
    return Rehearsed(200, before, before, None, has_preview=False, note=f"{count} {why.note}", needs=why.needs)


def _as_rehearsed(session: Session, info: RequestInfo, found: Json, selectors: dict[str, str]) -> list[Json]:
    """The items that the rehearsal shows, each with its kind: deleted ones left out, changed and created ones as they are by now."""
    kind = str(found.get("kind") or "").removesuffix("List")
    entries = {entry.key.name: entry for entry in session.overlay.within(info)}
    items = []
    for item in found.get("items") or ():
        name = bodies.name_of(item)
        if name not in entries:
            items.append({"kind": kind, "apiVersion": found.get("apiVersion"), **item})
    labels, fields = selectors.get("labelSelector", ""), selectors.get("fieldSelector", "")
    return [*items, *(entry.current for entry in entries.values() if selected(entry, labels, fields))]
