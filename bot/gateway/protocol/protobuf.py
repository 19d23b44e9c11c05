"""Just enough of the protobuf wire format to read what Kubernetes clients send: envelope, metadata, dry run. Pure.

Sources: `k8s.io/apimachinery/pkg/runtime/generated.proto` (Unknown) and `…/apis/meta/v1/generated.proto` (ObjectMeta, DeleteOptions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """The bytes are not the protobuf message they should be."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """`runtime.Unknown`: the kind of the message and its bytes."""

    api_version: str
    kind: str
    raw: bytes


def unwrap(body: bytes) -> Envelope:
    """Opens the envelope that every Kubernetes protobuf body has. Raises WireError."""
    if not body.startswith(_MAGIC):
        raise WireError("the body does not begin with the Kubernetes protobuf prefix")
    api_version = kind = ""
    raw = b""
    for number, value in fields(body[len(_MAGIC) :]):
        if number == 1:
            for inner, text in fields(as_bytes(value)):
                if inner == 1:
                    api_version = as_text(text)
                elif inner == 2:
                    kind = as_text(text)
        elif number == 2:
            raw = as_bytes(value)
        elif number == 3 and as_bytes(value):
            raise WireError("the body has a content encoding")
    return Envelope(api_version, kind, raw)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message in order: (number, varint or bytes). Raises WireError on what is not well-formed."""
    for number, value, _ in _spans(data):
        yield number, value


def put(data: bytes, path: tuple[int, ...], value: bytes) -> bytes:
    """The message with another text or message at these nested field numbers. Raises WireError."""
    number, *rest = path
    others, inner = [], b""
    for found, content, span in _spans(data):
        if found == number:
            inner = as_bytes(content)
        else:
            others.append(span)
    content = put(inner, tuple(rest), value) if rest else value
    return b"".join([*others, _field(number, content)])


def change(data: bytes, number: int, change_one: Callable[[bytes], bytes]) -> bytes:
    """The message with each field of this number (a text, a message, an entry of a map) changed. Raises WireError."""
    return b"".join(_field(number, change_one(as_bytes(value))) if found == number else span for found, value, span in _spans(data))


def wrap(body: bytes, raw: bytes) -> bytes:
    """The Kubernetes object in `body` with another message in its envelope. Raises WireError."""
    return _MAGIC + put(body[len(_MAGIC) :], (2,), raw)


def renamed(body: bytes, name: str, namespace: str) -> bytes:
    """The Kubernetes object in `body` under another name and, unless '', in another namespace. Raises WireError."""
    message = put(body[len(_MAGIC) :], (2, 1, 1), name.encode())
    if namespace:
        message = put(message, (2, 1, 3), namespace.encode())
    return _MAGIC + message


def without_version(body: bytes) -> bytes:
    """The Kubernetes object in `body` without a `metadata.resourceVersion`. Raises WireError."""
    return _MAGIC + put(body[len(_MAGIC) :], (2, 1, 6), b"")


def _field(number: int, content: bytes) -> bytes:
    return _write_varint(number << 3 | _BYTES) + _write_varint(len(content)) + content


def _spans(data: bytes) -> Iterator[tuple[int, int | bytes, bytes]]:
    """The fields of a message: number, value, and the bytes of the whole field."""
    position = 0
    while position < len(data):
        start = position
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise WireError("a field has the number 0")
        if kind == _VARINT:
            value, position = _varint(data, position)
            yield number, value, data[start:position]
            continue
        if kind == _BYTES:
            size, position = _varint(data, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise WireError("a field has a type that Kubernetes does not use")
        if position + size > len(data):
            raise WireError("a field ends after the message")
        yield number, data[position : position + size], data[start : position + size]
        position += size


def as_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise WireError("a field has the wrong type")
    return value


def as_int(value: int | bytes) -> int:
    """An int64, whose negative values are written in two's complement."""
    if isinstance(value, bytes):
        raise WireError("a field has the wrong type")
    return value - (1 << 64) if value >= 1 << 63 else value


def as_text(value: int | bytes) -> str:
    try:
        return as_bytes(value).decode()
    except UnicodeDecodeError as exc:
        raise WireError("a text is not UTF-8") from exc


def find(data: bytes, *path: int) -> bytes:
    """The bytes of a nested message or text by field numbers (the last of each wins, as in protobuf); b'' if it is not there."""
    for wanted in path:
        found = b""
        for number, value in fields(data):
            if number == wanted:
                found = as_bytes(value)
        data = found
    return data


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise WireError("a number is not complete")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, position
        shift += 7


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
