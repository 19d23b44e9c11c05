"""Every request has exactly one way to go."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.gateway.protocol.decide import Kind, decide
from bot.gateway.protocol.request_info import Parsed, parse

POD = "/api/v1/namespaces/shop/pods/p1"
CASES = [
    ("GET", "/version", Kind.READ),
    ("POST", "/version", Kind.REFUSED),
    ("PUT", "/debug/flags/v", Kind.REFUSED),
    ("GET", POD, Kind.READ),
    ("HEAD", POD, Kind.READ),
    ("GET", f"{POD}/log", Kind.READ),
    ("GET", "/api/v1/watch/pods", Kind.READ),
    ("POST", "/api/v1/watch/pods", Kind.REFUSED),
    ("DELETE", "/api/v1/watch/namespaces/shop/pods/p1", Kind.REFUSED),
    ("DELETE", POD, Kind.WRITE),
    ("DELETE", "/api/v1/namespaces/shop/pods", Kind.WRITE),
    ("POST", "/api/v1/namespaces/shop/pods", Kind.WRITE),
    ("POST", POD, Kind.REFUSED),
    ("PUT", "/api/v1/namespaces/shop/pods", Kind.REFUSED),
    ("PATCH", "/api/v1/namespaces/shop/pods", Kind.REFUSED),
    ("POST", f"{POD}/eviction", Kind.WRITE),
    ("POST", f"{POD}/binding", Kind.WRITE),
    ("PATCH", f"{POD}/ephemeralcontainers", Kind.WRITE),
    *[(method, f"{POD}/{sub}", Kind.CONNECT) for method in ("GET", "POST") for sub in ("exec", "attach", "portforward", "proxy")],
    *[(method, "/api/v1/nodes/n1/proxy/run", Kind.CONNECT) for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD")],
    *[(method, "/api/v1/nodes/n1/proxy/stats/summary", Kind.READ) for method in ("GET", "HEAD")],
    ("GET", "/api/v1/nodes/n1/proxy/metrics/cadvisor", Kind.READ),
    *[(method, "/api/v1/nodes/n1/proxy/stats/summary", Kind.CONNECT) for method in ("POST", "PUT", "DELETE", "PATCH")],
    *[
        ("GET", f"/api/v1/nodes/{path}", Kind.CONNECT)
        for path in ("n1/proxy", "n1/proxy/logs", "n1/proxy/metrics/x", "n1:80/proxy/metrics")
    ],
    ("GET", "/api/v1/proxy/nodes/n1/stats/summary", Kind.CONNECT),
    ("GET", "/api/v1/namespaces/shop/services/web/proxy", Kind.CONNECT),
    ("GET", "/api/v1/proxy/nodes/n1", Kind.CONNECT),
    ("DELETE", "/api/v1/proxy/namespaces/shop/pods/p1", Kind.CONNECT),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", Kind.REVIEW),
    ("POST", "/apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews", Kind.REVIEW),
    ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", Kind.REVIEW),
    ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", Kind.REVIEW),
    ("POST", "/apis/example.com/v1/selfsubjectaccessreviews", Kind.WRITE),
    ("DELETE", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", Kind.WRITE),
    ("POST", "/api/v1/namespaces/shop/serviceaccounts/robot/token", Kind.CREDENTIAL),
    ("PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval", Kind.CREDENTIAL),
    ("PATCH", "/apis/certificates.k8s.io/v1/certificatesigningrequests/x/status", Kind.CREDENTIAL),
    ("POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests", Kind.WRITE),
    ("OPTIONS", POD, Kind.REFUSED),
    ("get", POD, Kind.REFUSED),
    ("TRACE", POD, Kind.REFUSED),
]


@pytest.mark.parametrize(("method", "target", "kind"), CASES)
def test_a_request_is_decided_on(method: str, target: str, kind: Kind) -> None:
    parsed = parse(method, target)

    assert isinstance(parsed, Parsed)
    assert decide(method, parsed.info, upgrade=False).kind is kind


@pytest.mark.parametrize("target", [POD, "/api/v1/pods?watch=1", "/version"])
def test_an_upgrade_of_what_is_not_a_stream_is_refused(target: str) -> None:
    parsed = parse("GET", target)

    assert isinstance(parsed, Parsed)
    assert decide("GET", parsed.info, upgrade=True).kind is Kind.REFUSED


_PARTS = st.sampled_from(
    [
        "api",
        "apis",
        "v1",
        "apps",
        "namespaces",
        "shop",
        "pods",
        "p1",
        "exec",
        "token",
        "serviceaccounts",
        "watch",
        "proxy",
        "status",
        "scale",
        "nodes",
    ]
)


@example("GET", ["api", "v1", "things", "a", "exec"], False)
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "LINK", "get", ""]),
    st.lists(_PARTS, max_size=9),
    st.booleans(),
)
def test_only_gets_and_reviews_pass_as_reads(method: str, parts: list[str], upgrade: bool) -> None:
    parsed = parse(method, "/" + "/".join(parts))
    if not isinstance(parsed, Parsed):
        return

    decision = decide(method, parsed.info, upgrade=upgrade)

    if decision.kind is Kind.READ:
        assert method in ("GET", "HEAD")
        assert not upgrade
        assert not {"exec", "attach", "portforward", "proxy"} & {parsed.info.subresource, parsed.info.verb}
    if decision.kind in (Kind.WRITE, Kind.CREDENTIAL):
        assert method in ("POST", "PUT", "PATCH", "DELETE")
        assert parsed.info.is_resource
    if decision.kind is Kind.REFUSED:
        assert decision.status >= 400
        assert decision.reason
