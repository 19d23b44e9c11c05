"""What differs between two texts of several lines (files in ConfigMaps, scripts): by lines. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher

_MOST_COMPARED = 400
"""Lines between the first and the last difference; more are told as one block, because the comparison takes their square in time."""
_MOST_DISTINCT = 1_000
"""The same of lines that hardly repeat, which takes much less."""


def is_long(value: object) -> bool:
    """Whether a value is told by lines."""
    return isinstance(value, str) and "\n" in value.strip("\n")


def changed_lines(old: str, new: str) -> list[str]:
    """`− …` and `+ …` for each line that goes or comes, after `@ 12` wherever lines were left out: the line's number in the new text
    (for lines that only go: in the old one)."""
    before, after = old.split("\n"), new.split("\n")
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return list(_between(before[start : len(before) - end], after[start : len(after) - end], start))


def _can_compare(before: list[str], after: list[str]) -> bool:
    most = max(len(before), len(after))
    if most <= _MOST_COMPARED:
        return True
    repeated = Counter(after)
    return most <= _MOST_DISTINCT and sum(repeated[line] for line in before) <= 2 * most


def _between(before: list[str], after: list[str], start: int) -> Iterator[str]:
    if not _can_compare(before, after):
        changes = [("replace", 0, len(before), 0, len(after))]
    else:
        changes = [code for code in SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if code[0] != "equal"]
    for _, gone, gone_end, come, come_end in changes:
        yield f"@ {start + (come if come_end > come else gone) + 1}"
        yield from (f"− {line}" for line in before[gone:gone_end])
        yield from (f"+ {line}" for line in after[come:come_end])
