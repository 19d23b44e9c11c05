"""Parts of decoded objects that may be missing or odd: a wrong type reads as nothing. Pure."""

from __future__ import annotations

from typing import Any

from bot.values.requests import Json


def part(item: Json, *keys: str) -> dict[str, Any]:
    """The map at these keys, or {}."""
    for key in keys:
        item = item.get(key) if isinstance(item, dict) else None
    return item if isinstance(item, dict) else {}


def entries(item: Json, *keys: str) -> list[dict[str, Any]]:
    """The maps in the list at these keys, or []."""
    found = part(item, *keys[:-1]).get(keys[-1])
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def number(item: Json, *keys: str, default: int = 0) -> int:
    """The whole number at these keys, or `default`."""
    value = part(item, *keys[:-1]).get(keys[-1])
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def text(item: Json, *keys: str) -> str:
    """The text at these keys, or ''."""
    value = part(item, *keys[:-1]).get(keys[-1])
    return value if isinstance(value, str) else ""


def texts(item: Json, *keys: str) -> dict[str, str]:
    """The texts in the map at these keys (labels, annotations), or {}."""
    return {key: value for key, value in part(item, *keys).items() if isinstance(value, str)}
