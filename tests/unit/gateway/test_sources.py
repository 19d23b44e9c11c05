"""Reads whose answers anybody may have written."""

from __future__ import annotations

import pytest

from bot.gateway.protocol.request_info import Parsed, parse
from bot.gateway.reading.sources import name_source

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"


@pytest.mark.parametrize(
    ("path", "accept", "source"),
    [
        ("/api/v1/namespaces/shop/pods/web-1/log?tailLines=5", "*/*", "logs of pod shop/web-1"),
        ("/api/v1/namespaces/shop/events", TABLE, "events of shop"),
        ("/apis/events.k8s.io/v1/events", TABLE, "events"),
        ("/api/v1/namespaces/shop/configmaps/settings", "application/json", "ConfigMap shop/settings"),
        ("/api/v1/configmaps", "application/json", "ConfigMaps"),
        ("/api/v1/namespaces/shop/configmaps", "application/json", "ConfigMaps of shop"),
        ("/api/v1/namespaces/shop/configmaps", TABLE, ""),
        ("/api/v1/namespaces/shop/pods/web-1", "application/json", ""),
        ("/apis/example.com/v1/namespaces/shop/configmaps/x", "application/json", ""),
        ("/version", "*/*", ""),
    ],
)
def test_a_read_is_named_after_what_it_shows(path: str, accept: str, source: str) -> None:
    parsed = parse("GET", path)

    assert isinstance(parsed, Parsed)
    assert name_source(parsed.info, accept) == source
