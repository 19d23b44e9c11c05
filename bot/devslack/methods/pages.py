"""Cursor paging of lists."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Json

T = TypeVar("T")


def cut_page(items: Sequence[T], cursor: str, limit: int) -> tuple[list[T], Json]:
    """The page a cursor names, and the `response_metadata` with the next cursor (empty at the end)."""
    start = _decode(cursor) if cursor else 0
    end = start + limit
    following = base64.b64encode(f"from:{end}".encode()).decode() if end < len(items) else ""
    return list(items[start:end]), {"next_cursor": following}


def _decode(cursor: str) -> int:
    try:
        name, _, number = base64.b64decode(cursor, validate=True).decode().partition(":")
        if name == "from":
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise ApiRefusalError("invalid_cursor")
