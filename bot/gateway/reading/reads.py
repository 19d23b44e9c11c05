"""Answers reads: untouched where nothing is hidden or rehearsed, otherwise looked at, with the rehearsal's own writes shown."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
from aiohttp import web

from bot.errors import UpstreamUnavailableError
from bot.gateway.apiserver.upstream import decode
from bot.gateway.hiding.columns import metadata_only
from bot.gateway.protocol import media, status
from bot.gateway.protocol.subresources import scale_of
from bot.gateway.reading import describing, discovery, revisions
from bot.gateway.reading.listing import Merge, fill, merge_into
from bot.gateway.reading.logs import is_for_model, pass_log
from bot.gateway.reading.streaming import KEPT, Kept, let_go, pass_list, pass_through
from bot.gateway.reading.tables import printed_of, table_of
from bot.gateway.reading.watching import watch
from bot.gateway.rehearsal.call import Call, answer, passed_down
from bot.gateway.rehearsal.fingerprints import fingerprint
from bot.gateway.rehearsal.influence import is_namespace
from bot.gateway.rehearsal.overlay import Definition, Entry
from bot.gateway.rehearsal.planned import size_path
from bot.values.requests import ApiRequest, ApiResponse, Json

NOT_LIVE = "shows a rehearsed change that is not applied yet"
_LIVE_ONLY = "shows the cluster as it is, without the rehearsed change: ask for it in the API version it was written in"

_SHOWING_THEIR_OBJECT = ("", "status", "resize", "ephemeralcontainers", "approval")
"""Subresources that are read as the object that they are of."""


async def read(call: Call) -> web.StreamResponse:
    """Answers one GET or HEAD."""
    if call.session.overlay:
        call.request[KEPT] = Kept()
    response = await _read(call)
    _note_answer(call, response)
    return response


def _note_answer(call: Call, response: web.StreamResponse) -> None:
    """Shows the rehearsal's waits what the client is told of the cluster. Objects that the rehearsal shows they have counted before."""
    info, overlay = call.info, call.session.overlay
    if KEPT not in call.request or not info.is_resource:
        return
    own = overlay.get(info) if info.name and not info.subresource else None
    if own is not None:
        if is_namespace(own.key):
            call.session.waits.note_answer(call.parsed, own.written_at, overlay.entries())
        return
    body = response.body if isinstance(response, web.Response) else call.request[KEPT].body
    is_state = not info.subresource and info.verb in ("get", "list") and "Content-Encoding" not in response.headers
    answered = fingerprint(response.status, body) if is_state and isinstance(body, bytes) else None
    call.session.waits.note_answer(call.parsed, answered, overlay.entries())


async def _read(call: Call) -> web.StreamResponse:
    info, overlay = call.info, call.session.overlay
    if call.request.method == "HEAD":
        return await pass_through(call)
    if call.prints_custom:
        call = replace(call, printed=await printed_of(call))
    if not info.is_resource:
        return await _read_other(call)
    if overlay or call.session.waits.expects:
        call.session.waits.note_request(call.parsed, overlay.entries())
    if info.verb in ("list", "watch") and info.name:  # by a selector of its name: so `kubectl delete` and `kubectl wait` wait for its end
        overlay.let_go(info)
    if info.verb == "watch":
        return await watch(call)
    if not overlay:
        return await _read_live(call)
    if info.verb == "list":
        return await _list(call)
    entry = overlay.get(info)
    if entry is None:
        if overlay.hides_live(info) or overlay.definition_of(info) is not None:
            return answer(call, 404, status.not_found(info))
        return await _read_live(call)
    call.session.waits.note_read(entry, is_named=True)
    return await _get(call, entry)


async def fetch(call: Call) -> ApiResponse:
    """The API server's whole answer in JSON, to be looked at."""
    extra = _headers(call)
    request = replace(call.as_read(media.accept_json(call.accept)), method="GET")
    return await call.session.upstream.ask(request, call.session.reader, extra=extra)


def _headers(call: Call) -> dict[str, str]:
    """The headers of a request whose answer is looked at: it must come, and readable."""
    extra = {**call.upstream_headers(), "Accept-Encoding": "identity"}
    for name in ("If-None-Match", "If-Modified-Since"):
        extra.pop(name, None)
    return extra


async def _pass_list(call: Call, merge: Merge | None = None, *, warnings: tuple[str, ...] = ()) -> web.StreamResponse:
    if not media.takes_json(call.accept):
        return answer(call, 406, status.failure(406, media.ONLY_JSON, call.info))
    request = call.as_read(media.accept_json(call.accept))
    upstream = await call.session.upstream.open(request, call.session.reader, _headers(call), call.session.limits.passing_seconds)
    if upstream.status == 200 and media.essence(upstream.headers.get("Content-Type", "")) == media.JSON:
        return await pass_list(call, upstream, merge, warnings=warnings)
    try:
        body = await upstream.read()
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise UpstreamUnavailableError("The Kubernetes API broke off its answer.") from exc
    finally:
        let_go(upstream)
    return relay(call, ApiResponse(upstream.status, upstream.headers, body, decode(upstream.headers.get("Content-Type", ""), body)))


async def _read_live(call: Call) -> web.StreamResponse:
    if is_for_model(call):
        return await pass_log(call)
    if not call.session.redactor.needs_body(call.info):
        return await pass_through(call)
    if call.info.verb == "list":
        return await _pass_list(call)
    response = await fetch(call)
    return relay(call, response)


def relay(call: Call, response: ApiResponse, *, warnings: tuple[str, ...] = ()) -> web.StreamResponse:
    """An upstream answer that was looked at. What is not JSON is text of an error, and is given as such."""
    if response.object is not None:
        return answer(call, response.status, response.object, headers=passed_down(response.headers), warnings=warnings)
    if response.is_success and response.body:
        message = "The API server's answer is not JSON, so the gateway cannot look for Secrets in it."
        return answer(call, 502, status.failure(502, message, call.info))
    call.session.count_bytes(len(response.body))
    return web.Response(status=response.status, headers=passed_down(response.headers), body=response.body)


async def _get(call: Call, entry: Entry) -> web.StreamResponse:
    info, warnings = call.info, call.session.remark(NOT_LIVE)
    if entry.current is None:
        left = call.session.overlay.look_at_leaving(entry)
        if left is None:
            return answer(call, 404, status.not_found(info), warnings=warnings)
        entry = replace(entry, current=left)
    if info.subresource not in _SHOWING_THEIR_OBJECT and info.subresource != "scale":
        return await _read_live(call)
    if entry.version != info.version:
        return await _read_live_of_other_version(call, entry)
    if info.subresource == "scale":
        live = await fetch(call) if not entry.is_new else None
        if live is not None and not live.is_success:
            return relay(call, live)
        scale = scale_of(entry.current, live.object if live else None, await size_path(call.session, info))
        return answer(call, 200, scale, warnings=warnings)
    form = media.wanted_form(call.accept)
    if form == "Table":
        return answer(call, 200, await table_of(call, entry), warnings=warnings)
    shown = metadata_only(entry.current) if form == "PartialObjectMetadata" else entry.current
    return answer(call, 200, shown, warnings=warnings)


async def _read_live_of_other_version(call: Call, entry: Entry) -> web.StreamResponse:
    if entry.is_new:
        return answer(call, 404, status.not_found(call.info), warnings=(_LIVE_ONLY,))
    return relay(call, await fetch(call), warnings=(_LIVE_ONLY,))


async def _list(call: Call) -> web.StreamResponse:
    info, overlay = call.info, call.session.overlay
    entries = [entry for entry in overlay.within(info) if entry.version == info.version]
    is_hidden, definition = overlay.hides_live(info), overlay.definition_of(info)
    hides_some = not info.namespace and info.resource != "namespaces" and bool(overlay.hidden_namespaces())
    kept = await revisions.made(call)
    if not entries and not kept and not is_hidden and definition is None and not hides_some:
        return await _read_live(call)
    for entry in entries:
        call.session.waits.note_read(entry, is_named=bool(info.name))
    if not info.name:
        entries = [entry if entry.leaving is None else replace(entry, current=entry.leaving) for entry in entries]
    merge = await merge_into(call, [*entries, *kept])
    if is_hidden or definition is not None:
        return answer(
            call, 200, fill(merge, _empty_list(call, definition.crd if definition else None)), warnings=call.session.remark(NOT_LIVE)
        )
    return await _pass_list(call, merge, warnings=call.session.remark(NOT_LIVE))


def _empty_list(call: Call, crd: Json) -> Json:
    """A list without items, for a namespace or kind that the cluster does not have."""
    group_version = f"{call.info.group}/{call.info.version}" if call.info.group else call.info.version
    form = media.wanted_form(call.accept)
    if form == "Table":
        return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": [], "rows": []}
    if form.startswith("PartialObjectMetadata"):
        return {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": []}
    kind = crd["spec"]["names"]["kind"] if crd else ""
    names = {entry.kind for entry in call.session.overlay.within(call.info) if entry.kind}
    return {"kind": f"{kind or next(iter(names), '')}List", "apiVersion": group_version, "metadata": {}, "items": []}


async def _read_other(call: Call) -> web.StreamResponse:
    definitions = call.session.overlay.definitions()
    if not definitions:
        return await pass_through(call)
    return await _discover(call, definitions)


async def _discover(call: Call, definitions: list[Definition]) -> web.StreamResponse:
    path = call.info.path
    made = discovery.document(path, definitions)
    if path not in ("/apis", "/openapi/v3") and made is None:
        return await pass_through(call)
    meta = await _common_schemas(call) if path.startswith("/openapi/v3/") else None
    response = await fetch(call)
    if response.status == 404 and made is not None:
        return answer(call, 200, discovery.document(path, definitions, meta))
    if not response.is_success or not isinstance(response.object, dict):
        return relay(call, response)
    headers = passed_down(response.headers)
    headers["Cache-Control"] = "no-cache, private"  # by its hash a client may ask for what the API server lets it keep for ever
    return answer(call, 200, discovery.extend(path, response.object, definitions, meta), headers=headers)


async def _common_schemas(call: Call) -> Json:
    """What the API server publishes of the fields that all objects have; None if it may not be read."""
    response = await call.session.upstream.ask(ApiRequest("GET", describing.META_PATH), call.session.reader)
    return response.object if response.is_success and isinstance(response.object, dict) else None
