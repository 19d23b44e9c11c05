"""JSON written as the API server writes it, so that an answer that was looked at reads like one that was passed through. Pure."""

from __future__ import annotations

import orjson

from bot.values.requests import Json

_ESCAPED = ((b"<", rb"\u003c"), (b">", rb"\u003e"), (b"&", rb"\u0026"))
_ESCAPED_LINES = (("\u2028".encode(), rb"\u2028"), ("\u2029".encode(), rb"\u2029"))
"""What Go's `encoding/json` escapes besides what JSON asks for. None of it stands outside a string."""


def encode(item: Json, *, is_pretty: bool) -> bytes:
    """The value, indented by two spaces per level if it is to be pretty. Without the end of line that follows what is not pretty."""
    text = orjson.dumps(item, option=orjson.OPT_INDENT_2 if is_pretty else None)
    for raw, escaped in _ESCAPED if text.isascii() else (*_ESCAPED, *_ESCAPED_LINES):
        text = text.replace(raw, escaped)
    return text


def encode_document(item: Json, *, is_pretty: bool) -> bytes:
    """A whole answer."""
    return encode(item, is_pretty=is_pretty) + end_of_document(is_pretty=is_pretty)


def end_of_document(*, is_pretty: bool) -> bytes:
    """What follows the value: the API server ends the line only where it does not indent."""
    return b"" if is_pretty else b"\n"
