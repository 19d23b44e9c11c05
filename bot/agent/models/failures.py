"""What the adapters have in common when they tell of a failure."""

from __future__ import annotations

import re

TRANSIENT = frozenset({408, 409, 429, 499, 500, 502, 503, 504, 529})
"""HTTP statuses after which asking again may help."""
_MAX_MESSAGE = 300


def shorten(message: object) -> str:
    """The service's words on one line, shortened, without a final full stop."""
    text = " ".join(str(message or "no reason given").split())
    return (text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…").rstrip(".")


def duration(text: object) -> float | None:
    """Seconds of a protobuf duration such as `7s`; None for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)s", text) if isinstance(text, str) else None
    return float(match[1]) if match else None
