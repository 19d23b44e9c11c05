"""Rehearses a create: also under a name that is still taken, and in a namespace or of a kind that only the rehearsal has."""

from __future__ import annotations

from dataclasses import replace

from bot.gateway.apiserver.outcomes import Obstacle, Outcome, Rehearsed, Rejected, UpstreamFailedError
from bot.gateway.protocol import media, status
from bot.gateway.rehearsal import synthesis
from bot.gateway.rehearsal.filling import find_source
from bot.gateway.rehearsal.overlay import Entry
from bot.gateway.rehearsal.planned import Write, failed, is_unreachable, obstacle
from bot.gateway.rehearsal.previewing import create_under_another_name, without_server_set
from bot.gateway.rehearsal.session import Session
from bot.values.requests import ApiResponse, Json

MADE_TOO = Obstacle("The namespace or the kind is made by this change too, so the server cannot preview this.")
_OTHER_NAME = "Previewed under another name, because the object that this change deletes still has the name."
_FILLED = "Previewed without the change of {} in this change, from which the server takes values for it."
_UNREADABLE = "Its content is protobuf, which only the server could read."


async def create(session: Session, write: Write, entry: Entry | None) -> Outcome:
    """The outcome of a POST of an object. `entry` is what the rehearsal did with its name before."""
    info = write.info
    if entry is not None and entry.current is not None:
        return failed(409, status.already_exists(info, entry.key.name))
    if entry is not None and entry.leaving is not None:
        return failed(409, status.already_exists(info, entry.key.name, is_leaving=True))
    if is_unreachable(session, info):
        return await synthesise(session, write, MADE_TOO)
    if entry is not None:
        return await recreate(session, write)
    response = await session.upstream.ask(write.request, session.writer)
    if response.is_success:
        return _created(session, write, response)
    why = await obstacle(session, write, response)
    return await synthesise(session, write, why) if why is not None else Rejected(response)


async def recreate(session: Session, write: Write) -> Outcome:
    """A create (or an apply that creates) under the name of an object that the rehearsal deleted and the cluster still has."""
    request = write.request if not write.is_apply else replace(write.request, content_type=media.YAML)
    response = await create_under_another_name(session, write.object_info, request)
    if response.is_success:
        return _created(session, write, response, _OTHER_NAME)
    why = await obstacle(session, write, response)
    if why is None and _is_about_the_name(response):
        why = Obstacle(f"The server cannot preview this while the name is taken: {response.message}")
    return await synthesise(session, write, why) if why is not None else Rejected(response)


async def synthesise(session: Session, write: Write, why: Obstacle) -> Outcome:
    """A create that nobody can preview: the object as it was sent."""
    body, note = write.body, why.note
    if write.kind == media.PROTOBUF and isinstance(body, dict):
        read = await read_by_server(session, write)
        if isinstance(read, Rejected):
            return read
        body, note = (read, note) if read is not None else (body, f"{note} {_UNREADABLE}")
    item = synthesis.created(write.info, body)
    if item is None:
        return failed(400, status.failure(400, "The body is not a Kubernetes object with a name.", write.info))
    return Rehearsed(201, item, None, item, has_preview=False, note=note, needs=why.needs)


async def read_by_server(session: Session, write: Write) -> Json | Rejected:
    """A protobuf object in JSON: the server reads it in a dry run under another name, in a namespace that it has. None if it cannot.
    Raises UpstreamFailedError."""
    info = write.object_info
    for namespace in (session.namespace, "default") if info.namespace else ("",):
        if namespace and session.overlay.hides_live(replace(info, namespace=namespace)):
            continue
        response = await create_under_another_name(session, info, write.request, namespace=namespace)
        if response.is_success and isinstance(response.object, dict):
            return without_server_set(response.object)
        if await obstacle(session, write, response) is not None:
            continue
        if response.is_unanswered:
            raise UpstreamFailedError(response)
        if response.status == 422 and not _is_about_the_name(response):
            return Rejected(response)
    return None


def _created(session: Session, write: Write, response: ApiResponse, note: str = "") -> Outcome:
    item = response.object
    if not isinstance(item, dict):
        return failed(502, status.failure(502, "The API server's answer to the dry run is not JSON.", write.info))
    after = None if item.get("kind") == "Status" else synthesis.settled(write.info, item)
    return with_source(session, write, Rehearsed(response.status, item, None, after, note=note, headers=response.headers))


def with_source(session: Session, write: Write, made: Rehearsed) -> Rehearsed:
    """A new object without a preview, if the rehearsal wrote what its values are taken from."""
    source = find_source(write.info, made.after, session.overlay.entries())
    if source is None:
        return made
    note = " ".join(part for part in (made.note, _FILLED.format(source.title)) if part)
    return replace(made, has_preview=False, note=note, needs=source.positions)


def _is_about_the_name(response: ApiResponse) -> bool:
    """Whether a dry run under another name was refused for the name itself."""
    details = response.object.get("details") if isinstance(response.object, dict) else None
    causes = (details or {}).get("causes") or []
    return "already exists" in response.message or any(cause.get("field") == "metadata.name" for cause in causes)
