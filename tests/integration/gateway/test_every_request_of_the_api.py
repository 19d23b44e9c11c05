"""Every path and method that a real API server publishes gets a decision, and what is sent as a dry run is something it can dry-run."""

from __future__ import annotations

import re

import pytest

from bot.gateway.apiserver.upstream import Upstream
from bot.gateway.hiding.redaction import Redactor
from bot.gateway.protocol.decide import Kind, decide
from bot.gateway.protocol.request_info import Parsed, parse
from bot.kube.connection import connect
from bot.values.requests import ApiRequest, Json
from tests.cluster.apiserver import ApiServer

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


def _is_collection_of_custom_resources(method: str, path: str) -> bool:
    """Of these the document forgets the parameter; the server honours it (see `test_overlay`). Any test of this server may leave some."""
    group = path.split("/")[2]
    is_built_in = path.startswith("/api/") or "." not in group or group.endswith(".k8s.io")
    return method == "delete" and not path.endswith("}") and not is_built_in


def _name(document: Json, parameter: Json) -> str:
    if "$ref" in parameter:
        return str(document["parameters"][parameter["$ref"].rpartition("/")[2]]["name"])
    return str(parameter["name"])
