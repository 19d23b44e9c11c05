"""Values of fields as people read them on one line. Pure."""

from __future__ import annotations

import re

import orjson

from bot.values.requests import Json

_AMBIGUOUS = re.compile(r"(|null|true|false|~|[-+]?[\d.]+([eE][-+]?\d+)?)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SHOWN_BEFORE_DIFFERENCE = 12


def of_value(value: Json, limit: int = 80) -> str:
    """`5`, `nginx:1.27`, `"5"` (text that looks like a number), `{"a":1}`; longer than `limit` characters it ends in `…`.
    Never more than one line, and nothing in it that a terminal or a bidirectional text would obey."""
    return _cut(_one_line(value), limit)


def focus(old: str, new: str, limit: int) -> tuple[str, str]:
    """Two texts, of which one is longer than `limit`, from shortly before they differ: cut, they must not look the same."""
    start = max(0, _common_prefix(old, new) - _SHOWN_BEFORE_DIFFERENCE)
    if max(len(old), len(new)) <= limit or start == 0:
        return old, new
    return f"…{old[start:]}", f"…{new[start:]}"


def _one_line(value: Json) -> str:
    if isinstance(value, str):
        if _AMBIGUOUS.fullmatch(value) or value != value.strip() or _CONTROL.search(value):
            return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", _dump(value))
        return value
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", _dump(value))


def _dump(value: Json) -> str:
    return orjson.dumps(value).decode()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _common_prefix(old: str, new: str) -> int:
    for place, (first, second) in enumerate(zip(old, new, strict=False)):
        if first != second:
            return place
    return min(len(old), len(new))
