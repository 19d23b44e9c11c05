"""JSON patches that would tell what is hidden: `test` compares a value, `copy` and `move` put it where answers, failures and warnings
quote it. Pure."""

from __future__ import annotations

from bot.values.requests import Json

_ABSENT = object()


def points_at_hidden(patch: Json, before: Json, shown: Json) -> bool:
    """Whether a JSON patch reads a part of the object that readers are not shown as it is, or one that cannot be told for sure.
    `shown` is the object as they see it."""
    if before == shown or not isinstance(patch, list):
        return False
    return any(isinstance(op, dict) and _reads_hidden(op, before, shown) for op in patch)


def reads_values(patch: Json) -> bool:
    """Whether any operation of a JSON patch reads what is there."""
    return isinstance(patch, list) and any(isinstance(op, dict) and _source(op) is not None for op in patch)


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
