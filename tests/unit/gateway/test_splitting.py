"""A list that is redacted while it arrives is the list that is redacted as a whole, however it is cut; anything odd ends it."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import GatewayError
from bot.gateway.hiding.redaction import Redactor
from bot.gateway.protocol.encoding import encode_document
from bot.gateway.reading.splitting import ListReader
from bot.values.requests import RequestInfo

REDACTOR = Redactor(b"salt of this test")
SECRETS = RequestInfo("list", True, "/api/v1/secrets", "", "v1", "secrets")
CONFIG_MAPS = RequestInfo("list", True, "/api/v1/configmaps", "", "v1", "configmaps")
WORKS = RequestInfo("list", True, "/apis/work.example.com/v1/works", "work.example.com", "v1", "works")
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

TEXT = st.text(st.sampled_from('ab"\\{}[],:é€😀\n\x00'), max_size=12)
VALUES = st.dictionaries(TEXT, st.binary(max_size=40).map(lambda value: base64.b64encode(value).decode()), max_size=4)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.sampled_from(["metadata", "kind", "items", "data"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@st.composite
def objects(draw: st.DrawFn) -> Any:
    secret = {
        "metadata": {"name": "s", "annotations": {"note": draw(TEXT)}},
        "data": draw(VALUES),
        "stringData": draw(st.dictionaries(TEXT, TEXT)),
    }
    shape = draw(st.sampled_from(["bare", "own kind", "applied", "embedded", "release", "any", "row"]))
    if shape == "own kind":
        return {"kind": "Secret", **secret}
    if shape == "applied":
        return {"metadata": {"annotations": {APPLIED: json.dumps({"kind": "Secret", **secret})}}, "spec": draw(TREES)}
    if shape == "embedded":
        return {
            "apiVersion": "x/v1",
            "kind": "Work",
            "metadata": {"name": draw(TEXT)},
            "spec": [{"metadata": {}}, {"kind": "Secret", **secret}],
        }
    if shape == "release":
        return {"metadata": {"labels": {"owner": "helm"}}, "data": {"release": draw(TEXT)}}
    if shape == "row":
        return {"cells": [draw(TEXT), 1], "object": {"kind": "Secret", **secret}}
    return secret if shape == "bare" else draw(TREES)


@st.composite
def lists(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["SecretList", "ConfigMapList", "WorkList", "List", "Table", "PartialObjectMetadataList"]))
    elements = draw(st.none() | st.lists(objects(), max_size=6))
    head: dict[str, Any] = {"kind": kind, "apiVersion": "v1", "metadata": draw(st.dictionaries(TEXT, TREES, max_size=2))}
    if kind == "Table":
        return head | {"columnDefinitions": [{"name": draw(TEXT)}], "rows": elements}
    return head | {"items": elements}


def redact_in_pieces(body: bytes, cuts: list[int], info: RequestInfo, batch: int = 1, *, is_pretty: bool = False) -> bytes:
    reading = ListReader(REDACTOR, info, is_pretty=is_pretty, batch=batch)
    places = [0, *sorted({cut % (len(body) + 1) for cut in cuts}), len(body)]
    pieces = [reading.feed(body[start:end]) for start, end in itertools.pairwise(places)]
    return b"".join([*pieces, reading.finish()])


def encoded(item: Any, how: str) -> bytes:
    return {
        "plain": orjson.dumps,
        "indented": lambda x: orjson.dumps(x, option=orjson.OPT_INDENT_2),
        "ascii": lambda x: json.dumps(x).encode(),
    }[how](item)


@given(
    lists(),
    st.lists(st.integers(0, 10_000), max_size=12),
    st.sampled_from([SECRETS, CONFIG_MAPS, WORKS]),
    st.sampled_from(["plain", "indented", "ascii"]),
    st.sampled_from([1, 7, 100, 65536]),
    st.booleans(),
)
def test_a_list_in_pieces_is_redacted_and_written_as_the_whole(
    item: dict[str, Any], cuts: list[int], info: RequestInfo, how: str, batch: int, is_pretty: bool
) -> None:
    whole = REDACTOR.redact_object(orjson.loads(encoded(item, how)), info)  # first: it knows then what the last element hides

    shown = redact_in_pieces(encoded(item, how), cuts, info, batch, is_pretty=is_pretty)

    assert shown == encode_document(whole, is_pretty=is_pretty)


def test_items_may_come_before_what_the_list_is() -> None:
    """As in lists of custom resources, whose members are in the order of the alphabet."""
    item = {"apiVersion": "x/v1", "items": [{"kind": "Secret", "data": {"a": "c2VjcmV0"}}] * 3, "kind": "WorkList", "metadata": {}}

    shown = redact_in_pieces(orjson.dumps(item), list(range(0, 200, 3)), WORKS)

    assert orjson.loads(shown) == REDACTOR.redact_object(item, WORKS)
    assert b"c2VjcmV0" not in shown


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"kind":"SecretList","items":[{"data":{"a":"c2VjcmV0"}}',
        b'{"kind":"SecretList","items":[{"data":{"a":"c2VjcmV0"}}]',
        b'{"kind":"SecretList","items":[{"data":{"a":"c2VjcmV0"}}]} {}',
        b'{"kind":"SecretList","items":[{"data":{"a":"c2VjcmV0"}}]},',
        b'{"kind":"SecretList","items":[{"data":{"a":"c2VjcmV0"}},]}',
        b'{"kind":"SecretList","items":[{"data":{"a":"c2VjcmV0"}} {"data":{}}]}',
        b'{"kind":"SecretList","items":[{"data":{"a":"c2VjcmV0"}]}',
        b'{"kind":"SecretList","items":[{"data":{"a":"c2VjcmV0",}}]}',
        b'{"kind":"Secret","items":[{"data":{"a":"c2VjcmV0"}}]}',
        b'{"kind":"Secret","data":{"a":"c2VjcmV0"}}',
        b'{"data":{"a":"c2VjcmV0"},"items":[]}',
        b'{"kind":"SecretList";"items":[]}',
        b'{"kind":"SecretList""items":[]}',
        b'{"items":[],"\\u0064ata":{"a":"c2VjcmV0"}}',
        b"k8s\x00\n\x0c\n\x02v1",
        b"\x1f\x8b\x08c2VjcmV0",
    ],
)
def test_what_is_no_list_ends_without_a_value(body: bytes) -> None:
    for size in (1, 5, 1000):
        reading = ListReader(REDACTOR, SECRETS, batch=4)
        shown: list[bytes] = []

        with pytest.raises(GatewayError, match="withheld"):
            feed_all(reading, body, size, shown)

        assert b"c2VjcmV0" not in b"".join(shown)


def feed_all(reading: ListReader, body: bytes, size: int, shown: list[bytes]) -> None:
    """`shown` gets what came out also if the last piece raises."""
    for start in range(0, len(body), size):
        piece = reading.feed(body[start : start + size])
        shown += [piece]
    shown += [reading.finish()]


def test_an_element_without_an_end_is_given_up() -> None:
    reading = ListReader(REDACTOR, SECRETS, largest=1_000_000)

    with pytest.raises(GatewayError, match="too large"):
        feed_all(reading, b'{"kind":"SecretList","items":[{"data":{"a":"' + b"A" * 10_000_000, 100_000, [])
