"""What differs between two versions of an object, field by field, in the paths a Kubernetes person reads. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import orjson

from bot.changes import quantities
from bot.changes.change import FieldDiff
from bot.values.requests import Json

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_NAME = re.compile(r"[^\[\]\"\\\s]+( [^\[\]\"\\\s]+)*")
_LISTED = re.compile(r"[A-Za-z0-9_./*-]*")
SERVER_SET = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"})
"""What only the server sets in the metadata."""
_SERVER_ANNOTATIONS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deployment.kubernetes.io/revision",
        "deprecated.daemonset.template.generation",
    }
)
_MIRROR = "node.kubernetes.io/unschedulable"
_MERGE_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "ports": (("containerPort", "protocol"), ("containerPort",), ("port", "protocol"), ("port",), ("name",)),
    "volumeMounts": (("mountPath",),),
    "volumeDevices": (("devicePath",),),
    "hostAliases": (("ip",),),
    "conditions": (("type",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"), ("topologyKey",)),
    "taints": (("key", "effect"), ("key",)),
    "ownerReferences": (("uid",),),
    "tolerations": (("key", "effect"), ("key",)),
    "items": (("key",), ("path",), ("name",)),
    "rules": (("resources", "apiGroups"), ("resources", "apiGroups", "verbs"), ("nonResourceURLs",), ("host",)),
}
"""Patch merge keys of the built-in types by field name, the most exact first."""
_COMMON_KEYS = (("name",), ("key",), ("type",), ("ip",), ("host",), ("path",), ("id",))
"""What names an item elsewhere (custom resources too), if every item has it and no two share it."""

_UNORDERED = frozenset(
    {"ports", "volumes", "volumeMounts", "volumeDevices", "hostAliases", "conditions", "topologySpreadConstraints"}
    | {"taints", "tolerations", "ownerReferences", "subjects", "imagePullSecrets"}
)
"""Lists of the built-in types in which it means nothing where a new item stands: a strategic merge patch puts it first."""

_Keys = tuple[str, ...]


def between(before: Json, after: Json, *, with_status: bool = False) -> tuple[FieldDiff, ...]:
    """The changed fields in the order of the objects. Missing and null are the same; so are quantities of one value.

    What the server alone sets is left out, `status` too unless `with_status`. A Scale is compared by its `spec.replicas`.
    """
    if is_scale(after) or is_scale(before):
        before, after = _replicas(before), _replicas(after)
    old, new = _comparable(before, with_status=with_status), _comparable(after, with_status=with_status)
    return tuple(_changes(old, new, (), ""))


def is_scale(item: Json) -> bool:
    """Whether it is what the scale subresource of an object answers."""
    return isinstance(item, dict) and item.get("kind") == "Scale" and str(item.get("apiVersion", "")).startswith("autoscaling/")


def _replicas(item: Json) -> Json:
    spec = item.get("spec") if isinstance(item, dict) else None
    replicas = spec.get("replicas") if isinstance(spec, dict) else None
    if replicas is None and is_scale(item):
        replicas = 0  # a Scale leaves out a zero
    return {} if replicas is None else {"spec": {"replicas": replicas}}


def _comparable(item: Json, *, with_status: bool) -> dict[str, Json]:
    if not isinstance(item, dict):
        return {}
    kept = {key: value for key, value in item.items() if key not in ("apiVersion", "kind") and (with_status or key != "status")}
    metadata = kept.get("metadata")
    if isinstance(metadata, dict):
        metadata = {key: value for key, value in metadata.items() if key not in SERVER_SET}
        annotations = metadata.pop("annotations", None)
        if isinstance(annotations, dict):
            annotations = {key: value for key, value in annotations.items() if key not in _SERVER_ANNOTATIONS}
            if annotations:
                metadata["annotations"] = annotations
        kept["metadata"] = metadata
    if item.get("kind") == "Node" and isinstance(item.get("spec"), dict):
        kept["spec"] = _without_mirror(item["spec"])
    return kept


def _without_mirror(spec: dict[str, Json]) -> dict[str, Json]:
    """A node's spec without the taint that says `unschedulable` once more: a controller puts it there and takes it away."""
    taints = [taint for taint in spec.get("taints") or () if not (isinstance(taint, dict) and taint.get("key") == _MIRROR)]
    return {**{key: value for key, value in spec.items() if key != "taints"}, **({"taints": taints} if taints else {})}


def _changes(old: Json, new: Json, keys: _Keys, path: str) -> Iterator[FieldDiff]:
    if old is None and new is None:
        return
    if isinstance(new, dict) and isinstance(old, dict | None) and (old or new):
        yield from _map_changes(old or {}, new, keys, path, was_there=old is not None)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list_changes(old, new, keys, path)
    elif (old is None and _holds_maps(new)) or (new is None and _holds_maps(old)):
        yield from _list_changes(old or [], new or [], keys, path)
    elif old is None:
        yield FieldDiff(path, None, new, "add")
    elif new is None and _holds_fields(old, path):
        yield from _map_changes(old, {}, keys, path, was_there=True)
    elif new is None:
        yield FieldDiff(path, old, None, "remove")
    elif not are_same(old, new) and not (quantities.holds_quantity(keys) and quantities.are_equal(old, new)):
        yield FieldDiff(path, old, new, "replace")


def _holds_maps(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _holds_fields(gone: Json, path: str) -> bool:
    """Whether of a map that goes each key is told by itself: of labels, a nodeSelector, limits. An item of a list goes as a whole."""
    is_map = isinstance(gone, dict) and bool(gone) and not path.endswith("]")
    return is_map and all(isinstance(value, str) for value in gone.values())


def _map_changes(old: dict[str, Json], new: dict[str, Json], keys: _Keys, path: str, *, was_there: bool) -> Iterator[FieldDiff]:
    if not was_there and not any(value is not None for value in new.values()):
        yield FieldDiff(path, None, {}, "add")
        return
    for key in dict.fromkeys((*old, *new)):
        if key == "serviceAccount" and all(item.get(key) == item.get("serviceAccountName") for item in (old, new)):
            continue  # the old name of the other field, which the server keeps the same
        yield from _changes(old.get(key), new.get(key), (*keys, key), join(path, key))


def join(path: str, key: str) -> str:
    """The path of a field below `path`."""
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{orjson.dumps(key).decode()}]"


def _list_changes(old: list[Json], new: list[Json], keys: _Keys, path: str) -> Iterator[FieldDiff]:
    merge_key = find_merge_key(keys, old, new)
    if not merge_key:
        yield from _aligned_changes(old, new, keys, path)
        return
    old_items = dict(zip(names_by(old, merge_key) or (), old, strict=True))
    new_items = dict(zip(names_by(new, merge_key) or (), new, strict=True))
    for name in dict.fromkeys((*old_items, *new_items)):
        before, after = old_items.get(name), new_items.get(name)
        if after is not None and before is None:  # the path names the item: what names it need not be told again
            after = {key: value for key, value in after.items() if key not in merge_key} or {merge_key[0]: after[merge_key[0]]}
        yield from _changes(before, after, (*keys, name), f"{path}[{_quote(name)}]")
    if _tells_order(list(old_items), list(new_items), keys):
        yield FieldDiff(f"{path}[*]", list(old_items), list(new_items), "replace")


def _tells_order(old: list[str], new: list[str], keys: _Keys) -> bool:
    """Whether the items come in another order (that of env and initContainers has a meaning). New ones are told at the end."""
    kept = [name for name in old if name in new]
    if keys and keys[-1] in _UNORDERED:
        return kept != [name for name in new if name in old]
    return [*kept, *(name for name in new if name not in old)] != new


def find_merge_key(keys: _Keys, old: list[Json], new: list[Json]) -> tuple[str, ...]:
    """The fields that name the items of both lists; () if there are none."""
    if all(isinstance(item, dict) for item in (*old, *new)):
        for merge_key in (*_MERGE_KEYS.get(keys[-1] if keys else "", ()), *_COMMON_KEYS):
            if names_by(old, merge_key) is not None and names_by(new, merge_key) is not None:
                return merge_key
    return ()


def names_by(items: Sequence[Json], merge_key: tuple[str, ...]) -> list[str] | None:
    """The items' names by this key, or None if an item has none or two share one. A missing protocol or effect is ''."""
    found: list[str] = []
    for item in items:
        values = [_as_name(item.get(part, "")) for part in merge_key]
        if None in values or values[0] == "":
            return None
        separator = "." if merge_key[0] == "resources" else "/"  # `deployments.apps`, as kubectl names it
        found.append(separator.join(value for value in values if value not in ("", "TCP", None)))
    return found if len(set(found)) == len(found) else None


def _as_name(value: Json) -> str | None:
    """A key's value as a part of a name; lists of plain words too, as the rules of RBAC have them."""
    if isinstance(value, list) and all(isinstance(item, str) and _LISTED.fullmatch(item) for item in value):
        return ",".join(value)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _quote(name: str) -> str:
    """The name of an item inside brackets: one that could be taken for the end of them is quoted."""
    return name if _PLAIN_NAME.fullmatch(name) else orjson.dumps(name).decode()


def _aligned_changes(old: list[Json], new: list[Json], keys: _Keys, path: str) -> Iterator[FieldDiff]:
    """Items without names: what is equal at both ends stays, what is between is compared by position."""
    start = 0
    while start < min(len(old), len(new)) and are_same(old[start], new[start]):
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and are_same(old[-1 - end], new[-1 - end]):
        end += 1
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    for place in range(max(len(gone), len(come))):
        first = gone[place] if place < len(gone) else None
        second = come[place] if place < len(come) else None
        if first is None or second is None:  # as a whole: a field of its own would look like one of the item that was there
            yield FieldDiff(f"{path}[{start + place}]", first, second, "add" if first is None else "remove")
        else:
            yield from _changes(first, second, (*keys, "*"), f"{path}[{start + place}]")


def are_same(old: Json, new: Json) -> bool:
    """Equality of JSON values: unlike in Python, 1 is not true."""
    return old == new and orjson.dumps(old, option=orjson.OPT_SORT_KEYS) == orjson.dumps(new, option=orjson.OPT_SORT_KEYS)
