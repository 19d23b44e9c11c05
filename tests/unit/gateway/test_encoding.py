"""JSON as the API server writes it."""

from __future__ import annotations

import json

import pytest

from bot.gateway.protocol.encoding import encode_document

_ODD = {"a": "<b> & \u2028\u2029 é \x7f \b\f\n", "empty": {}, "none": []}


@pytest.mark.parametrize("is_pretty", [True, False])
def test_what_is_written_reads_as_what_it_was(is_pretty: bool) -> None:
    assert json.loads(encode_document(_ODD, is_pretty=is_pretty)) == _ODD


def test_what_go_escapes_is_escaped() -> None:
    text = encode_document({"a": "<b>&c\u2028\u2029é"}, is_pretty=False)

    assert text == b'{"a":"\\u003cb\\u003e\\u0026c\\u2028\\u2029\xc3\xa9"}\n'


def test_only_a_line_that_is_not_indented_is_ended() -> None:
    assert encode_document({"a": {}, "b": [1]}, is_pretty=True) == b'{\n  "a": {},\n  "b": [\n    1\n  ]\n}'
    assert encode_document({"a": {}, "b": [1]}, is_pretty=False) == b'{"a":{},"b":[1]}\n'
