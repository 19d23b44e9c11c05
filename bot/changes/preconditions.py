"""Ties a recorded write to the object it was shown against: it lands on that version or not at all. Pure.

Measured on a real API server: a stale `metadata.resourceVersion` gets 409 in merge, strategic and apply patches, in PUT and on the scale
subresource; in a JSON patch it must be set by `replace` (a failed `test` is a 422); DELETE takes `preconditions` in its DeleteOptions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from bot.changes import bodies
from bot.values.requests import ApiRequest, Json, RecordedWrite

_VERSION_PATH = "/metadata/resourceVersion"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def with_precondition(write: RecordedWrite, live: Json) -> tuple[ApiRequest, str]:
    """The request as it is sent, and what it was tied to: a resourceVersion, `uid/resourceVersion` for deletes, `uid/` for evictions.

    '' where nothing can be or need be tied: creates, collections, bodies in protobuf, applies that the server keeps a copy of. A
    resourceVersion that the request brought along is replaced: it is the one its rehearsal saw, and the caller has compared what has
    become of the object since.
    """
    request, metadata = write.request, bodies.metadata(live)
    version, uid = str(metadata.get("resourceVersion") or ""), str(metadata.get("uid") or "")
    if write.info.verb == "deletecollection" or not version:
        return request, ""
    if request.method == "DELETE":
        return _delete(request, uid, version)
    if write.info.subresource == "eviction":
        return _evict(request, uid)
    if request.method == "PATCH":
        return (request, "") if _is_copied(request, metadata) else _patch(request, version)
    if request.method == "PUT":
        return _put(write, uid, version)
    return request, ""


def _delete(request: ApiRequest, uid: str, version: str) -> tuple[ApiRequest, str]:
    options = bodies.as_object(request)
    if options is None:
        if request.body:
            return request, ""
        # With a body the server no longer looks at the query: what was asked there moves along.
        options = {"kind": "DeleteOptions", "apiVersion": "v1", **_options_of_query(request)}
    options = {**options, "preconditions": {"uid": uid, "resourceVersion": version}}
    return _with_body(request, options, "application/json"), f"{uid}/{version}"


def _options_of_query(request: ApiRequest) -> dict[str, Json]:
    options: dict[str, Json] = {}
    for name, value in request.query:
        if name == "gracePeriodSeconds" and value.lstrip("-").isdecimal():
            options[name] = int(value)
        elif name == "propagationPolicy":
            options[name] = value
        elif name == "orphanDependents":
            options[name] = value.lower() in ("true", "1")
    return options


def _evict(request: ApiRequest, uid: str) -> tuple[ApiRequest, str]:
    """By uid alone: a pod's status changes all the time, and what is evicted is the pod, whatever its status."""
    eviction = bodies.as_object(request)
    if eviction is None:
        return request, ""
    options = eviction.get("deleteOptions")
    options = {**(options if isinstance(options, dict) else {}), "preconditions": {"uid": uid}}
    return _with_body(request, {**eviction, "deleteOptions": options}, request.content_type), f"{uid}/"


def _is_copied(request: ApiRequest, metadata: dict[str, Any]) -> bool:
    """Whether the API server copies the applied object, with any resourceVersion in it, into the annotation of client-side applies:
    it does so for the manager `kubectl` where there is one. The next `kubectl apply` would ask for that version to be removed."""
    is_kubectl = bodies.kind_of(request) == bodies.APPLY_PATCH and ("fieldManager", "kubectl") in request.query
    return is_kubectl and _LAST_APPLIED in (metadata.get("annotations") or {})


def _patch(request: ApiRequest, version: str) -> tuple[ApiRequest, str]:
    patch = bodies.as_json(request)
    if bodies.kind_of(request) == bodies.JSON_PATCH:
        if not isinstance(patch, list):
            return request, ""
        kept = [operation for operation in patch if not (isinstance(operation, dict) and operation.get("path") == _VERSION_PATH)]
        return _with_body(request, [*kept, {"op": "replace", "path": _VERSION_PATH, "value": version}], request.content_type), version
    if not isinstance(patch, dict):
        return request, ""
    return _with_body(request, _with_metadata(patch, resourceVersion=version), request.content_type), version


def _put(write: RecordedWrite, uid: str, version: str) -> tuple[ApiRequest, str]:
    item = bodies.as_object(write.request)
    if item is None:
        return write.request, ""
    fresh = {"resourceVersion": version}
    if write.depends_on and bodies.metadata(item).get("uid"):
        fresh["uid"] = uid  # the rehearsal made the object: its uid there was invented
    return _with_body(write.request, _with_metadata(item, **fresh), write.request.content_type), version


def _with_metadata(item: dict[str, Any], **fields: str) -> dict[str, Any]:
    return {**item, "metadata": {**bodies.metadata(item), **fields}}


def _with_body(request: ApiRequest, body: Json, content_type: str) -> ApiRequest:
    return replace(request, body=orjson.dumps(body), content_type=content_type)  # JSON is YAML too
