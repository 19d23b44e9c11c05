"""Copies of a Secret that tools keep in its annotations are hidden, and what else is there is not."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from bot.gateway.hiding.redaction import Redactor
from bot.values.requests import RequestInfo

REDACTOR = Redactor(b"salt of this test")
SECRETS = RequestInfo("list", True, "/api/v1/namespaces/shop/secrets", "", "v1", "secrets", "", "shop")


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "copy",
    [
        json.dumps({"kind": "Secret", "data": {"a": b64("a-value-of-it")}}),
        json.dumps({"data": {"a": b64("a-value-of-it")}}) + "\n",
        json.dumps([{"kind": "Secret", "stringData": {"a": "a-value-of-it"}}]),
        b64("{'data': 'a-value-of-it', 'x': 1}"),
        b64("{'data': 'a-value-of-it', 'x': 1}")[:20] + "\n" + b64("{'data': 'a-value-of-it', 'x': 1}")[20:] + "\n",
        base64.b64encode(gzip.compress(b"a-value-of-it")).decode(),
        "{a-value-of-it",
    ],
)
def test_a_copy_of_a_secret_in_an_annotation_of_it_is_hidden(copy: str) -> None:
    shown = REDACTOR.redact_object({"kind": "Secret", "metadata": {"annotations": {"example.com/copy": copy}}}, SECRETS)

    text = shown["metadata"]["annotations"]["example.com/copy"]
    assert "a-value-of-it" not in text
    assert b64("a-value-of-it") not in text
    assert "[redacted:" in text or b64("[redacted:")[:12] in text


@pytest.mark.parametrize(
    "value",
    [
        "0e5a9f1f3a7d9c34f2f0bb0b9be7d5f2",
        "0E5A9F1F3A7D9C34F2F0BB0B9BE7D5F2",
        "6f1ed002-ab55-42b5-b5c5-1f0f5e7b3a11",
        "2026-11-30T19:51:32.123456Z",
        "web-frontend.shop.svc.cluster.local,web-2.shop.svc",
        "A sentence about the Secret, of 9 words or more",
        "c-m-abcdefgh:p-xyz12",
        '{"team":"shop"}',
        '["a.example.com","b.example.com"]',
    ],
)
def test_what_is_no_copy_stays_readable_in_an_annotation(value: str) -> None:
    item = {"kind": "Secret", "metadata": {"annotations": {"example.com/note": value}}}

    assert REDACTOR.redact_object(item, SECRETS) is item
