"""The small part of jq that picks values out of JSON: `.items[].metadata.name`, `.a["b.c"][0]`, `| keys`, `| length`, `| select(.a == 1)`.

jq itself would run a program of the model's inside this process, where it could read the environment and never end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

_STEP = re.compile(r"""\.?\[\s*(?:(?P<index>-?\d+)|(?P<quoted>"[^"]*"))?\s*\]|\.(?P<name>[A-Za-z_][\w-]*)|\.(?P<key>"[^"]*")""")
_SELECT = re.compile(r"select\(\s*(?P<path>\.[^=!<>]*?)\s*(?P<sign>==|!=)\s*(?P<value>.+?)\s*\)", re.DOTALL)
_HELP = 'use paths such as `.items[].metadata.name`, and after `|` another path, keys, length, or select(.a == "b")'


class PathError(Exception):
    """The path cannot be read; the message says what can."""


def select(value: Any, path: str) -> list[Any]:
    """The values at the path. Raises PathError; what is not there gives null, as in jq."""
    values: Iterable[Any] = [value]
    for stage in _split(path):
        values = [found for item in values for found in _apply(item, stage)]
    return list(values)


def _split(path: str) -> list[str]:
    """The stages between bars; a bar in quotes is text."""
    return [part.strip() for part in re.findall(r'(?:"[^"]*"|[^|"])+', path)]


def _apply(value: Any, stage: str) -> Iterator[Any]:
    match = _SELECT.fullmatch(stage)
    if match:
        try:
            wanted = json.loads(match["value"])
        except ValueError:
            raise PathError(f"{match['value']} in `select` is no JSON value; {_HELP}.") from None
        if any((found == wanted) is (match["sign"] == "==") for found in _walk([value], match["path"])):
            yield value
    elif stage == "length":
        yield len(value) if isinstance(value, dict | list | str) else 0
    elif stage == "keys":
        yield sorted(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    else:
        yield from _walk([value], stage)


def _walk(values: list[Any], path: str) -> list[Any]:
    place = 0
    if path == ".":
        return values
    while place < len(path):
        match = _STEP.match(path, place)
        if match is None:
            raise PathError(f"`{path}` cannot be read at `{path[place:]}`; {_HELP}.")
        values = [found for value in values for found in _step(value, match)]
        place = match.end()
    return values


def _step(value: Any, match: re.Match[str]) -> list[Any]:
    if match["index"]:
        index = int(match["index"])
        return [value[index] if isinstance(value, list) and -len(value) <= index < len(value) else None]
    name = match["name"] or (match["quoted"] or match["key"] or "").strip('"')
    if name:
        return [value.get(name) if isinstance(value, dict) else None]
    return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
