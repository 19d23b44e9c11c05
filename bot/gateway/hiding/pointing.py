"""Requests that would tell what is hidden by pointing at it: in JSON patches, `test` compares a value, and `copy` and `move` put it where
answers, failures and warnings quote it; a field selector compares one too. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.values.requests import Json

_ABSENT = object()
_STEP = re.compile(r"[\w-]+")
_NEVER_HIDDEN = frozenset({"metadata.name", "metadata.namespace"})


def points_at_hidden(patch: Json, before: Json, shown: Json) -> bool:
    """Whether a JSON patch reads a part of the object that readers are not shown as it is, or one that cannot be told for sure.
    `shown` is the object as they see it."""
    if before == shown or not isinstance(patch, list):
        return False
    return any(isinstance(op, dict) and _reads_hidden(op, before, shown) for op in patch)


def reads_values(patch: Json) -> bool:
    """Whether any operation of a JSON patch reads what is there."""
    return isinstance(patch, list) and any(isinstance(op, dict) and _source(op) is not None for op in patch)


def selected_fields(selectors: Iterable[str]) -> list[str]:
    """The fields that field selectors compare and that may be hidden. Taken apart more often than the API server does it, at commas that
    it takes for a part of a value: what comes of that is no field of any object."""
    pieces = [piece for selector in selectors for piece in selector.split(",")]
    fields = {re.split("[=!]", piece)[0].strip() for piece in pieces} - _NEVER_HIDDEN
    return sorted(field for field in fields if field)


def hides_field(field: str, before: Json, shown: Json) -> bool:
    """Whether readers are not shown as it is what `spec.colour` (a field selector, or a column's JSON path) may stand for. Of a path with
    more in it than names, the part before that counts."""
    for name in field.lstrip(".").split("."):
        step = _STEP.match(name)
        if step is None:
            break
        before, shown = (item.get(step[0], _ABSENT) if isinstance(item, dict) else _ABSENT for item in (before, shown))
        if step[0] != name:
            break
    return before is not shown and before != shown


def _source(operation: dict[str, Json]) -> Json:
    """The pointer to what the operation reads; None if it reads nothing."""
    match str(operation.get("op")).lower():
        case "test":
            return operation.get("path") or ""
        case "copy" | "move":
            return operation.get("from") or ""
        case _:
            return None


def _reads_hidden(operation: dict[str, Json], before: Json, shown: Json) -> bool:
    pointer = _source(operation)
    if pointer is None:
        return False
    held, seen = (_resolve(item, str(pointer)) for item in (before, shown))
    return held is _ABSENT or seen is _ABSENT or held != seen


def _resolve(item: Json, pointer: str) -> object:
    """What is there (RFC 6901); the API server also counts lists from their end."""
    found: object = item
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name, _ABSENT)
        elif isinstance(found, list) and name.removeprefix("-").isdecimal() and -len(found) <= int(name) < len(found):
            found = found[int(name)]
        else:
            return _ABSENT
    return found
