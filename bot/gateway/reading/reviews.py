"""Reviews: POSTs that ask a question (`kubectl auth can-i`). They store nothing, and carry `dryRun=All` all the same."""

from __future__ import annotations

from aiohttp import web

from bot.gateway.protocol import bodies, media, protobuf
from bot.gateway.reading.reads import relay
from bot.gateway.rehearsal.call import Call
from bot.values.requests import ApiRequest, Identity

_WITHOUT = "tells the rights as the cluster has them now, without {} that this command writes: the answer may be another one afterwards"
_READS = frozenset({"get", "list", "watch", ""})


async def review(call: Call) -> web.StreamResponse:
    """Asks the API server. "May I" is asked as the one who would do it: writes go upstream as the writer, reads as the reader."""
    request = ApiRequest("POST", call.info.path, call.parsed.query, call.content_type, call.body, media.accept_json(call.accept))
    extra = {**call.upstream_headers(), "Accept-Encoding": "identity"}
    response = await call.session.upstream.ask(request, _asker(call), extra=extra)
    return relay(call, response, warnings=_warnings(call))


def _warnings(call: Call) -> tuple[str, ...]:
    """The cluster answers by the rights that it knows of, also where `is_quiet` leaves out what only says that nothing is applied yet:
    this answer may be wrong."""
    entries = call.session.overlay.entries() if call.info.group == "authorization.k8s.io" else []
    written = next((entry for entry in entries if entry.key.group == "rbac.authorization.k8s.io"), None)
    return (_WITHOUT.format(written.title),) if written is not None else ()


def _asker(call: Call) -> Identity | None:
    if call.info.resource != "selfsubjectaccessreviews":
        return call.session.reader
    return call.session.reader if _verb(call) in _READS else call.session.writer


def _verb(call: Call) -> str:
    """The verb that a SelfSubjectAccessReview asks about."""
    if media.essence(call.content_type) == media.PROTOBUF:
        try:
            raw = protobuf.unwrap(call.body).raw
            return protobuf.as_text(protobuf.find(raw, 2, 1, 2) or protobuf.find(raw, 2, 2, 2))
        except protobuf.WireError:
            return ""
    body = bodies.read(call.content_type, call.body)
    spec = body.get("spec") if isinstance(body, dict) else None
    for name in ("resourceAttributes", "nonResourceAttributes"):
        attributes = spec.get(name) if isinstance(spec, dict) else None
        if isinstance(attributes, dict):
            return str(attributes.get("verb") or "")
    return ""
