"""Requests are understood as the API server understands them; what is not understood is not forwarded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.protocol.request_info import Malformed, Parsed, build_path, parse

CASES = [
    ("GET", "/api/v1/pods", "list", "", "v1", "pods", "", "", ""),
    ("GET", "/api/v1/namespaces", "list", "", "v1", "namespaces", "", "", ""),
    ("GET", "/api/v1/namespaces/shop", "get", "", "v1", "namespaces", "", "shop", "shop"),
    ("DELETE", "/api/v1/namespaces/shop", "delete", "", "v1", "namespaces", "", "shop", "shop"),
    ("PUT", "/api/v1/namespaces/shop/status", "update", "", "v1", "namespaces", "status", "shop", "shop"),
    ("PUT", "/api/v1/namespaces/shop/finalize", "update", "", "v1", "namespaces", "finalize", "shop", "shop"),
    ("GET", "/api/v1/namespaces/shop/pods", "list", "", "v1", "pods", "", "shop", ""),
    ("POST", "/api/v1/namespaces/shop/pods", "create", "", "v1", "pods", "", "shop", ""),
    ("DELETE", "/api/v1/namespaces/shop/pods", "deletecollection", "", "v1", "pods", "", "shop", ""),
    ("GET", "/api/v1/namespaces/shop/pods/p1", "get", "", "v1", "pods", "", "shop", "p1"),
    ("HEAD", "/api/v1/namespaces/shop/pods/p1", "get", "", "v1", "pods", "", "shop", "p1"),
    ("GET", "/api/v1/namespaces/shop/pods/p1/", "get", "", "v1", "pods", "", "shop", "p1"),
    ("GET", "/api/v1/namespaces/shop/pods/%701", "get", "", "v1", "pods", "", "shop", "p1"),
    ("GET", "/api/v1/namespaces/shop/pods/p1/log", "get", "", "v1", "pods", "log", "shop", "p1"),
    ("POST", "/api/v1/namespaces/shop/pods/p1/exec", "create", "", "v1", "pods", "exec", "shop", "p1"),
    ("GET", "/api/v1/namespaces/shop/pods/p1/proxy/a/b", "get", "", "v1", "pods", "proxy", "shop", "p1"),
    ("POST", "/api/v1/namespaces/shop/pods/p1/eviction", "create", "", "v1", "pods", "eviction", "shop", "p1"),
    ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web", "patch", "apps", "v1", "deployments", "", "shop", "web"),
    ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web/scale", "patch", "apps", "v1", "deployments", "scale", "shop", "web"),
    ("GET", "/apis/apps/v1/deployments?watch", "watch", "apps", "v1", "deployments", "", "", ""),
    ("GET", "/apis/apps/v1/deployments?watch=true", "watch", "apps", "v1", "deployments", "", "", ""),
    ("GET", "/apis/apps/v1/deployments?watch=1&watch=0", "watch", "apps", "v1", "deployments", "", "", ""),
    ("GET", "/apis/apps/v1/deployments?watch=false", "list", "apps", "v1", "deployments", "", "", ""),
    ("GET", "/apis/apps/v1/deployments?watch=0&watch=1", "list", "apps", "v1", "deployments", "", "", ""),
    ("GET", "/api/v1/pods?fieldSelector=metadata.name%3Dp1", "list", "", "v1", "pods", "", "", "p1"),
    ("GET", "/api/v1/pods?fieldSelector=status.phase!%3DX,metadata.name%3D%3Dp1&watch=1", "watch", "", "v1", "pods", "", "", "p1"),
    ("GET", "/api/v1/pods?fieldSelector=metadata.name!%3Dp1", "list", "", "v1", "pods", "", "", ""),
    ("GET", "/api/v1/watch/namespaces/shop/pods", "watch", "", "v1", "pods", "", "shop", ""),
    ("GET", "/api/v1/watch/namespaces/shop/pods/p1", "watch", "", "v1", "pods", "", "shop", "p1"),
    ("GET", "/api/v1/proxy/namespaces/shop/pods/p1", "proxy", "", "v1", "pods", "", "shop", "p1"),
    (
        "GET",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
        "get",
        "rbac.authorization.k8s.io",
        "v1",
        "clusterroles",
        "",
        "",
        "system:node",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]} {case[1]}" for case in CASES])
def test_a_resource_request_is_understood(case: tuple[str, ...]) -> None:
    method, target, verb, group, version, resource, subresource, namespace, name = case

    parsed = parse(method, target)

    assert isinstance(parsed, Parsed)
    info = parsed.info
    assert info.is_resource
    assert (info.verb, info.group, info.version, info.resource) == (verb, group, version, resource)
    assert (info.subresource, info.namespace, info.name) == (subresource, namespace, name)


@pytest.mark.parametrize(
    "target", ["/", "/api", "/api/v1", "/apis", "/apis/apps/v1", "/version", "/healthz/etcd", "/openapi/v3/apis/apps/v1", "/logs/x/y/z"]
)
def test_other_requests_are_not_for_a_resource(target: str) -> None:
    parsed = parse("GET", target)

    assert isinstance(parsed, Parsed)
    assert not parsed.info.is_resource
    assert parsed.info.path == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "api/v1",
        "ftp://elsewhere/api/v1/pods",
        "https://elsewhere?/api/v1/pods",
        "*",
        "//api/v1/pods",
        "/api//v1/pods",
        "/api/v1/pods//",
        "/api/v1/./pods",
        "/api/v1/pods/..",
        "/api/v1/%2e%2e/pods",
        "/api/v1/%2E./pods",
        "/api/v1/pods/a%2fb",
        "/api/v1/pods/a%5cb",
        "/api/v1/pods/a\\b",
        "/api/v1/pods/a%00",
        "/api/v1/pods/a%0a",
        "/api/v1/pods/a%",
        "/api/v1/pods/a%zz",
        "/api/v1/pods/%ff",
        "/api/v1/pods/%252e",
        "/api/v1/pods/a b",
        "/api/v1/pods#x",
        "/api/v1/pods/ä",
        "/api/v1/pods?a=1;b=2",
        "/api/v1/pods?a=%ff",
        "/api/v1/pods?a=%",
        "/api/v1/watch",
    ],
)
def test_an_odd_target_is_malformed(target: str) -> None:
    assert isinstance(parse("GET", target), Malformed)


_SEGMENT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x17F, exclude_characters="/\\%"), min_size=1, max_size=12).filter(
    lambda s: s not in (".", "..")
)


@given(st.lists(_SEGMENT, min_size=1, max_size=8))
def test_what_is_forwarded_parses_to_the_same_meaning(segments: list[str]) -> None:
    from urllib.parse import quote

    first = parse("GET", "/" + "/".join(quote(s, safe="") for s in segments))
    assert isinstance(first, Parsed | Malformed)
    if isinstance(first, Malformed):
        return

    again = parse("GET", first.info.path)

    assert isinstance(again, Parsed)
    assert again.info == first.info


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_malformed_and_nothing_else(text: str) -> None:
    parsed = parse("DELETE", "/" + text)

    if isinstance(parsed, Parsed):
        assert "//" not in parsed.info.path
        assert "/../" not in f"{parsed.info.path}/"


def test_the_path_of_a_relative_is_built_from_the_parts() -> None:
    parsed = parse("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web/scale")

    assert isinstance(parsed, Parsed)
    assert build_path(parsed.info, subresource="") == "/apis/apps/v1/namespaces/shop/deployments/web"
    assert build_path(parsed.info, subresource="", name="") == "/apis/apps/v1/namespaces/shop/deployments"
    assert build_path(parsed.info) == parsed.info.path


def test_an_absolute_target_is_the_path_in_it() -> None:
    assert parse("DELETE", "HTTPS://elsewhere:6443/api/v1/nodes/n1?a=b") == parse("DELETE", "/api/v1/nodes/n1?a=b")
