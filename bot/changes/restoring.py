"""Takes the fields of a change back in an object that may have changed since: a three-way merge, and the JSON patch for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from bot.changes.fields import SERVER_SET, are_same, find_merge_key, join, names_by
from bot.values.requests import Json


class _Absent:
    """Stands for a field that is not there."""


ABSENT: Final = _Absent()
_DELETION = frozenset({"deletionTimestamp", "deletionGracePeriodSeconds"})
_IDENTITIES = ("name", "key", "type", "containerPort", "port", "mountPath", "ip", "host", "path")
"""Fields of a list's item that a patch tests before it changes the item: its place may have moved."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that somebody else changed after the change did. It stays as it is."""

    path: str


@dataclass(frozen=True, slots=True)
class Restored:
    """The object as it should become, without what only the server sets."""

    object: dict[str, Any]
    conflicts: tuple[Conflict, ...]


def restore(before: Json, after: Json, live: Json, chosen: frozenset[str] = frozenset()) -> Restored:
    """`live` with every field that differs between `before` and `after` as it was in `before`, unless it is no longer as in `after`.
    `chosen` names fields whose values the server chooses anew for every request: any value of theirs is the change's."""
    merge = _Merge(chosen)
    result = merge.run(own_part(before), own_part(after), own_part(live), (), "")
    return Restored(result if isinstance(result, dict) else {}, tuple(merge.conflicts))


def own_part(item: Json) -> dict[str, Any]:
    """An object without its status and what only the server sets."""
    if not isinstance(item, dict):
        return {}
    kept = {key: value for key, value in item.items() if key != "status"}
    metadata = kept.get("metadata")
    if isinstance(metadata, dict):
        kept["metadata"] = {key: value for key, value in metadata.items() if key not in SERVER_SET | _DELETION}
    return kept


def json_patch(old: Json, new: Json, path: str = "") -> Iterator[dict[str, Any]]:
    """The operations that lead from `old` to `new`. What lies in an item of a list is changed only if the item is the one it was."""
    if are_same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            if key not in new:
                yield {"op": "remove", "path": _point(path, key)}
        for key, value in new.items():
            if key in old:
                yield from json_patch(old[key], value, _point(path, key))
            else:
                yield {"op": "add", "path": _point(path, key), "value": value}
    elif isinstance(old, list) and isinstance(new, list) and _are_aligned(old, new):
        for place, (first, second) in enumerate(zip(old, new, strict=True)):
            if not are_same(first, second):
                name = next(name for name in _IDENTITIES if name in first)
                yield {"op": "test", "path": f"{path}/{place}/{name}", "value": first[name]}
                yield from json_patch(first, second, f"{path}/{place}")
    else:
        yield {"op": "replace", "path": path, "value": new}


def _are_aligned(old: list[Json], new: list[Json]) -> bool:
    """Whether both lists hold the same named items in the same order."""
    return len(old) == len(new) and all(_identity(a) == _identity(b) != () for a, b in zip(old, new, strict=True))


def _identity(item: Json) -> tuple[Json, ...]:
    name = next((name for name in _IDENTITIES if name in item), "") if isinstance(item, dict) else ""
    return (name, item[name]) if name else ()


def _point(path: str, key: str) -> str:
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"


_Field = Json | _Absent


class _Merge:
    """One merge, and the conflicts it met."""

    def __init__(self, chosen: frozenset[str]) -> None:
        self._chosen = chosen
        self.conflicts: list[Conflict] = []

    def run(self, before: _Field, after: _Field, live: _Field, keys: tuple[str, ...], path: str) -> _Field:
        if _are_same(before, after) or _are_same(live, before):
            return live
        if _are_same(live, after) or (keys and keys[-1] in self._chosen):
            return before
        if isinstance(live, dict) and isinstance(before, dict | _Absent) and (isinstance(after, dict) or _are_texts(before, live)):
            return self._maps(before, after, live, keys, path)
        if isinstance(live, list) and all(isinstance(item, list | _Absent) for item in (before, after)):
            was, became = ([] if isinstance(item, _Absent) else item for item in (before, after))
            merged = self._lists(was, became, live, keys, path)
            if merged is not None:
                return merged if merged or before is not ABSENT else ABSENT
        self.conflicts.append(Conflict(path))
        return live

    def _maps(self, before: _Field, after: _Field, live: dict[str, Json], keys: tuple[str, ...], path: str) -> _Field:
        was, became = (item if isinstance(item, dict) else {} for item in (before, after))
        merged: dict[str, Json] = {}
        for key in dict.fromkeys((*live, *was)):
            value = self.run(was.get(key, ABSENT), became.get(key, ABSENT), live.get(key, ABSENT), (*keys, key), join(path, key))
            if value is not ABSENT:
                merged[key] = value
        # An empty map of these is no map, and what others add to it meanwhile is not taken away with it.
        is_kept = bool(merged) or before is not ABSENT or keys[-1] in ("labels", "annotations")
        return merged if is_kept else ABSENT

    def _lists(self, before: list[Json], after: list[Json], live: list[Json], keys: tuple[str, ...], path: str) -> list[Json] | None:
        """None if the items have no names by which they can be told apart."""
        merge_key = find_merge_key(keys, before, after)
        named = [names_by(items, merge_key) for items in (before, after, live)] if merge_key else [None]
        if any(names is None for names in named):
            return None
        was, became, now = (dict(zip(names or (), items, strict=True)) for names, items in zip(named, (before, after, live), strict=True))
        merged: dict[str, Json] = {}
        for name, item in now.items():
            if name not in was and name in became:
                value = self._added(became[name], item, f"{path}[{name}]")
            else:
                value = self.run(was.get(name, ABSENT), became.get(name, ABSENT), item, (*keys, name), f"{path}[{name}]")
            if value is not ABSENT:
                merged[name] = value
        for name, item in was.items():
            if name not in now and name not in became:
                merged = _insert(merged, name, item, list(was))
            elif name not in now and not are_same(item, became[name]):
                self.conflicts.append(Conflict(f"{path}[{name}]"))
        return list(merged.values())

    def _added(self, after: Json, live: Json, path: str) -> _Field:
        """An item that the change added goes as a whole, or stays if somebody else made something of it since."""
        without = [{key: value for key, value in item.items() if key not in self._chosen} for item in (after, live)]
        if are_same(*without):
            return ABSENT
        self.conflicts.append(Conflict(path))
        return live


def _are_texts(*maps: _Field) -> bool:
    """Whether keys of both stand for themselves, as those of labels do; a probe of parts of two would be none."""
    return all(isinstance(item, dict) and all(isinstance(value, str) for value in item.values()) for item in maps)


def _insert(items: dict[str, Json], name: str, item: Json, order: list[str]) -> dict[str, Json]:
    """The items with one more, behind the nearest one that it came after."""
    earlier = [other for other in order[: order.index(name)] if other in items]
    names = list(items)
    at = names.index(earlier[-1]) + 1 if earlier else 0
    pairs = [(key, items[key]) for key in names]
    return dict([*pairs[:at], (name, item), *pairs[at:]])


def _are_same(first: _Field, second: _Field) -> bool:
    return first is second if first is ABSENT or second is ABSENT else are_same(first, second)
