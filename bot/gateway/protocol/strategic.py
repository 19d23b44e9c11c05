"""Strategic merge patch and list merging by key, as the OpenAPI schema of a type prescribes. Pure.

Needed where the server cannot do it for us: for the second patch of an object within one rehearsal, whose first patch is not applied.
The rules are those of `k8s.io/apimachinery/pkg/util/strategicpatch`; merge keys come from `x-kubernetes-patch-*` and `x-kubernetes-list-*`.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from bot.gateway.protocol.openapi import Schema
from bot.values.requests import Json

_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
_ELEMENT_ORDER = "$setElementOrder/"
_NOTHING = object()


def apply(target: Json, patch: Json, schema: Schema) -> Json:
    """The result of a strategic merge patch of an object."""
    if "$patch" in patch:
        kept = {key: deepcopy(value) for key, value in patch.items() if key != "$patch"}
        return kept if patch["$patch"] == "replace" else {}
    result = dict(target) if isinstance(target, dict) else {}
    if isinstance(retained := patch.get("$retainKeys"), list):
        result = {key: value for key, value in result.items() if key in retained}
    orders = {key[len(_ELEMENT_ORDER) :]: value for key, value in patch.items() if key.startswith(_ELEMENT_ORDER)}
    for key, value in patch.items():
        if key.startswith(_DELETE_PRIMITIVES):
            name = key[len(_DELETE_PRIMITIVES) :]
            if isinstance(result.get(name), list):
                result[name] = [item for item in result[name] if item not in value]
    for key in dict.fromkeys([*(key for key in patch if not key.startswith("$")), *orders]):
        _apply_field(result, key, patch, orders.get(key), schema.field(key))
    return result


def _apply_field(result: dict[str, Json], key: str, patch: Json, order: list[Json] | None, schema: Schema) -> None:
    old, new = result.get(key), patch.get(key)
    if key in patch and new is None:
        result.pop(key, None)
    elif isinstance(old, list) and (isinstance(new, list) or order is not None) and schema.merges_on_patch:
        result[key] = _merge_list(old, new if isinstance(new, list) else [], order, schema)
    elif isinstance(old, dict) and isinstance(new, dict):
        result[key] = deepcopy(new) if schema.replaces_on_patch else apply(old, new, schema)
    elif key in patch:
        kept = _without_directives(new)
        if kept is _NOTHING:
            result.pop(key, None)
        else:
            result[key] = kept


def _merge_list(old: list[Json], new: list[Json], order: list[Json] | None, schema: Schema) -> list[Json]:
    """Merges a list by its key (texts and numbers by themselves). What the patch names comes in its order, the rest stays where it was."""
    keys = (schema.patch_key,) if schema.patch_key else ()
    directives = [item["$patch"] if isinstance(item, dict) and "$patch" in item else None for item in new]
    news = [item for item, directive in zip(new, directives, strict=True) if directive is None]
    if "replace" in directives:
        return deepcopy(news)
    gone = {_key(item, keys) for item, directive in zip(new, directives, strict=True) if directive == "delete"}
    merged = {_key(item, keys): item for item in old if _key(item, keys) not in gone}
    for item in news:
        known = merged.get(_key(item, keys))
        both_maps = isinstance(known, dict) and isinstance(item, dict)
        merged[_key(item, keys)] = apply(known, item, schema.item) if both_maps else _without_directives(item)
    named = list(dict.fromkeys(_key(item, keys) for item in (news if order is None else order)))
    ours = [name for name in named if name in merged]
    others = [name for name in merged if name not in set(named)]
    places = {_key(item, keys): place for place, item in enumerate(old)}
    return [merged[name] for name in _interleave(others, ours, places)]


def _interleave(others: list[str], ours: list[str], places: dict[str, int]) -> list[str]:
    """Two lists in one, each in its own order; where both heads were in the list before, the one that came first comes first."""
    result, left, right = [], list(others), list(ours)
    while left and right:
        is_before = left[0] in places and right[0] in places and places[left[0]] < places[right[0]]
        result.append((left if is_before else right).pop(0))
    return [*result, *left, *right]


def _without_directives(value: Json) -> Json:
    """A patch value where there was none: no nulls in maps, no directives; a map that is one is nothing."""
    if isinstance(value, dict):
        if "$patch" in value:
            return _NOTHING
        kept = ((key, _without_directives(item)) for key, item in value.items() if item is not None and not key.startswith("$"))
        return {key: item for key, item in kept if item is not _NOTHING}
    if isinstance(value, list):
        return [item for item in map(_without_directives, value) if item is not _NOTHING]
    return value


def overlay(target: Json, config: Json, schema: Schema) -> Json:
    """The result of a server-side apply by a manager that owned nothing before: what it names is set, lists are merged by key."""
    if isinstance(config, dict) and isinstance(target, dict):
        if schema.is_atomic:
            return deepcopy(config)
        return {**target, **{key: overlay(target.get(key), value, schema.field(key)) for key, value in config.items()}}
    if isinstance(config, list) and isinstance(target, list):
        if schema.is_set:
            return [*target, *(item for item in config if item not in target)]
        if keys := schema.list_keys:
            return _merge_items(target, config, keys, lambda old, new: overlay(old, new, schema.item))
    return deepcopy(config)


def rebase(base: Json, changed: Json, onto: Json, schema: Schema) -> Json:
    """Carries what changed between `base` and `changed` over to `onto`: lists by key where the schema has one, whole otherwise."""
    if base == changed:
        return onto
    if isinstance(base, dict) and isinstance(changed, dict) and isinstance(onto, dict):
        result = {key: value for key, value in onto.items() if key in changed or key not in base}
        for key, value in changed.items():
            if key not in base or base[key] != value:
                result[key] = rebase(base.get(key), value, onto.get(key), schema.field(key))
        return result
    keys = schema.list_keys or ((schema.patch_key,) if schema.patch_key else ())
    if keys and isinstance(base, list) and isinstance(changed, list) and isinstance(onto, list):
        kept = {_key(item, keys) for item in changed} | ({_key(i, keys) for i in onto} - {_key(i, keys) for i in base})
        before = {_key(item, keys): item for item in base}
        news = [item for item in changed if before.get(_key(item, keys)) != item]
        remaining = [item for item in onto if _key(item, keys) in kept]
        return _merge_items(remaining, news, keys, lambda old, new: rebase(before.get(_key(new, keys)), new, old, schema.item))
    return deepcopy(changed)


def _merge_items(existing: list[Json], news: list[Json], keys: tuple[str, ...], combine: Callable[[Json, Json], Json]) -> list[Json]:
    result = list(existing)
    places = {_key(item, keys): place for place, item in enumerate(result)}
    for item in news:
        place = places.get(_key(item, keys))
        if place is None:
            places[_key(item, keys)] = len(result)
            result.append(combine(None, item) if isinstance(item, dict) else item)
        else:
            result[place] = combine(result[place], item)
    return result


def _key(item: Json, keys: tuple[str, ...]) -> str:
    if not isinstance(item, dict):
        return repr(item)
    return repr([item.get(key, "TCP" if key == "protocol" else None) for key in keys])
