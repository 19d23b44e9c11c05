"""Marks in request bodies are found in every form, and nothing else is taken for one."""

from __future__ import annotations

import base64

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.hiding.redaction import Redactor
from bot.values.requests import RequestInfo

REDACTOR = Redactor(b"salt of this test")
SECRETS = RequestInfo("list", True, "/api/v1/namespaces/shop/secrets", "", "v1", "secrets", "", "shop")


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


MARKER = base64.b64decode(
    REDACTOR.redact_object({"kind": "Secret", "data": {"password": b64("value")}}, SECRETS)["data"]["password"]
).decode()


@pytest.mark.parametrize(
    "text",
    [
        MARKER,
        f"user={MARKER};host=db",
        b64(MARKER),
        b64("x" + MARKER),
        b64("xy" + MARKER + " and more"),
        b64(b64(MARKER)),
        b64("-" + b64("ab" + MARKER)),
        base64.urlsafe_b64encode(f"??>{MARKER}".encode()).decode(),
        b64(MARKER)[:11] + "\\n" + b64(MARKER)[11:],
        b64(MARKER)[:11] + "\n    " + b64(MARKER)[11:],
        MARKER.replace("[", "\\u005b").replace("e", "\\u0065"),
        MARKER.replace("[", "\\x5b"),
    ],
)
def test_a_marker_in_a_request_body_is_found(text: str) -> None:
    assert REDACTOR.contains_marker(f'{{"kind":"Secret","data":{{"password":"{text}"}}}}'.encode())
    assert REDACTOR.contains_marker(b"k8s\0\n\x0c\x12\x04data" + text.encode() + b"\x1a\0")


@pytest.mark.parametrize(
    "text", ["[redacted]", "[redacted:none]", b64("[redacted]"), b64("[redacted: nothing]"), b64(b64("[redacted]!")), "\\u00e4", ""]
)
def test_other_bodies_hold_no_marker(text: str) -> None:
    assert not REDACTOR.contains_marker(f'{{"kind":"Secret","data":{{"password":"{text}"}}}}'.encode())


@given(st.binary(max_size=60))
def test_redacted_data_is_always_found_when_it_is_sent_back(value: bytes) -> None:
    item = {"kind": "Secret", "data": {"a": base64.b64encode(value).decode()}}

    assert REDACTOR.contains_marker(orjson.dumps(REDACTOR.redact_object(item, SECRETS)))


def test_base64_that_ends_in_the_middle_of_a_marker_is_no_marker() -> None:
    for length in range(20, 30):
        assert not REDACTOR.contains_marker(b64(MARKER)[:length].encode())
        assert not REDACTOR.contains_marker(b64(b64(MARKER))[: length + 10].encode())
