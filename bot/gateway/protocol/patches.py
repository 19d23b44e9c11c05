"""JSON patch (RFC 6902) and merge patch (RFC 7386), for objects that exist only in a rehearsal. Pure: the arguments stay as they are.

Where the API server's library (`gopkg.in/evanphx/json-patch.v4`) takes more than the RFC, so does this: in a map, what is not there can be
replaced and counts as null for `test`, and indices of lists may count from the end.
"""

from __future__ import annotations

from copy import deepcopy

from bot.values.requests import Json


class PatchError(ValueError):
    """The patch does not fit the object. The message is what the API server would say."""


def merge(target: Json, patch: Json) -> Json:
    """The result of a merge patch."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def merge_between(old: Json, new: Json) -> Json:
    """The merge patch that makes `new` of `old`."""
    patch: dict[str, Json] = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old or type(old[key]) is not type(value):
            patch[key] = value
        elif isinstance(value, dict):
            inner = merge_between(old[key], value)
            if inner:
                patch[key] = inner
        elif old[key] != value:
            patch[key] = value
    return patch


def apply_json_patch(target: Json, operations: Json) -> Json:
    """The result of a JSON patch. Raises PatchError where an operation does not apply."""
    if not isinstance(operations, list):
        raise PatchError("a JSON patch must be a list of operations")
    result = deepcopy(target)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise PatchError("an operation of a JSON patch must have a path")
        result = _apply_operation(result, operation)
    return result


def _apply_operation(document: Json, operation: Json) -> Json:
    kind, path = operation.get("op"), _pointer(operation["path"])
    if kind in ("add", "replace", "test") and "value" not in operation:
        raise PatchError(f"the {kind} operation has no value")
    if kind == "test":
        if _look(document, path) != operation["value"]:
            raise PatchError(f"testing value {operation['path']} failed")
        return document
    if kind in ("move", "copy"):
        source = _pointer(str(operation.get("from", "")))
        value = deepcopy(_get(document, source))
        if kind == "move":
            document = _remove(document, source)
        return _add(document, path, value)
    if kind == "add":
        return _add(document, path, deepcopy(operation["value"]))
    if kind == "remove":
        return _remove(document, path)
    if kind == "replace":
        return _replace(document, path, deepcopy(operation["value"]))
    raise PatchError(f"unexpected kind of operation: {kind}")


def _pointer(path: str) -> list[str]:
    if path == "":
        return []
    if not path.startswith("/"):
        raise PatchError(f"the path {path} must begin with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]


def _get(document: Json, path: list[str]) -> Json:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(part, len(document))]
        else:
            raise PatchError(f"the path /{'/'.join(path)} does not exist")
    return document


def _look(document: Json, path: list[str]) -> Json:
    """The value at this path; None if the map that it would be in does not have it."""
    parent = _get(document, path[:-1])
    return parent.get(path[-1]) if path and isinstance(parent, dict) else _get(document, path)


def _replace(document: Json, path: list[str], value: Json) -> Json:
    if path and isinstance(_get(document, path[:-1]), dict):
        return _add(document, path, value)
    return _add(_remove(document, path), path, value)


def _add(document: Json, path: list[str], value: Json) -> Json:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent) + 1), value)
    else:
        raise PatchError(f"the path /{'/'.join(path)} does not exist")
    return document


def _remove(document: Json, path: list[str]) -> Json:
    if not path:
        return None
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict) and last in parent:
        del parent[last]
    elif isinstance(parent, list):
        del parent[_index(last, len(parent))]
    else:
        raise PatchError(f"the path /{'/'.join(path)} does not exist")
    return document


def _index(part: str, size: int) -> int:
    digits = part.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or not -size <= int(part) < size:
        raise PatchError(f"the index {part} is out of bounds")
    return int(part) % size
