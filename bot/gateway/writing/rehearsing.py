"""Rehearses one write: asks the API server what it would do, on top of what the rehearsal did before."""

from __future__ import annotations

from bot.gateway.apiserver.outcomes import Outcome
from bot.gateway.protocol import status
from bot.gateway.rehearsal.planned import AGGREGATED, Write, failed, learn_conversion
from bot.gateway.rehearsal.session import Session
from bot.gateway.writing.creating import create
from bot.gateway.writing.live import change_live, delete_collection
from bot.gateway.writing.stacking import change_rehearsed, without_preview


async def rehearse(session: Session, write: Write) -> Outcome:
    """What the write would come to. Raises UpstreamUnavailableError."""
    info, overlay = write.info, session.overlay
    if overlay.namespace_is_gone(info.namespace) and info.resource != "namespaces":
        return failed(404, status.namespace_not_found(info.namespace))
    await learn_conversion(session, info)
    entry = overlay.get(info, write.object_info.name) if write.object_info.name else None
    is_remote = await session.upstream.aggregation.is_remote(info, session.reader) and overlay.definition_of(info) is None
    if info.verb == "deletecollection":
        return await delete_collection(session, write, AGGREGATED if is_remote else None)
    if is_remote:
        return await without_preview(session, write, entry, AGGREGATED)
    if info.verb == "create" and not info.name:
        return await create(session, write, entry)
    if entry is None:
        return await change_live(session, write)
    return await change_rehearsed(session, write, entry)
