"""The programs of jq that only pick values out of JSON: `.items[].metadata.name`, `.a["b.c"][0]`, `| keys`, `| length`,
`| select(.a == 1)`. They are read here at once; jq itself, which may run for ever and read files, has no place in this process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_STEP = re.compile(r"""\.?\[\s*(?:(?P<index>-?\d+)|(?P<quoted>"[^"\\]*"))?\s*\]|\.(?P<name>[A-Za-z_]\w*)|\.(?P<key>"[^"\\]*")""", re.ASCII)
_SELECT = re.compile(r"select\(\s*(?P<path>\.[^=!<>]*?)\s*(?P<sign>==|!=)\s*(?P<value>.+?)\s*\)", re.DOTALL)
_STAGE = r'(?:"[^"\\]*"|[^"\\|])+'  # a bar in quotes is text
_STAGES = re.compile(rf"{_STAGE}(?:\|{_STAGE})*")


@dataclass(frozen=True, slots=True)
class Steps:
    """A way into a value: each step is a key, a place in a list, or None for every value."""

    steps: tuple[str | int | None, ...]

    def apply(self, value: Any) -> list[Any]:
        """The values there."""
        values = [value]
        for step in self.steps:
            values = [found for one in values for found in _take(one, step)]
        return values


@dataclass(frozen=True, slots=True)
class Select:
    """Keeps a value that has this one, or has not, at the end of a way into it."""

    steps: Steps
    wanted: Any
    is_equal: bool

    def apply(self, value: Any) -> list[Any]:
        """The value or nothing, once for each time that it holds."""
        return [value for found in self.steps.apply(value) if _equals(found, self.wanted) is self.is_equal]


@dataclass(frozen=True, slots=True)
class Measure:
    """`length` or `keys`."""

    name: str

    def apply(self, value: Any) -> list[Any]:
        """One value."""
        if self.name == "keys":
            return [sorted(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []]
        return [len(value) if isinstance(value, dict | list | str) else abs(value or 0)]


Stage = Steps | Select | Measure


def parse(program: str) -> tuple[Stage, ...] | None:
    """The stages between bars; None if it takes jq to say what the program means."""
    if not _STAGES.fullmatch(program):
        return None
    stages = [_parse_stage(part.strip()) for part in re.findall(_STAGE, program)]
    return None if None in stages else tuple(stage for stage in stages if stage is not None)


def select(value: Any, stages: Iterable[Stage]) -> list[Any]:
    """The values that the stages come to. What is not there gives null, as in jq; below that is nothing, where jq gives up."""
    values = [value]
    for stage in stages:
        values = [found for one in values for found in stage.apply(one)]
    return values


def _parse_stage(text: str) -> Stage | None:
    if text in ("length", "keys"):
        return Measure(text)
    match = _SELECT.fullmatch(text)
    if match is None:
        return _parse_steps(text)
    steps = _parse_steps(match["path"])
    try:
        wanted = json.loads(match["value"])
    except ValueError:
        return None
    return None if steps is None else Select(steps, wanted, match["sign"] == "==")


def _parse_steps(text: str) -> Steps | None:
    if text == ".":
        return Steps(())
    if not text.startswith("."):  # `[0]` makes a list
        return None
    steps: list[str | int | None] = []
    place = 0
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            return None
        place = match.end()
        if match["index"]:
            steps.append(int(match["index"]))
        else:
            quoted = match["quoted"] or match["key"]
            steps.append(match["name"] if match["name"] else quoted[1:-1] if quoted else None)
    return Steps(tuple(steps))


def _take(value: Any, step: str | int | None) -> list[Any]:
    if isinstance(step, int):
        return [value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None]
    if isinstance(step, str):
        return [value.get(step) if isinstance(value, dict) else None]
    return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []


def _equals(found: Any, wanted: Any) -> bool:
    """As in JSON, where true is not 1."""
    return bool(found == wanted) and isinstance(found, bool) is isinstance(wanted, bool)
