"""Tables and metadata-only forms of rehearsed objects: what `kubectl get` prints right after `kubectl scale`."""

from __future__ import annotations

from dataclasses import replace

import orjson

from bot.gateway.apiserver.outcomes import UpstreamFailedError
from bot.gateway.hiding.columns import INCLUDE, Printed, metadata_only, printed_by
from bot.gateway.protocol import media
from bot.gateway.protocol.request_info import Query, build_path
from bot.gateway.rehearsal.call import Call
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.gateway.rehearsal.planned import no_dry_run
from bot.gateway.rehearsal.previewing import create_under_another_name, preview, without_server_set
from bot.gateway.rehearsal.session import Session
from bot.values.requests import ApiRequest, Json, RequestInfo

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


async def table_of(call: Call, entry: Entry) -> Json:
    """The rehearsed object as a Table of one row, printed by the API server where it can. Raises UpstreamFailedError."""
    info = replace(call.info, name=entry.key.name, namespace=entry.key.namespace or call.info.namespace, subresource="")
    is_whole = call.prints_custom or call.parameter(INCLUDE) == "Object"
    query = ((INCLUDE, "Object" if is_whole else "Metadata"),)
    session = call.session
    response = await preview(session, info, entry, entry.current, query=query, accept=_TABLE)
    if response is None and (printed := await _print_elsewhere(session, info, entry, query)) is not None:
        return printed
    if response is not None and response.is_success and is_table(response.object):
        return response.object
    if response is not None and response.is_unanswered and not no_dry_run(response):
        raise UpstreamFailedError(response)
    if entry.live is not None and not entry.is_new:
        request = ApiRequest("GET", build_path(info), query, accept=_TABLE)
        response = await session.upstream.look_up(request, session.reader)
        if response.is_success and is_table(response.object):
            return response.object
    return _plain_table(entry)


async def _print_elsewhere(session: Session, info: RequestInfo, entry: Entry, query: Query) -> Json:
    """The Table of an object whose namespace only the rehearsal has, from a dry run in one that the cluster has; None if there is none
    that takes it."""
    overlay = session.overlay
    if entry.current is None or not info.namespace or overlay.definition_of(info) is not None:
        return None
    request = ApiRequest("POST", "", query, media.JSON, orjson.dumps(without_server_set(entry.current)), _TABLE)
    for namespace in dict.fromkeys((session.namespace, "default")):
        if not namespace or overlay.hides_live(replace(info, namespace=namespace)):
            continue
        response = await create_under_another_name(session, info, request, namespace=namespace)
        if response.is_success and is_table(response.object):
            rows = [{**row, "object": _moved(row.get("object"), info.namespace)} for row in response.object.get("rows") or ()]
            return {**response.object, "rows": rows}
    return None


def _moved(item: Json, namespace: str) -> Json:
    """The object of a row, in this namespace."""
    return {**item, "metadata": {**(item.get("metadata") or {}), "namespace": namespace}} if isinstance(item, dict) else item


async def printed_of(call: Call) -> Printed | None:
    """What the columns of the call's kind print, by its CRD; None where nobody says: no CRD, or no right to read it. Raises
    UpstreamFailedError."""
    info, session = call.info, call.session
    definition = session.overlay.definition_of(info)
    if definition is not None:
        return printed_by(definition.crd, info.version)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{info.resource}.{info.group}"
    response = await session.upstream.look_up(ApiRequest("GET", path), session.reader)
    return printed_by(response.object, info.version) if response.is_success and isinstance(response.object, dict) else None


def is_table(item: Json) -> bool:
    return isinstance(item, dict) and item.get("kind") == "Table"


def row_key(info: RequestInfo, row: Json) -> Key:
    """Which object a row of a Table shows."""
    return object_key(info, row.get("object") or {})


def object_key(info: RequestInfo, item: Json) -> Key:
    """Which object an item of a list is."""
    metadata = item.get("metadata") or {}
    namespace = "" if info.resource == "namespaces" else metadata.get("namespace") or ""
    return Key(info.group, info.resource, namespace, metadata.get("name") or "")


def fit(columns: Json, table: Json) -> Json:
    """The rows of `table` with one cell for each of these columns, by their names: another server may print other columns."""
    own = [column.get("name") for column in table.get("columnDefinitions") or ()]
    wanted = [column.get("name") for column in columns or ()]
    if not wanted or own == wanted:
        return table.get("rows") or []
    rows = []
    for row in table.get("rows") or ():
        cells = dict(zip(own, row.get("cells") or (), strict=False))
        rows.append({**row, "cells": [cells.get(name, "<unknown>") for name in wanted]})
    return rows


def _plain_table(entry: Entry) -> Json:
    columns = [
        {"name": "Name", "type": "string", "format": "name", "description": "Name", "priority": 0},
        {"name": "Age", "type": "string", "format": "", "description": "Age", "priority": 0},
    ]
    row = {"cells": [entry.key.name, "0s"], "object": metadata_only(entry.current)}
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": [row]}
