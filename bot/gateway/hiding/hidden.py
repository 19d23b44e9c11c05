"""Values that were hidden before, known again where nothing tells any more that they are a Secret's. Pure.

A custom resource that embeds a Secret is redacted because the embedded object says `kind: Secret`. A rehearsed write can change that word,
or move the value elsewhere; the dry run then answers with the value under another name. The object before the write is looked at first,
so what it held is known by then. Only keyed digests are kept.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable
from typing import Any

from bot.values.requests import Json

_SHORTEST = 8
"""Bytes of a value that is remembered: shorter ones are words that stand for something else elsewhere."""
_MOST_VALUES = 50_000
"""The oldest are forgotten. The object before a write is looked at right before the answer to it, so its values are among the newest."""


class Hidden:
    """What the readers of one redactor were not shown."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._digests: dict[bytes, None] = {}
        self._lengths: set[int] = set()
        """Of the values, those that were forgotten among them. What is of another length is none of them, and need not be digested."""

    def add(self, value: bytes) -> None:
        """Remembers a value."""
        if len(value) < _SHORTEST:
            return
        digest = self._digest(value)
        self._digests.pop(digest, None)
        self._digests[digest] = None
        self._lengths.add(len(value))
        if len(self._digests) > _MOST_VALUES:
            del self._digests[next(iter(self._digests))]

    def cover(self, node: Json, plain: str, encoded: str) -> Json:
        """The node with `plain` (or `encoded`, for a value in base64) in place of every text that is such a value; the same node if
        there is none."""
        if not self._digests:
            return node
        if isinstance(node, str):
            return self._cover_text(node, plain, encoded)
        if isinstance(node, list):
            return _changed_list(node, lambda item: self.cover(item, plain, encoded))
        if isinstance(node, dict):
            return _changed_dict(node, lambda item: self.cover(item, plain, encoded))
        return node

    def _cover_text(self, text: str, plain: str, encoded: str) -> str:
        value = text.encode("utf-8", "surrogatepass")
        if len(value) < _SHORTEST:
            return text
        if len(value) in self._lengths and self._digest(value) in self._digests:
            return plain
        if len(value) % 4 or len(value) // 4 * 3 - value.count(b"=", -2) not in self._lengths:
            return text
        try:
            decoded = binascii.a2b_base64(value, strict_mode=True)
        except binascii.Error:
            return text
        return encoded if self._digest(decoded) in self._digests else text

    def _digest(self, value: bytes) -> bytes:
        return hashlib.blake2b(value, key=self._key, digest_size=16).digest()


def _changed_list(items: list[Any], change: Callable[[Any], Any]) -> list[Any]:
    shown = [change(item) for item in items]
    return items if all(new is old for new, old in zip(shown, items, strict=True)) else shown


def _changed_dict(items: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    shown = {key: value if key == "managedFields" else change(value) for key, value in items.items()}
    return items if all(shown[key] is items[key] for key in items) else shown
