"""The digest of a change: one number over exactly what would be sent, where, and who asked. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from bot.values.requests import RecordedWrite


def of(writes: Sequence[RecordedWrite], *, cluster: str, asked_by: str) -> str:
    """SHA-256 in hexadecimal. Every part is preceded by its length, so that no two different changes are the same bytes."""
    digest = hashlib.sha256()
    for part in (cluster.encode("utf-8", "surrogatepass"), asked_by.encode("utf-8", "surrogatepass"), *_parts(writes)):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _parts(writes: Sequence[RecordedWrite]) -> Iterator[bytes]:
    yield _number(len(writes))
    for write in writes:
        request = write.request
        yield from _texts((request.method, request.path, request.content_type, request.accept))
        yield _number(len(request.query))
        for name, value in request.query:
            yield from _texts((name, value))
        yield request.body
        identity = write.identity
        yield _number(-1 if identity is None else len(identity.groups))
        if identity is not None:
            yield from _texts((identity.user, *identity.groups))


def _texts(texts: Iterable[str]) -> Iterator[bytes]:
    for text in texts:
        yield text.encode("utf-8", "surrogatepass")


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)
