"""Credentials in what leaves for a file or a program. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bot.values import redact_text


def hide(value: object) -> object:
    """The same JSON with `[redacted]` in place of what looks like a credential in its strings."""
    match value:
        case str():
            return hide_in_text(value)
        case Mapping():
            return {str(key): hide(item) for key, item in value.items()}
        case list() | tuple():
            return [hide(item) for item in value]
        case _:
            return value


def hide_in_text(text: str) -> str:
    """The same for one string."""
    return redact_text.redact(text, lambda _: "[redacted]")
