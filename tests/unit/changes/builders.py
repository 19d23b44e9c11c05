"""Writes as the gateway records them, against the API server in memory."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

from bot.changes import propose
from bot.changes.ports import NewChange
from bot.settings import ChangeSettings
from bot.values.requests import ApiRequest, RecordedWrite, Recording, RequestInfo
from tests.unit.changes.cluster import FakeCluster

RULES = ChangeSettings(approvers=("U2", "S1"))
NOW = 1000.0
JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
GROUPS = {"deployments": "apps", "jobs": "batch"}


def path_of(resource: str, name: str = "", subresource: str = "") -> str:
    group = GROUPS.get(resource, "")
    root = f"/apis/{group}/v1" if group else "/api/v1"
    return "/".join(part for part in (f"{root}/namespaces/shop/{resource}", name, subresource) if part)


def info(verb: str, resource: str, name: str = "", subresource: str = "") -> RequestInfo:
    return RequestInfo(
        verb, True, path_of(resource, name, subresource), GROUPS.get(resource, ""), "v1", resource, subresource, "shop", name
    )


def write(
    verb: str,
    resource: str,
    name: str = "",
    body: Any = None,
    *,
    kind: str = MERGE,
    subresource: str = "",
    query: tuple[tuple[str, str], ...] = (),
    before: Any = None,
    after: Any = None,
    **more: Any,
) -> RecordedWrite:
    """A recorded write; `verb` is the API server's (`patch`, `update`, `create`, `delete`, `deletecollection`)."""
    method = {"patch": "PATCH", "update": "PUT", "create": "POST"}.get(verb, "DELETE")
    in_path = name if verb != "create" or subresource else ""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    request = ApiRequest(method, path_of(resource, in_path, subresource), query, kind if data else "", data)
    return RecordedWrite(request, info(verb, resource, name, subresource), None, copy.deepcopy(before), copy.deepcopy(after), **more)


async def rehearse(cluster: FakeCluster, written: RecordedWrite) -> RecordedWrite:
    """The write with before and after as the cluster has them now."""
    path = written.request.path.removesuffix(f"/{written.info.subresource}") if written.info.subresource else written.request.path
    before = None
    if written.info.verb != "create" or written.info.subresource:
        before = (await cluster.send(ApiRequest("GET", path), None, dry_run=False)).object
        before = None if before.get("kind") == "Status" else before
    after = (await cluster.send(written.request, None, dry_run=True)).object
    is_removal = written.request.method == "DELETE"
    name = written.info.name or after.get("metadata", {}).get("name", "")
    named = info(written.info.verb, written.info.resource, name, written.info.subresource)
    return RecordedWrite(
        written.request, named, written.identity, before, None if is_removal else after, depends_on=written.depends_on, note=written.note
    )


def change_of(writes: Sequence[RecordedWrite], *, now: float = NOW) -> NewChange:
    return propose.build(
        Recording(tuple(writes)),
        thread_id="T1:C1:100.1",
        call_id="call-1",
        turn=1,
        cluster="prod",
        command="kubectl …",
        asked_by="U1",
        settings=RULES,
        now=now,
    )


def deployment(replicas: int = 3, image: str = "nginx:1", **metadata: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "web", "image": image}]}}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas, "template": template}}
