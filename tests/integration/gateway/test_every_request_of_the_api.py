"""Every path and method that a real API server publishes gets a decision, and what is sent as a dry run is something it can dry-run."""

from __future__ import annotations

import re

import pytest

from bot.gateway.apiserver.upstream import Upstream
from bot.gateway.hiding.redaction import Redactor
from bot.gateway.protocol.decide import Kind, decide
from bot.gateway.protocol.openapi import takes_dry_run
from bot.gateway.protocol.request_info import Parsed, parse
from bot.kube.connection import connect
from bot.values.requests import ApiRequest, Json, RequestInfo
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.far import THINGS, far_api
from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver

_EXPECTED = {
    "get": {Kind.READ, Kind.CONNECT},
    "head": {Kind.CONNECT},
    "options": {Kind.CONNECT, Kind.REFUSED},
    "post": {Kind.WRITE, Kind.REVIEW, Kind.CREDENTIAL, Kind.CONNECT},
    "put": {Kind.WRITE, Kind.CREDENTIAL, Kind.CONNECT},
    "patch": {Kind.WRITE, Kind.CREDENTIAL, Kind.CONNECT},
    "delete": {Kind.WRITE, Kind.CONNECT},
}


@pytest.fixture
async def document(seeded: ApiServer) -> Json:
    async with await connect(str(seeded.kubeconfig)) as connection:
        response = await Upstream(connection, Redactor(b"salt")).ask(ApiRequest("GET", "/openapi/v2"), None)
    return response.object


async def test_every_operation_has_a_decision_that_fits_its_method(document: Json) -> None:
    seen: dict[Kind, int] = {}
    for path, operations in document["paths"].items():
        target = re.sub(r"\{(\w+)\}", r"some-\1", path)
        for method in set(operations) & set(_EXPECTED):
            parsed = parse(method.upper(), target)

            assert isinstance(parsed, Parsed), path
            kind = decide(method.upper(), parsed.info, upgrade=False).kind
            assert kind in _EXPECTED[method], (method, path, kind)
            seen[kind] = seen.get(kind, 0) + 1

    assert seen[Kind.READ] > 400
    assert seen[Kind.WRITE] > 300
    assert seen[Kind.CONNECT] > 40
    assert seen[Kind.REVIEW] == 6
    assert seen[Kind.CREDENTIAL] == 5


async def test_whatever_is_sent_as_a_dry_run_has_the_parameter(document: Json) -> None:
    without = []
    for path, operations in document["paths"].items():
        target = re.sub(r"\{(\w+)\}", r"some-\1", path)
        for method in set(operations) & {"post", "put", "patch", "delete"}:
            parsed = parse(method.upper(), target)
            assert isinstance(parsed, Parsed)
            if decide(method.upper(), parsed.info, upgrade=False).kind is Kind.WRITE:
                parameters = [*operations[method].get("parameters", ()), *operations.get("parameters", ())]
                names = {_name(document, parameter) for parameter in parameters}
                if "dryRun" not in names:
                    without.append((method, path))

    assert ("delete", "/apis/example.com/v1/namespaces/{namespace}/widgets") in without
    assert not [(method, path) for method, path in without if not _is_collection_of_custom_resources(method, path)]


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_READS = ("get", "list", "watch")


async def test_every_method_on_every_path_is_decided_and_what_nobody_publishes_goes_nowhere_as_a_write(document: Json) -> None:
    """The table's other cells: a method that a path does not have is refused, or is sent as a dry run and answered 405 by the server."""
    unpublished: dict[Kind, int] = {}
    for path, operations in document["paths"].items():
        target = re.sub(r"\{(\w+)\}", r"some-\1", path)
        for method in _METHODS:
            parsed = parse(method, target)
            assert isinstance(parsed, Parsed), (method, path)
            decision = decide(method, parsed.info, upgrade=False)
            if decision.kind is Kind.REFUSED:
                assert decision.status in (400, 403, 405), (method, path)
                assert decision.reason.endswith("."), (method, path)
            if method in ("OPTIONS", "TRACE"):
                assert decision.kind is Kind.REFUSED, (method, path)
            if decision.kind is Kind.READ:
                assert method in ("GET", "HEAD"), (method, path)
                assert not parsed.info.is_resource or parsed.info.verb in _READS, (method, path)
            if decision.kind in (Kind.WRITE, Kind.CREDENTIAL):
                assert method in ("POST", "PUT", "PATCH", "DELETE"), (method, path)
                assert parsed.info.is_resource, (method, path)
            if method.lower() not in operations:
                unpublished[decision.kind] = unpublished.get(decision.kind, 0) + 1

    assert unpublished[Kind.REFUSED] > 1000


async def test_operations_with_and_without_a_preview_are_told_apart_by_what_the_server_publishes(seeded: ApiServer) -> None:
    """Asked of the code that decides it, with the documents of OpenAPI v3 that it reads."""
    async with await connect(str(seeded.kubeconfig)) as connection:
        upstream = Upstream(connection, Redactor(b"salt"))
        index = (await upstream.ask(ApiRequest("GET", "/openapi/v3"), None)).object["paths"]
        names = [
            name
            for name in index
            if name.split("/")[0] in ("api", "apis") and len(name.split("/")) == (2 if name.startswith("api/") else 3)
        ]
        asked, lacking = 0, []
        for name in names:
            document = (await upstream.ask(ApiRequest("GET", f"/openapi/v3/{name}"), None)).object
            for path, operations in (document or {}).get("paths", {}).items():
                for method in sorted({"post", "put", "patch", "delete"} & set(operations)):
                    parsed = parse(method.upper(), re.sub(r"\{(\w+)\}", r"some-\1", path))
                    assert isinstance(parsed, Parsed)
                    if decide(method.upper(), parsed.info, upgrade=False).kind is not Kind.WRITE:
                        continue
                    asked += 1
                    takes = takes_dry_run(document, method, parsed.info)
                    assert takes is not None, f"{method} {path} is published, and is not found"
                    if not takes:
                        lacking.append((method, path))
        info = _info("DELETE", "/apis/example.com/v1/namespaces/shop/widgets")
        assert not await upstream.schemas.lacks_dry_run("DELETE", info, None)

    assert asked > 300
    assert lacking == []


async def test_operations_of_an_aggregated_api_are_without_a_preview(lab: Lab) -> None:
    async with far_api(lab), await connect(str(lab.server.kubeconfig)) as connection:
        aggregation = Upstream(connection, Redactor(b"salt")).aggregation
        remote = {path: await aggregation.is_remote(_info("PATCH", path), None, is_about_to_send=True) for path in _SERVED_BY}

    assert remote == _SERVED_BY


_SERVED_BY = {
    f"{THINGS}/a": True,
    "/apis/example.com/v1/namespaces/shop/widgets/w1": False,
    "/apis/apps/v1/namespaces/shop/deployments/web": False,
    "/api/v1/namespaces/shop/configmaps/settings": False,
}
"""Whether another server stands behind it."""


def _info(method: str, path: str) -> RequestInfo:
    parsed = parse(method, path)
    assert isinstance(parsed, Parsed)
    return parsed.info


def _is_collection_of_custom_resources(method: str, path: str) -> bool:
    """Of these the document forgets the parameter; the server honours it (see `test_overlay`). Any test of this server may leave some."""
    group = path.split("/")[2]
    is_built_in = path.startswith("/api/") or "." not in group or group.endswith(".k8s.io")
    return method == "delete" and not path.endswith("}") and not is_built_in


def _name(document: Json, parameter: Json) -> str:
    if "$ref" in parameter:
        return str(document["parameters"][parameter["$ref"].rpartition("/")[2]]["name"])
    return str(parameter["name"])
