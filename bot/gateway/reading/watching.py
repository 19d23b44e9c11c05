"""Watches: JSON frames passed on line by line, with the rehearsal's own writes shown as if they had happened.

Every watch is negotiated to JSON, for a write may come at any time while it is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import aiohttp
import orjson
from aiohttp import web

from bot.gateway.hiding.columns import metadata_only
from bot.gateway.protocol import media, status
from bot.gateway.protocol.encoding import encode_document
from bot.gateway.reading.streaming import begin, break_off, is_failure, let_go, pass_failure
from bot.gateway.reading.tables import fit, is_table, object_key, row_key, table_of
from bot.gateway.rehearsal.call import Call, answer, passed_down
from bot.gateway.rehearsal.influence import influences
from bot.gateway.rehearsal.overlay import Entry, selected
from bot.values.requests import Json

_MAX_FRAME = 64 * 1024 * 1024
_SHOWING = frozenset({"kubectl get", "kubectl events"})
"""The commands of kubectl that watch only to show what comes, for ever (`-w`). Whatever else watches waits for something."""


@dataclass(slots=True)
class _Watch:
    call: Call
    response: web.StreamResponse
    upstream: aiohttp.ClientResponse | None
    form: str
    opened_at: float
    known: set[object] = field(default_factory=set)
    """Keys of created objects that the client has been told of."""
    definitions: Json = None
    """Of the columns of a Table: only its first event has them."""
    told_at: float = 0.0
    """When (loop time) the cluster last told something."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while an event is told that has to be looked at: what it comes to depends on what was told before."""


async def watch(call: Call) -> web.StreamResponse:
    """Answers a watch until the client goes, the API server ends it, or the time limit is reached."""
    if not media.takes_json(call.accept):
        return answer(call, 406, status.failure(406, media.ONLY_JSON, call.info))
    upstream = None
    overlay = call.session.overlay
    if not overlay.hides_live(call.info) and overlay.definition_of(call.info) is None:
        extra = {**call.upstream_headers(), "Accept-Encoding": "identity"}
        request = call.as_read(media.accept_json(call.accept))
        upstream = await call.session.upstream.open(request, call.session.reader, extra, call.session.limits.stream_seconds)
    try:
        if upstream is not None and is_failure(upstream):
            return await pass_failure(call, upstream)
        if upstream is not None and upstream.status != 200:
            body = await upstream.read()
            return web.Response(status=upstream.status, headers=passed_down(upstream.headers), body=body)
        headers = passed_down(upstream.headers) if upstream is not None else {"Content-Type": media.JSON}
        response = web.StreamResponse(headers=headers)
        await begin(call, response)
        form = media.wanted_form(call.accept)
        await _relay(_Watch(call, response, upstream, form, asyncio.get_running_loop().time()))
        await response.write_eof()
        return response
    except (aiohttp.ClientError, TimeoutError) as exc:
        break_off(call.request)
        raise ConnectionResetError("The upstream watch broke off.") from exc
    finally:
        if upstream is not None:
            let_go(upstream)


async def _relay(watch: _Watch) -> None:
    """Merges the cluster's events with those of the rehearsal, in the order they come."""
    session = watch.call.session
    written = session.overlay.subscribe()
    tellers: list[asyncio.Task[None]] = []
    try:
        await _tell_initial(watch)
        tellers += (asyncio.create_task(_tell_rehearsal(watch, written)), asyncio.create_task(_tell_cluster(watch)))
        showing = _showing(watch.call)
        seconds = session.limits.model_follow_seconds if showing else session.limits.stream_seconds
        done, _ = await asyncio.wait(tellers, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for teller in done:
            teller.result()  # raises what broke it off
        if showing and not done:
            session.recorder.add_followed(showing)
    finally:
        session.overlay.unsubscribe(written)
        for teller in tellers:
            teller.cancel()
        await asyncio.gather(*tellers, return_exceptions=True)


def _showing(call: Call) -> str:
    """What a command of a model shows for ever, as `recorder.add_followed` takes it; '' if it is no such command. kubectl itself says in a
    header which command it is."""
    command = call.request.headers.get("Kubectl-Command", "")
    if not call.session.log_lines or command not in _SHOWING:
        return ""
    return f"`{command} --watch` of {call.info.resource} {call.info.namespace}/{call.info.name}".replace(" /", " ").rstrip("/ ")


async def _tell_rehearsal(watch: _Watch, written: asyncio.Queue[Entry]) -> None:
    """Tells the rehearsal's writes as they are made; returns when the client waits for one of them."""
    session = watch.call.session
    now = asyncio.get_running_loop().time
    while not session.is_over:
        waiting = _deadline(watch)
        if waiting is not None and now() >= waiting[0]:
            session.waits.give_up(waiting[1])
            return
        try:
            async with asyncio.timeout_at(waiting[0] if waiting is not None else None):
                entry = await written.get()
        except TimeoutError:
            continue
        async with watch.turn:
            await _tell_write(watch, entry)


async def _tell_cluster(watch: _Watch) -> None:
    """Tells the cluster's events; returns when there are no more."""
    session, info = watch.call.session, watch.call.info
    is_looked_at = session.redactor.needs_body(info)
    async for lines in _lines(watch.upstream):
        if session.is_over:
            return
        if not session.overlay and not is_looked_at:
            await _write(watch, lines)
            continue
        async with watch.turn:
            for line in lines.split(b"\n"):
                if line.strip():
                    await _tell_event(watch, line)


async def _lines(upstream: aiohttp.ClientResponse | None) -> AsyncIterator[bytes]:
    """The events of the watch as they arrive, one or several whole lines at a time; of a watch on what the cluster does not have, none,
    for as long as the client stays."""
    if upstream is None:
        await asyncio.Event().wait()
        return
    begun: list[bytes] = []
    size = 0
    async for chunk in upstream.content.iter_any():
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join((*begun, chunk[:end]))
            begun, size = [], 0
        begun.append(chunk[end:])
        size += len(chunk) - end
        if size > _MAX_FRAME:
            raise aiohttp.ClientPayloadError("a watch event is too large")
    rest = b"".join(begun)
    if rest:
        yield rest + b"\n"


def _deadline(watch: _Watch) -> tuple[float, str] | None:
    """When (loop time) the client counts as waiting for a write of the rehearsal, and why; None while there is none that it would see."""
    waits, call = watch.call.session.waits, watch.call
    found = waits.patience(call.info, _awaited(watch), watch.opened_at)
    return found or waits.long_patience(call.info, call.session.overlay.entries(), max(watch.opened_at, watch.told_at))


def _awaited(watch: _Watch) -> list[Entry]:
    """The written objects that this watch would show a change of, were the writes applied."""
    call = watch.call
    labels, fields = call.parameter("labelSelector"), call.parameter("fieldSelector")
    overlay = call.session.overlay
    unseen = call.session.waits.unseen(call.info)
    if not overlay:
        return unseen
    shown = [entry for entry in overlay.within(call.info) if selected(entry, labels, fields)]
    if call.info.name or labels or fields:
        shown += [entry for entry in overlay.entries() if influences(entry, call.info, labels, fields)]
    return shown + unseen


async def _tell_initial(watch: _Watch) -> None:
    """Created objects come first in a watch that begins with the present state; one that begins after a list has them already."""
    call = watch.call
    version = call.parameter("resourceVersion")
    begins_now = version in ("", "0") or call.parameter("sendInitialEvents").lower() in ("true", "1")
    for entry in call.session.overlay.within(call.info):
        if not begins_now:
            watch.known.add(entry.key)
        elif entry.is_new and _is_shown(watch, entry):
            watch.known.add(entry.key)
            await _send(watch, "ADDED", await _form(watch, entry))


async def _tell_write(watch: _Watch, entry: Entry) -> None:
    call = watch.call
    entry = call.session.overlay.seen_in(entry, call.info.version)
    if entry not in call.session.overlay.within(call.info) or entry.version != call.info.version:
        return
    if _is_shown(watch, entry):
        kind = "MODIFIED" if entry.live is not None or entry.key in watch.known else "ADDED"
        watch.known.add(entry.key)
        await _send(watch, kind, await _form(watch, entry))
    elif entry.current is None and (entry.live is not None or entry.key in watch.known):
        last = entry.live if entry.live is not None else _bare(entry)
        await _send(watch, "DELETED", await _form(watch, replace(entry, current=last)))


def _bare(entry: Entry) -> Json:
    """An object that only the rehearsal had, and has no more: clients need to know what it was."""
    key = entry.key
    version = f"{key.group}/{entry.version}" if key.group else entry.version
    return {"kind": entry.kind, "apiVersion": version, "metadata": {"name": key.name, "namespace": key.namespace}}


async def _tell_event(watch: _Watch, line: bytes) -> None:
    event = orjson.loads(line)
    item = event.get("object")
    if event.get("type") in ("ADDED", "MODIFIED", "DELETED") and isinstance(item, dict):
        watch.told_at = asyncio.get_running_loop().time()
        shown = await _show(watch, item)
        if shown is None:
            return
        await _send(watch, event["type"], shown)
        return
    await _send(watch, event.get("type", ""), item)


async def _show(watch: _Watch, item: Json) -> Json | None:
    """The object of a live event as the rehearsal shows it; None if it does not."""
    call = watch.call
    overlay = call.session.overlay
    rows = item.get("rows") or [] if is_table(item) else []
    key = row_key(call.info, rows[0]) if rows else object_key(call.info, item)
    if key.namespace and (overlay.namespace_is_gone(key.namespace) or overlay.namespace_is_new(key.namespace)):
        return None
    entry = overlay.find(key)
    if entry is None:
        return item
    entry = overlay.seen_in(entry, call.info.version)
    if not _is_shown(watch, entry):
        return None
    if rows:
        printed = await table_of(call, entry)
        columns = item.get("columnDefinitions") or printed.get("columnDefinitions")
        return {**item, "columnDefinitions": columns, "rows": fit(columns, printed)}
    return await _form(watch, entry)


def _is_shown(watch: _Watch, entry: Entry) -> bool:
    call = watch.call
    return entry.version == call.info.version and selected(entry, call.parameter("labelSelector"), call.parameter("fieldSelector"))


async def _form(watch: _Watch, entry: Entry) -> Json:
    if watch.form == "Table":
        return await table_of(watch.call, entry)
    return metadata_only(entry.current) if watch.form == "PartialObjectMetadata" else entry.current


async def _send(watch: _Watch, kind: str, item: Json) -> None:
    if is_table(item):
        watch.definitions = item.get("columnDefinitions") or watch.definitions
    shown = watch.call.redact(item, watch.definitions)
    await _write(watch, encode_document({"type": kind, "object": shown}, is_pretty=False))


async def _write(watch: _Watch, frame: bytes) -> None:
    watch.call.session.count_bytes(len(frame))
    await watch.response.write(frame)
