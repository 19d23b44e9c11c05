"""Answers writes: a dry run, a recording, and an answer as if it had happened."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace

import orjson
import structlog
from aiohttp import web

from bot.gateway.apiserver.outcomes import Outcome, Rehearsed, Rejected, UpstreamFailedError
from bot.gateway.apiserver.upstream import UNREADABLE
from bot.gateway.hiding import pointing
from bot.gateway.protocol import bodies, delete_options, dry_run, media, services, status
from bot.gateway.protocol.decide import Kind
from bot.gateway.protocol.request_info import build_path
from bot.gateway.reading.reads import relay
from bot.gateway.rehearsal import guessing, resource_versions, synthesis
from bot.gateway.rehearsal.call import Call, answer, passed_down
from bot.gateway.rehearsal.overlay import Entry, Key, Overlay
from bot.gateway.rehearsal.planned import Write, before_of, failed, is_unreachable
from bot.gateway.writing import instead
from bot.gateway.writing.rehearsing import rehearse
from bot.values.certificates import denies
from bot.values.requests import ApiRequest, ApiResponse, Json, RecordedWrite, RefusedRequest, RequestInfo

log = structlog.get_logger()

_NO_MANAGER = "unknown"
"""What the API server calls a client without a User-Agent."""
_MOST_REASON = 1000
"""Characters of the API server's reason that are recorded; the client gets all of them."""
_MOST_TITLE = 300
_CREDENTIAL_NOTE = "Issues a credential: it is not sent before approval, and its answer is shown to nobody."
_DENIAL_NOTE = "Denies the certificate: it is not sent before approval, and nothing is issued."
_MARKED = "The body holds the mark of a hidden Secret value, which would take the value's place: change only the other keys."
_SIGNED_ALREADY = (
    "This CertificateSigningRequest is signed already, and the mark of its hidden certificate would take the certificate's place: "
    "make a new request instead of deciding on this one again."
)
_POINTS_AT_HIDDEN = "A JSON patch may not test, copy or move what holds a Secret's value: add and replace what is to be there."


async def write(call: Call, kind: Kind) -> web.StreamResponse:
    """Answers one POST, PUT, PATCH or DELETE. Writes of one rehearsal are taken one after another, for each builds on those before."""
    refused = _refusal(call)
    if refused is not None:
        return refuse(call, *refused)
    request = ApiRequest(call.request.method, call.info.path, call.parsed.query, call.content_type, call.body)
    is_own = dry_run.is_own(request, call.info)
    with nullcontext() if is_own else call.session.recorder.answering(request.method, request.path):
        return await _write(call, kind, request, is_own=is_own)


async def _write(call: Call, kind: Kind, request: ApiRequest, *, is_own: bool) -> web.StreamResponse:
    async with call.session.write_lock:
        if not is_own and call.session.recorder.write_count >= call.session.limits.writes:
            call.session.stop(f"stopped: recorded more than {call.session.limits.writes} writes")
            return answer(call, 429, status.failure(429, "The rehearsal has recorded as many writes as one may.", call.info))
        prepared = _unmarked(call.session.overlay, _prepare(call, request))
        entry = call.session.overlay.get(prepared.object_info)
        if entry is not None and resource_versions.is_stale(prepared, entry):
            return _conclude(call, prepared, failed(409, status.modified(prepared.object_info)), is_own=is_own)
        prepared = prepared if entry is None else _settled(prepared, entry)
        if entry is not None and entry.is_new and entry.current is not None and _is_about_owners(prepared):
            return answer(call, 200, entry.current)
        if kind is Kind.CREDENTIAL:
            missing = await _find_missing(call, prepared)
            return missing or _record_credential(call, prepared, is_own=is_own)
        if await _points_at_hidden(call, prepared):
            return refuse(call, 422, _POINTS_AT_HIDDEN)
        blinded = _blinded(call, prepared)
        if blinded is None:
            return refuse(call, 415, UNREADABLE)
        try:
            if await guessing.selects_hidden(call):
                return refuse(call, 403, guessing.REFUSAL)
            outcome = await rehearse(call.session, blinded)
        except UpstreamFailedError as exc:
            outcome = Rejected(exc.answer)
        return _conclude(call, prepared, outcome, is_own=is_own)


def _conclude(call: Call, prepared: Write, outcome: Outcome, *, is_own: bool) -> web.StreamResponse:
    if is_own:
        return _answer_own(call, outcome)
    return _reject(call, prepared, outcome.response) if isinstance(outcome, Rejected) else _record(call, prepared, outcome)


def refuse(call: Call, code: int, reason: str) -> web.StreamResponse:
    """Refuses a request that could have changed something, and notes that it was made."""
    call.session.recorder.add_refused(RefusedRequest(call.request.method, call.info.path, reason))
    log.info("request_refused", method=call.request.method, resource=call.info.qualified, status=code)
    return answer(call, code, status.failure(code, reason, call.info))


def _answer_own(call: Call, outcome: Outcome) -> web.StreamResponse:
    """The answer to a write that its client asked a dry run of: there is nothing to record, whatever it came to."""
    if isinstance(outcome, Rejected):
        return relay(call, outcome.response)
    call.session.redactor.redact_object(outcome.before, _of_object(call.info))  # what it holds stays hidden in the answer then
    outcome = resource_versions.kept(outcome)
    return answer(call, outcome.status, outcome.reply, headers=passed_down(outcome.headers))


def _reject(call: Call, prepared: Write, response: ApiResponse) -> web.StreamResponse:
    """Gives the client the API server's own error, and notes it: a write that would fail must not go unseen because others would not."""
    recorder, redactor, info = call.session.recorder, call.session.redactor, call.info
    shown = replace(response, object=redactor.redact_object(response.object, info))
    reason = redactor.redact_text(shown.message[:_MOST_REASON])
    rejected = RefusedRequest(call.request.method, info.path, reason, response.status, _title(prepared))
    recorder.settle(prepared.request)
    if response.is_unanswered:
        recorder.add_unanswered(prepared.request, rejected)
    else:
        recorder.add_refused(rejected)
    log.info("write_rejected", method=call.request.method, resource=info.qualified, status=response.status)
    return relay(call, response)


def _title(write: Write) -> str:
    """`Deployment shop/web`; `pods/eviction shop/p1` where the body does not tell the object's kind."""
    info = write.object_info
    is_object = isinstance(write.body, dict) and write.request.method != "DELETE" and not write.info.subresource
    kind = write.body.get("kind") if is_object else ""
    place = "/".join(part for part in (info.namespace if info.resource != "namespaces" else "", info.name) if part)
    return f"{kind or write.info.qualified} {place}".strip()[:_MOST_TITLE]


def _refusal(call: Call) -> tuple[int, str] | None:
    """Why a write is not even tried."""
    method, info, session = call.request.method, call.info, call.session
    run = instead.of_attached_run(info, call.request.headers.get("Kubectl-Command", ""), call.content_type, call.body)
    if run:
        return 403, run
    if method == "DELETE":
        if delete_options.decode(call.content_type, call.body) is None:
            return 415, "The DeleteOptions of this DELETE cannot be read: send them as JSON or protobuf."
    elif call.body or method != "POST":
        reason = bodies.refusal(method, call.content_type)
        if reason:
            return 415, reason
    if session.redactor.contains_marker(call.body):
        return 422, _SIGNED_ALREADY if info.resource == "certificatesigningrequests" else _MARKED
    if method == "PATCH" and media.essence(call.content_type) == media.JSON_PATCH and info.group == "":
        patch = bodies.read(call.content_type, call.body)
        if info.resource == "configmaps" and (patch is None or bodies.moves_release(patch)):
            return (
                422,
                "A JSON patch of a ConfigMap may not copy or move its data, in which Helm may keep a release: add what is to be there.",
            )
        if _is_secret(info) and (patch is None or bodies.tests_values(patch)):
            return 422, "A JSON patch of a Secret may only add, replace and remove: test, copy and move would tell what it holds."
    return None


async def _points_at_hidden(call: Call, write: Write) -> bool:
    """Whether it is a JSON patch that reads a hidden part of the object, as it is or as this rehearsal shows it."""
    info, session = write.object_info, call.session
    is_patch = call.request.method == "PATCH" and media.essence(call.content_type) == media.JSON_PATCH
    if not is_patch or not session.redactor.needs_body(info) or not pointing.reads_values(write.body):
        return False
    entry = session.overlay.get(info)
    objects = [await before_of(session, info), entry.current if entry is not None else None]
    return any(
        pointing.points_at_hidden(write.body, item, session.redactor.redact_object(item, _of_object(info)))
        for item in objects
        if item is not None
    )


def _is_about_owners(prepared: Write) -> bool:
    """Whether it changes nothing but who owns which field. `kubectl apply --server-side` does that to what was applied without it; who
    will own the fields of an object that the rehearsal made, only the replay knows."""
    patches = prepared.body if prepared.kind == media.JSON_PATCH and isinstance(prepared.body, list) else ()
    return bool(patches) and all(isinstance(one, dict) and one.get("path") == "/metadata/managedFields" for one in patches)


def _is_denial(prepared: Write) -> bool:
    """Whether it decides that no certificate is issued."""
    body = prepared.request.body if prepared.kind == media.PROTOBUF else prepared.body
    return prepared.info.subresource == "approval" and denies(body)


def _is_secret(info: RequestInfo) -> bool:
    return info.group == "" and info.resource == "secrets"


def _prepare(call: Call, request: ApiRequest) -> Write:
    """The write as it will be replayed, and what can be read of it."""
    recorded = dry_run.strip(request)
    assert recorded is not None, "DeleteOptions were decoded before"
    decoded = delete_options.decode(request.content_type, request.body) if request.method == "DELETE" else None
    body = decoded if request.method == "DELETE" else bodies.read(request.content_type, request.body)
    recorded = replace(recorded, query=_with_manager(call, recorded))
    return Write(recorded, call.info, body, media.essence(call.content_type))


def _unmarked(overlay: Overlay, prepared: Write) -> Write:
    """A replacement of an object that the rehearsal deleted, without the time of that, which will be another one."""
    entry, body = overlay.get(prepared.object_info), prepared.body
    if entry is None or entry.leaving is None or prepared.request.method != "PUT" or not isinstance(body, dict):
        return prepared
    if prepared.kind not in (media.JSON, media.YAML):
        return prepared
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key not in synthesis.DELETION_MARKS}
    body = {**body, "metadata": metadata}
    return replace(
        prepared, request=replace(prepared.request, content_type=media.JSON, body=orjson.dumps(body)), body=body, kind=media.JSON
    )


def _settled(prepared: Write, entry: Entry) -> Write:
    """The write of an object that the rehearsal wrote, without what only the rehearsal knows: the version, and the addresses and ports
    that a dry run chose for a Service."""
    prepared = resource_versions.untied(prepared, entry)
    if prepared.request.method != "PUT" or prepared.kind == media.PROTOBUF:
        return prepared
    body = services.without_leftovers(entry.current, services.without_choices(entry.live, entry.current, prepared.body))
    return prepared if body is prepared.body else replace(prepared, request=replace(prepared.request, body=orjson.dumps(body)), body=body)


def _blinded(call: Call, prepared: Write) -> Write | None:
    """The write as it is rehearsed: see `blinding`. None if it cannot be."""
    request = call.session.redactor.blind(prepared.request, prepared.info)
    if request is None or request is prepared.request:
        return prepared if request is not None else None
    return replace(prepared, request=request, body=bodies.read(request.content_type, request.body))


def _with_manager(call: Call, request: ApiRequest) -> tuple[tuple[str, str], ...]:
    """The API server names the field manager after the User-Agent if the client names none. The replay has another User-Agent."""
    is_apply = media.essence(request.content_type) == media.APPLY_PATCH
    if request.method == "DELETE" or is_apply or any(name == "fieldManager" for name, _ in request.query):
        return request.query
    manager = call.request.headers.get("User-Agent", "").split("/")[0][:128] or _NO_MANAGER
    return (*request.query, ("fieldManager", manager)) if manager.isprintable() else request.query


async def _find_missing(call: Call, prepared: Write) -> web.StreamResponse | None:
    """The answer to a request for a credential of what is not there, which comes to nothing; None if it may be there."""
    session, info = call.session, prepared.object_info
    entry = session.overlay.get(info)
    if entry is not None or is_unreachable(session, info):
        is_there = entry is not None and entry.current is not None
        return None if is_there else answer(call, 404, status.not_found(info))
    response = await session.upstream.ask(ApiRequest("GET", build_path(info)), session.reader)
    return relay(call, response) if response.status == 404 or response.is_unanswered else None


def _record_credential(call: Call, prepared: Write, *, is_own: bool) -> web.StreamResponse:
    is_denial = _is_denial(prepared)
    message = "a decision on a certificate" if is_denial else f"{call.info.qualified} issues a credential, which"
    message = f"{message} is never {'tried' if is_denial else 'shown'} here"
    if is_own:
        return refuse(call, 403, f"{message}, not even by a dry run.")
    reply = status.failure(403, f"{message}. The request was recorded.", call.info)
    outcome = Rehearsed(403, reply, None, None, has_preview=False, note=_DENIAL_NOTE if is_denial else _CREDENTIAL_NOTE)
    if call.info.resource == "certificatesigningrequests":
        call.session.waits.expect(prepared.object_info, "CertificateSigningRequest")
    return _record(call, prepared, outcome, is_shown=False)


def _record(call: Call, prepared: Write, outcome: Rehearsed, *, is_shown: bool = True) -> web.StreamResponse:
    session, info = call.session, call.info
    session.recorder.settle(prepared.request)
    session.waits.note_write()
    outcome = resource_versions.moved(outcome, session.recorder.write_count)
    name = info.name or bodies.name_of(outcome.after) or bodies.name_of(prepared.body)
    named = replace(info, name=name)
    request, note = _pin_generated_name(prepared, name, outcome)
    note = " ".join(part for part in (note, _uid_note(session.overlay, request.body)) if part)
    position = session.recorder.add_write(
        RecordedWrite(
            request=request,
            info=named,
            identity=session.writer,
            before=session.redactor.redact_object(outcome.before, _of_object(named)),
            after=session.redactor.redact_object(outcome.after, _of_object(named)),
            has_preview=outcome.has_preview,
            note=note,
            depends_on=session.overlay.parents(named),
            needs=outcome.needs,
        )
    )
    if is_shown:
        _show(session.overlay, named, outcome, position)
    log.info("write_recorded", method=request.method, resource=info.qualified, has_preview=outcome.has_preview)
    hint = "" if outcome.has_preview else " (the server cannot preview this)"
    target = f"{info.resource}/{name}" if name else info.resource
    target = f"{target}/{info.subresource}" if info.subresource else target
    warning = f"recorded for approval, not yet applied: {request.method} {target}{hint}"
    return answer(call, outcome.status, outcome.reply, headers=passed_down(outcome.headers), warnings=session.remark(warning))


def _of_object(info: RequestInfo) -> RequestInfo:
    """Before and after are objects (or a list of them), whatever the request was."""
    return replace(info, verb="list" if info.verb == "deletecollection" else "get", subresource="", path=build_path(info, subresource=""))


def _pin_generated_name(prepared: Write, name: str, outcome: Rehearsed) -> tuple[ApiRequest, str]:
    """A name that the server generated in the dry run is written into the recorded request: what was shown is what will be made."""
    request = prepared.request
    if request.method != "POST" or prepared.info.name or bodies.name_of(prepared.body) or not name:
        return request, outcome.note
    body = bodies.renamed(request.content_type, request.body, name)
    if body is None:
        return request, f"{outcome.note} The name is generated anew when this is applied.".strip()
    return replace(request, body=body), outcome.note


def _uid_note(overlay: Overlay, body: bytes) -> str:
    for uid, entry in overlay.invented_uids():
        if uid.encode() in body:
            return f"Refers to {entry.title} by its uid, which it gets when this is applied: it is made by this change too."
    return ""


def _show(overlay: Overlay, info: RequestInfo, outcome: Rehearsed, position: int) -> None:
    """Lets the rest of the rehearsal see the write."""
    if info.verb == "deletecollection":
        for item in (outcome.before or {}).get("items") or ():
            one = replace(info, name=bodies.name_of(item), namespace=_namespace_of(item))
            _show_one(overlay, one, item, None, position)
    elif info.name:
        earlier = overlay.get(info)
        is_deleted = info.verb == "delete" or (earlier is not None and earlier.leaving is not None)
        left = synthesis.leaving(info, outcome.before if info.verb == "delete" else outcome.after) if is_deleted else None
        after = None if left is not None or synthesis.is_released(info, outcome.after) else outcome.after
        _show_one(overlay, info, outcome.live, after, position, leaving=left)


def _show_one(overlay: Overlay, info: RequestInfo, live: Json, after: Json, position: int, *, leaving: Json = None) -> None:
    kind = str((after or live or {}).get("kind") or "")
    now = asyncio.get_running_loop().time()
    overlay.put(Entry(Key.of(info), info.version, kind, live, after, (position,), written_at=now, leaving=leaving))


def _namespace_of(item: Json) -> str:
    return str((item.get("metadata") or {}).get("namespace") or "")
