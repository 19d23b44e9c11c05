"""What a change does to each object, as lines people read on a card or in its details. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from bot.changes import texts
from bot.changes.change import Change, FieldDiff, ObjectDiff
from bot.changes.defaults import FOLDED
from bot.changes.words import focus
from bot.slack import limits
from bot.slack.rendering.blocks import Block, count_chars, line, preformatted, words
from bot.slack.rendering.text import flatten, reveal, say_count
from bot.values.requests import Json, RecordedWrite

DESTRUCTIVE = frozenset({"delete", "deletecollection", "evict"})
"""Actions after which something is gone."""
_MOST_ACTIONS = 5
_SEGMENT = re.compile(r'\["(?:[^"\\]|\\.)*"\]|\[[^\]]*\]|[^.\[\]]+')
"""A part of a path: a key, `[the name of an item]` or `["a key that needs quotes"]`."""

_Tree = dict[str, Any]
"""Fields by the parts of their paths."""


def render_objects(diffs: Sequence[ObjectDiff]) -> list[Block]:
    """Rich text elements: a title per object, and one monospace line per changed field. Where there is no room for all, what is deleted
    comes first, and what is left out is said."""
    elements, shown = _render_some(diffs)
    if shown < len(diffs):
        diffs = sorted(diffs, key=lambda diff: diff.action not in DESTRUCTIVE)
        elements, shown = _render_some(diffs)
    if left := diffs[shown:]:
        counts = Counter(flatten(diff.action, limits.ACTION_CHARS) for diff in left)
        kinds = ", ".join(f"{count} {action}" for action, count in counts.most_common(_MOST_ACTIONS))
        more = ", …" if len(counts) > _MOST_ACTIONS else ""
        elements.append(line(words(f"… {say_count(len(left), 'object')} ({kinds}{more}), see Details", italic=True)))
    return elements


def _render_some(diffs: Sequence[ObjectDiff]) -> tuple[list[Block], int]:
    """As many objects as a card has room for, one at least, and how many these are."""
    elements: list[Block] = []
    for number, diff in enumerate(diffs[: limits.CARD_OBJECTS]):
        rendered = _render_object(diff)
        if number and count_chars([*elements, *rendered]) > limits.CARD_DIFF_CHARS:
            return elements, number
        elements += rendered
    return elements, min(len(diffs), limits.CARD_OBJECTS)


def _render_object(diff: ObjectDiff) -> list[Block]:
    title = line(words(flatten(diff.title, limits.TITLE_CHARS), bold=True), words(f"  {flatten(diff.action, limits.ACTION_CHARS)}"))
    lines = describe_creation(diff.fields) if diff.action == "create" else describe_fields(diff.fields)
    return [title, *preformatted("\n".join(lines))]


def describe_fields(fields: Sequence[FieldDiff], most: int = limits.CARD_FIELDS, chars: int = limits.VALUE_CHARS) -> list[str]:
    """`spec.replicas  3 → 5`, the values aligned, or below a long path; more than `most` fields end with a line that says so.
    `chars`: most of one value."""
    shown = fields[:most]
    paths = [flatten(field.path, limits.PATH_CHARS) or "(whole object)" for field in shown]
    width = max((len(path) for path in paths if len(path) <= limits.ALIGNED_CHARS), default=0)
    lines = [
        _join(path, describe_change(field, 0 if field.path == FOLDED else chars), width) for path, field in zip(paths, shown, strict=True)
    ]
    left = len(fields) - most
    return [*lines, f"… {left} more, see Details"] if left > 0 else lines


def _join(path: str, change: str, width: int) -> str:
    return f"{path:<{width}}  {change}" if len(path) <= limits.ALIGNED_CHARS and "\n" not in change else f"{path}\n  {change}"


def describe_change(field: FieldDiff, most: int = limits.VALUE_CHARS) -> str:
    """`3 → 5`, `+ 5`, `− 3`; of an exec the value alone. Where there is room for more than a window holds, nothing is left out."""
    if field.op == "run":
        return describe_value(field.new, max(most, limits.CARD_RUN_CHARS))
    if field.path == FOLDED:
        return _describe_folded(field, most)
    if texts.is_long(field.old) or texts.is_long(field.new):
        return _describe_lines(field, most)
    if field.op == "add":
        return f"+ {describe_value(field.new, most)}"
    if field.op == "remove":
        return f"− {describe_value(field.old, most)}"
    old, new = focus(_as_text(field.old), _as_text(field.new), most)
    return f"{_cut(old, most)} → {_cut(new, most)}"


def _describe_folded(field: FieldDiff, most: int) -> str:
    """How many defaults the server fills in; where there is room, also which."""
    count = f"+ {len(field.new)} default{'' if len(field.new) == 1 else 's'} of the server"
    if most <= limits.VALUE_CHARS:
        return count
    return "\n  ".join([count, *(f"{reveal(path)}: {describe_value(value, most)}" for path, value in field.new.items())])


def _describe_lines(field: FieldDiff, most: int) -> str:
    """The lines that differ. What is no text is told as its JSON."""
    old, new = ("" if value is None else value if isinstance(value, str) else _dump(value) for value in (field.old, field.new))
    found = texts.changed_lines(old, new) if field.op == "replace" else [*_mark("− ", old), *_mark("+ ", new)]
    room = _text_lines(most)
    shown = [_cut(entry, max(most, limits.TEXT_LINE_CHARS)) for entry in found[:room]]
    left = len(found) - len(shown)
    size = f"{len(new.encode('utf-8', 'surrogatepass')):,} bytes"
    head = {"add": f"+ {size}", "remove": "− all of it"}.get(field.op, f"now {size}")
    return "\n  ".join([head, *shown, *([f"… {left:,} more lines"] if left > 0 else [])])


def _text_lines(chars: int) -> int:
    """Of one value of several lines, where there is room for `chars` of one value."""
    if chars <= limits.VALUE_CHARS:
        return limits.CARD_TEXT_LINES
    return limits.WINDOW_TEXT_LINES if chars <= limits.WINDOW_VALUE_CHARS else chars


def _mark(sign: str, text: str) -> list[str]:
    return [f"{sign}{entry}" for entry in text.rstrip("\n").split("\n")] if text else []


def describe_creation(fields: Sequence[FieldDiff], most: int = limits.CARD_CREATED_LINES, chars: int = limits.VALUE_CHARS) -> list[str]:
    """What is made, in the shape of its YAML: what stands alone on its level is on one line with it. `chars`: most of one value."""
    tree: _Tree = {}
    folded = [field for field in fields if field.path == FOLDED]
    for field in fields:
        if field.path != FOLDED:
            _plant(tree, _SEGMENT.findall(field.path) or ["(whole object)"], field)
    lines = [*_draw(tree, 0, chars), *(_describe_folded(field, 0) for field in folded)]
    left = len(lines) - most
    return lines if left <= 0 else [*lines[: most - 1], f"… {left + 1} more lines, see Details"]


def _plant(tree: _Tree, segments: Sequence[str], field: FieldDiff) -> None:
    for segment in segments[:-1]:
        below = tree.get(segment, {})
        free = segment if isinstance(below, dict) else f"{segment} "  # no server answers a field and what is below it
        tree = tree.setdefault(free, {})
    last = segments[-1]
    tree[f"{last} " if last in tree else last] = field


def _collapse(entry: tuple[str, Any]) -> tuple[str, Any]:
    """A key and what is below it; keys that stand alone on their level are put together."""
    name, node = entry
    while isinstance(node, dict) and len(node) == 1:
        below, node = next(iter(node.items()))
        name += below if below.startswith("[") else f".{below}"
    return name, node


def _draw(tree: _Tree, depth: int, chars: int) -> Iterator[str]:
    room = _text_lines(chars)
    for name, node in map(_collapse, tree.items()):
        shown = name[1:].replace('"]', '"', 1) if name.startswith('["') else name
        head = f"{'  ' * depth}{flatten(reveal(shown), limits.PATH_CHARS)}:"
        if isinstance(node, dict):
            yield head
            yield from _draw(node, depth + 1, chars)
        elif texts.is_long(node.new):
            entries = node.new.rstrip("\n").split("\n")
            yield f"{head} | # {len(entries):,} lines"
            yield from (f"{'  ' * (depth + 1)}{_cut(entry, max(chars, limits.TEXT_LINE_CHARS))}" for entry in entries[:room])
            if len(entries) > room:
                yield f"{'  ' * (depth + 1)}… {len(entries) - room:,} more lines"
        else:
            yield f"{head} {describe_value(node.new, chars)}"


def describe_value(value: Json, most: int = limits.VALUE_CHARS) -> str:
    """JSON on one line; plain strings without their quotes. A cut says how much is missing."""
    return _cut(_as_text(value), most)


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) and _is_plain(value) else _dump(value)


def _cut(text: str, most: int) -> str:
    head = reveal(text[:most]).replace("\n", " ")
    return head if len(text) <= most else f"{head}… (+{len(text) - most:,})"


def _dump(value: Json) -> str:
    """JSON of anything: orjson refuses half of a surrogate pair, which must not keep a card from being drawn."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _is_plain(value: str) -> bool:
    """Whether a string cannot be taken for another JSON value or for none at all."""
    if not value or value != value.strip() or "\n" in value:
        return False
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return True
    return False


def name_write(change: Change, position: int) -> str:
    """The object of one recorded write, as the card names it: `Deployment shop/web`."""
    if len(change.diffs) == len(change.writes) and position < len(change.diffs):
        return flatten(change.diffs[position].title, limits.TITLE_CHARS)
    if position < len(change.writes):
        return flatten(name_object(change.writes[position]), limits.TITLE_CHARS)
    return f"write {position + 1}"


def name_object(write: RecordedWrite) -> str:
    """The object a request names: `deployments.apps/scale shop/web`."""
    info = write.info
    name = info.name or _name_of(write.after) or "(server-chosen name)"
    if not info.is_resource:
        return info.path
    return f"{info.qualified} {info.namespace}/{name}" if info.namespace else f"{info.qualified} {name}"


def _name_of(after: Json) -> str:
    metadata = after.get("metadata") if isinstance(after, dict) else None
    return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
