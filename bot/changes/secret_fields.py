"""A Secret's fields in a diff: which keys change, and marks that show equal values as equal. Never a value. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from bot.changes.change import FieldDiff, ObjectDiff
from bot.changes.literals import HIDDEN
from bot.values.requests import Json

_VALUES = ("data", "stringData")
_MARKER = re.compile(r"\[redacted:[0-9a-z-]+\]")


def without_values(diff: ObjectDiff) -> ObjectDiff:
    """The diff without the fields under `data` and `stringData`."""
    return replace(diff, fields=tuple(field for field in diff.fields if not field.path.startswith(_VALUES)))


def shown(fields: Iterable[FieldDiff]) -> Iterator[FieldDiff]:
    """The same fields with readable markers under `data` and `stringData`."""
    for field in fields:
        if field.path.startswith(_VALUES):
            yield replace(field, old=_mark(field.old), new=_mark(field.new))
        else:
            yield field


def _mark(value: Json) -> Json:
    """`HIDDEN` for what should have been a marker and is not one."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: _mark(item) for key, item in value.items()}
    if not isinstance(value, str):
        return HIDDEN
    if _MARKER.fullmatch(value):
        return value
    try:
        decoded = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return HIDDEN
    return decoded if _MARKER.fullmatch(decoded) else HIDDEN
