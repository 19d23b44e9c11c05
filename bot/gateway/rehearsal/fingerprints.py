"""What an answer to a read tells, so that two answers can be told apart that differ in nothing but the time. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

import orjson

from bot.changes import trees
from bot.values.requests import Json


def fingerprint(code: int, body: bytes) -> Hashable | None:
    """Equal for two answers if nothing changed between them; None if that cannot be told: of one page of a list. The ages that a Table
    prints and the version of a list itself do not count."""
    try:
        item = orjson.loads(body)
    except orjson.JSONDecodeError:
        return code, hashlib.sha256(body).digest()
    if trees.text(item, "metadata", "continue"):
        return None
    rows = trees.part(item).get("rows", trees.part(item).get("items", _NO_LIST))
    if rows is _NO_LIST:
        return code, _version_of(item) or hashlib.sha256(body).digest()
    shown = rows if isinstance(rows, list) else []
    versions = [_version_of(trees.part(one, "object") or one) for one in shown]
    return (code, *versions) if all(versions) else (code, hashlib.sha256(body).digest())


_NO_LIST = object()


def _version_of(item: Json) -> tuple[str, str] | None:
    uid, version = trees.text(item, "metadata", "uid"), trees.text(item, "metadata", "resourceVersion")
    return (uid, version) if uid and version else None
