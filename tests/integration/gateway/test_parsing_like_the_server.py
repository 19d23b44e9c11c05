"""What a request means to the gateway is what it means to the API server, which writes its own reading into the audit log."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from bot.gateway.protocol.request_info import Malformed, Parsed, parse
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.audit import mark, since
from tests.integration.gateway.odd_requests import QUERIES, paths

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(300)]

_TARGETS = st.tuples(st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), paths(), QUERIES)
_KNOWN = [
    ("GET", "/api/v1/watch/namespaces/shop/configmaps/settings", ""),
    ("GET", "/api/v1/watch/namespaces/shop", ""),
    ("GET", "/apis/apps/v1/watch/deployments", ""),
    ("DELETE", "/api/v1/namespaces/shop/configmaps/", ""),
    ("DELETE", "/api/v1/namespaces", ""),
    ("PUT", "/api/v1/namespaces/shop/finalize", ""),
    ("POST", "/api/v1/namespaces/shop/status/x", ""),
    ("GET", "/api/v1/namespaces/shop/pods", "fieldSelector=metadata.name%3Dp1&watch=0"),
    ("GET", "/api/v1/watch/namespaces/shop/pods", "fieldSelector=metadata.name%3Dp1"),
    ("POST", "/apis/batch/v1/watch/namespaces/shop/cronjobs", "fieldSelector=metadata.name%3Dtick"),
    ("GET", "/api/v1/namespaces/shop/pods", "fieldSelector=metadata.name%3Dp1&limit=x"),
    ("GET", "/api/v1/namespaces/shop/pods", "fieldSelector=metadata.name%3Dp1&limit="),
    ("GET", "/api/v1/namespaces/shop/pods", "fieldSelector=metadata.name%3Dp1&timeoutSeconds=1s"),
    ("GET", "/api/v1/namespaces/shop/pods", "fieldSelector=metadata.name%3Dp1&labelSelector=a%3D%3D%3Db"),
    ("GET", "/api/v1/namespaces/shop/pods", "fieldSelector=metadata.name%3D.."),
    ("GET", "/api/v1/namespaces/shop/pods", "fieldSelector=metadata.name%3Dp1&resourceVersionMatch=x&sendInitialEvents=x"),
    ("GET", "/api/v1/namespaces/shop/pods", "fieldSelector=metadata.name%3Dp1,status.phase"),
    ("GET", "/api/v1/namespaces/shop/pods", "watch"),
    ("GET", "/api/v1/namespaces/shop/pods/p1", "watch=true"),
    ("GET", "/api/v1/proxy/nodes/n1/x", ""),
    ("GET", "/apis/apps/v1", ""),
    ("GET", "/apis/apps", ""),
    ("GET", "/api", ""),
]


@pytest.fixture
def connection(seeded: ApiServer) -> Iterator[http.client.HTTPSConnection]:
    """To the server itself, without a credential."""
    tls = ssl.create_default_context(cafile=str(seeded.authority))
    opened = http.client.HTTPSConnection(seeded.server.removeprefix("https://"), context=tls, timeout=30)
    yield opened
    opened.close()


def test_a_request_means_to_the_gateway_what_it_means_to_the_server(seeded: ApiServer, connection: http.client.HTTPSConnection) -> None:
    """The requests go straight to the server and have no credential: it reads them, writes down how, and refuses them."""
    counts = {"same": 0, "malformed": 0}

    @settings(max_examples=60, phases=(Phase.explicit, Phase.generate), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @example(batch=_KNOWN)
    @given(batch=st.lists(_TARGETS, min_size=10, max_size=40))
    def compare(batch: list[tuple[str, str, str]]) -> None:
        begin = mark(seeded)
        expected = {}
        for number, (method, path, query) in enumerate(batch):
            target = f"{path}?{f'{query}&' if query else ''}number={number}"
            parsed = parse(method, target)
            if isinstance(parsed, Malformed):
                counts["malformed"] += 1  # never forwarded
                continue
            expected[str(number)] = (method, target, parsed)
            connection.request(method, target)
            connection.getresponse().read()

        for entry in since(seeded, begin):
            number = dict(parse_qsl(urlsplit(entry["requestURI"]).query, keep_blank_values=True)).get("number", "")
            if number in expected:
                method, target, parsed = expected.pop(number)
                assert _as_read(entry) == _meaning(parsed), (method, target)
                counts["same"] += 1
        assert not expected, "the server did not write these down"

    compare()

    assert counts["same"] > 500
    assert counts["malformed"] > 50


def _meaning(parsed: Parsed) -> tuple[str, ...]:
    info = parsed.info
    return (info.verb, info.group, info.version, info.resource, info.subresource, info.namespace, info.name)


def _as_read(entry: dict[str, dict[str, str]]) -> tuple[str, ...]:
    read = entry.get("objectRef") or {}
    names = ("apiGroup", "apiVersion", "resource", "subresource", "namespace", "name")
    return (str(entry["verb"]), *(read.get(name, "") for name in names))
