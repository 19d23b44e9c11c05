"""The one place that decides whether a request to the API server persists. Pure.

`force` is applied to every write that leaves during a rehearsal, whoever asked for what; `strip` to what is recorded for the replay.
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from bot.gateway.protocol import delete_options, media, protobuf
from bot.values.requests import ApiRequest, RequestInfo

SAFE_METHODS = frozenset({"GET", "HEAD"})


def force(request: ApiRequest) -> ApiRequest | None:
    """The request with exactly one `dryRun=All` in its query, and in its DeleteOptions if it is a DELETE with a body.
    None if its DeleteOptions cannot be read: then there is no safe form of it."""
    if request.method in SAFE_METHODS:
        return request
    query = (*_without_dry_run(request.query), ("dryRun", "All"))
    if request.method != "DELETE" or not request.body:
        return replace(request, query=query)
    options = delete_options.decode(request.content_type, request.body)
    if options is None:
        return None
    return replace(request, query=query, content_type=media.JSON, body=delete_options.encode(options, dry_run=True))


def strip(request: ApiRequest) -> ApiRequest | None:
    """The request as it is replayed: no `dryRun` anywhere, DeleteOptions as JSON. None if its DeleteOptions cannot be read."""
    query = _without_dry_run(request.query)
    if request.method != "DELETE" or not request.body:
        return replace(request, query=query)
    options = delete_options.decode(request.content_type, request.body)
    if options is None:
        return None
    return replace(request, query=query, content_type=media.JSON, body=delete_options.encode(options, dry_run=False))


def is_own(request: ApiRequest, info: RequestInfo) -> bool:
    """Whether the API server itself would have treated the client's request as a dry run, so that there is nothing to record.

    In doubt the answer is no: a DELETE with a body counts only its body, and odd or mixed `dryRun` values count as none.
    """
    in_query = {value for name, value in request.query if name == "dryRun"} == {"All"}
    if request.method == "DELETE" and request.body:
        options = delete_options.decode(request.content_type, request.body)
        return options is not None and delete_options.is_dry_run(options)
    if info.subresource == "eviction" and not in_query:
        return _is_dry_eviction(request)
    return in_query


def _is_dry_eviction(request: ApiRequest) -> bool:
    """`kubectl drain --dry-run=server` says it in the Eviction's `deleteOptions`, not in the query."""
    kind = media.essence(request.content_type)
    try:
        if kind == media.PROTOBUF:
            return protobuf.find(protobuf.unwrap(request.body).raw, 2, 5) == b"All"
        eviction = orjson.loads(request.body)
        return bool(delete_options.is_dry_run(eviction["deleteOptions"]))
    except (protobuf.WireError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return False


def _without_dry_run(query: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in query if pair[0].lower() != "dryrun")
