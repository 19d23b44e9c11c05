"""Has the API server look at an object that a rehearsal made: defaulted, validated, admitted, and in any form it can print."""

from __future__ import annotations

import secrets
from dataclasses import replace

import orjson

from bot.gateway.protocol import bodies, media, status
from bot.gateway.protocol.patches import merge_between
from bot.gateway.protocol.request_info import Query, build_path
from bot.gateway.protocol.subresources import debuggers, with_debuggers
from bot.gateway.rehearsal import synthesis
from bot.gateway.rehearsal.overlay import Entry
from bot.gateway.rehearsal.session import Session
from bot.values.requests import ApiRequest, ApiResponse, Json, RequestInfo

_SERVER_SET = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", *synthesis.DELETION_MARKS)

_JOB_LABELS = frozenset({"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"})


async def preview(
    session: Session, info: RequestInfo, entry: Entry, target: Json, *, query: Query = (), accept: str = media.JSON
) -> ApiResponse | None:
    """The API server's dry run of turning what the cluster has into `target`; None where it cannot be asked, because the namespace
    or the kind exists only in the rehearsal. `info` names the object, without subresource."""
    if session.overlay.hides_live(info) or session.overlay.definition_of(info) is not None:
        return None
    if not entry.is_new and entry.live is not None:
        target = with_debuggers(target, debuggers(entry.live)) if info.resource == "pods" and info.group == "" else target
        patch = orjson.dumps(merge_between(comparable(entry.live), comparable(target)))
        request = ApiRequest("PATCH", build_path(info, subresource=""), query, media.MERGE_PATCH, patch, accept)
        return await session.upstream.ask(request, session.writer)
    if entry.live is None:
        return await _create(session, info, target, query=query, accept=accept)
    request = ApiRequest("POST", "", query, media.JSON, orjson.dumps(without_server_set(target)), accept)
    response = await create_under_another_name(session, info, request)
    if _lacks_address(response):
        body = orjson.dumps(without_server_set(_without_addresses(target)))
        response = await create_under_another_name(session, info, replace(request, body=body))
    return response


async def _create(session: Session, info: RequestInfo, target: Json, *, query: Query, accept: str) -> ApiResponse:
    body = orjson.dumps(without_server_set(target))
    request = ApiRequest("POST", build_path(info, subresource="", name=""), query, media.JSON, body, accept)
    response = await session.upstream.ask(request, session.writer)
    if _lacks_address(response):
        body = orjson.dumps(without_server_set(_without_addresses(target)))
        response = await session.upstream.ask(replace(request, body=body), session.writer)
    return response


async def create_under_another_name(session: Session, info: RequestInfo, request: ApiRequest, *, namespace: str = "") -> ApiResponse:
    """The dry run of a create whose name is still taken in the cluster, by an object that the rehearsal deleted (or, with `namespace`,
    whose own namespace is not there yet): done under another name, with the right one put back in the answer."""
    stand_in = f"{info.name[:40].rstrip('-.')}-{secrets.token_hex(5)}"
    body = bodies.renamed(request.content_type, request.body, stand_in, namespace)
    if body is None:
        message = "The body is not a Kubernetes object with metadata."
        return ApiResponse(400, {"Content-Type": media.JSON}, b"", status.failure(400, message, info))
    place = replace(info, namespace=namespace) if namespace else info
    query = tuple(pair for pair in request.query if pair[0] != "force")
    path = build_path(place, subresource="", name="")
    response = await session.upstream.ask(ApiRequest("POST", path, query, request.content_type, body, request.accept), session.writer)
    restored = response.body.replace(stand_in.encode(), orjson.dumps(info.name)[1:-1])
    return replace(response, body=restored, object=orjson.loads(restored) if response.object is not None else None)


def _lacks_address(response: ApiResponse) -> bool:
    return response.status == 422 and "failed to allocate IP" in response.message


def comparable(item: Json) -> Json:
    """The object without what only the server writes, so that a patch between two of them asks for nothing it would ignore or refuse."""
    metadata = {key: value for key, value in (item.get("metadata") or {}).items() if key not in _SERVER_SET}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}


def _without_addresses(service: Json) -> Json:
    """The Service without cluster addresses: those that a dry run answers with are placeholders, which a second one does not take."""
    spec = {key: value for key, value in service["spec"].items() if key not in ("clusterIP", "clusterIPs")}
    return {**service, "spec": spec}


def without_server_set(item: Json) -> Json:
    """The object as it can be created anew."""
    metadata = {key: value for key, value in (item.get("metadata") or {}).items() if key not in _SERVER_SET}
    whole = {**item, "metadata": metadata}
    return _without_selector(whole) if item.get("kind") == "Job" and isinstance(item.get("spec"), dict) else whole


def _without_selector(job: Json) -> Json:
    """The Job without the selector that the server makes of its uid, and takes from nobody else."""
    spec = job["spec"]
    if spec.get("manualSelector") or not isinstance(spec.get("template"), dict):
        return job
    template = spec["template"]
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in _JOB_LABELS}
    kept = {key: value for key, value in spec.items() if key != "selector"}
    return {**job, "spec": {**kept, "template": {**template, "metadata": {**metadata, "labels": labels}}}}
