"""The rehearsed state: what the objects look like that a rehearsal wrote. Everything else is as the cluster has it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from bot.gateway.protocol.selectors import matches
from bot.gateway.protocol.versions import preference
from bot.values.requests import Json, RequestInfo

_LOOKS = 3
"""Reads by name that show a deleted object which finalizers keep."""


@dataclass(frozen=True, slots=True)
class Key:
    """An object, whatever API version it is looked at in."""

    group: str
    resource: str
    namespace: str
    name: str

    @classmethod
    def of(cls, info: RequestInfo, name: str = "") -> Key:
        namespace = "" if info.resource == "namespaces" and info.group == "" else info.namespace
        return cls(info.group, info.resource, namespace, name or info.name)


@dataclass(frozen=True, slots=True)
class Entry:
    """One written object. `live` is what the cluster has, `current` what the rehearsal shows; None means that there is none.
    Secrets are held with their values: nothing leaves from here unredacted."""

    key: Key
    version: str
    """API version of `current`."""
    kind: str
    live: Json
    current: Json
    positions: tuple[int, ...]
    """Places of its writes in the recording."""
    is_recreated: bool = False
    """Deleted and created again: `current` has nothing to do with `live`."""
    written_at: float = 0.0
    """Time of the last write, on the event loop's clock."""
    leaving: Json = None
    """Deleted, but kept by finalizers: as it stands until they are done. `current` is None then, as if they were."""
    looks: int = 0
    """How often it was read as leaving."""

    @property
    def title(self) -> str:
        """`Deployment shop/web`"""
        where = f"{self.key.namespace}/{self.key.name}" if self.key.namespace else self.key.name
        return f"{self.kind or self.key.resource} {where}"

    @property
    def is_new(self) -> bool:
        """Whether `current` cannot be expressed as an update of `live`."""
        return self.current is not None and (self.live is None or self.is_recreated)


@dataclass(frozen=True, slots=True)
class Definition:
    """A resource kind that the rehearsal defined (a CustomResourceDefinition): the cluster does not serve it."""

    group: str
    resource: str
    versions: tuple[str, ...]
    """Those that are served, the preferred one first."""
    crd: Json


@dataclass(slots=True)
class Overlay:
    """The objects that one rehearsal wrote."""

    _entries: dict[Key, Entry] = field(default_factory=dict)
    _watchers: set[asyncio.Queue[Entry]] = field(default_factory=set)
    _converting: dict[tuple[str, str], bool] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def get(self, info: RequestInfo, name: str = "") -> Entry | None:
        """The entry of the object (or of the parent, for a subresource)."""
        entry = self._entries.get(Key.of(info, name))
        return None if entry is None else self.seen_in(entry, info.version)

    def knows_conversion(self, info: RequestInfo) -> bool:
        """Whether it was noted how objects of this resource are converted."""
        return (info.group, info.resource) in self._converting

    def note_conversion(self, info: RequestInfo, *, is_by_name: bool) -> None:
        """Says whether objects of this resource differ from version to version in nothing but the version's name. Then they can be
        looked at in each from here on."""
        self._converting[(info.group, info.resource)] = is_by_name

    def seen_in(self, entry: Entry, version: str) -> Entry:
        """The entry in another API version, or as it is if only the API server could convert it."""
        key = entry.key
        if entry.version == version or not self._converting.get((key.group, key.resource)):
            return entry
        live, current, leaving = (_named_in(f"{key.group}/{version}", item) for item in (entry.live, entry.current, entry.leaving))
        return replace(entry, version=version, live=live, current=current, leaving=leaving)

    def find(self, key: Key) -> Entry | None:
        """The entry of a known object."""
        return self._entries.get(key)

    def entries(self) -> list[Entry]:
        """All of them, oldest first."""
        return list(self._entries.values())

    def put(self, entry: Entry) -> None:
        """Shows an object as written. `positions` of an earlier entry are kept."""
        earlier = self._entries.get(entry.key)
        if earlier is not None:
            earlier = self.seen_in(earlier, entry.version)
            entry = replace(
                entry,
                live=earlier.live,
                kind=entry.kind or earlier.kind,
                positions=(*earlier.positions, *entry.positions),
                is_recreated=entry.current is not None and (earlier.is_recreated or (earlier.current is None and earlier.live is not None)),
            )
        self._entries[entry.key] = entry
        for queue in self._watchers:
            queue.put_nowait(entry)

    def look_at_leaving(self, entry: Entry) -> Json:
        """What a read by name shows of a deleted object that finalizers keep: who takes them away needs it, and who asks again and again
        waits until it is gone, which it is then. None if it is."""
        shown = entry.leaving if entry.looks < _LOOKS else None
        self._entries[entry.key] = replace(entry, leaving=shown, looks=entry.looks + 1)
        return shown

    def let_go(self, info: RequestInfo) -> None:
        """From here on nothing is left of the object, if it was deleted: somebody waited until its finalizers were done."""
        entry = self.get(info)
        if entry is not None and entry.leaving is not None:
            self._entries[entry.key] = replace(entry, leaving=None)

    def within(self, info: RequestInfo) -> list[Entry]:
        """The entries that a LIST, WATCH or DELETECOLLECTION with this request info is about, selectors aside."""
        return [
            self.seen_in(entry, info.version)
            for key, entry in self._entries.items()
            if (key.group, key.resource) == (info.group, info.resource)
            and (not info.namespace or info.resource == "namespaces" or key.namespace == info.namespace)
            and (not info.name or key.name == info.name)
        ]

    def namespace_is_gone(self, namespace: str) -> bool:
        """Whether the rehearsal deleted the namespace, and did not create it again."""
        entry = self._namespace(namespace)
        return entry is not None and entry.current is None

    def namespace_is_new(self, namespace: str) -> bool:
        """Whether the rehearsal created the namespace: whatever the cluster has under this name is not in it."""
        entry = self._namespace(namespace)
        return entry is not None and entry.is_new

    def hidden_namespaces(self) -> frozenset[str]:
        """The namespaces whose objects in the cluster must not be shown."""
        names = {key.name for key in self._entries if (key.group, key.resource) == ("", "namespaces")}
        return frozenset(name for name in names if self.namespace_is_gone(name) or self.namespace_is_new(name))

    def hides_live(self, info: RequestInfo) -> bool:
        """Whether the cluster's own objects of this namespace must not be shown, for the namespace is another one by now."""
        return (
            bool(info.namespace)
            and info.resource != "namespaces"
            and (self.namespace_is_gone(info.namespace) or self.namespace_is_new(info.namespace))
        )

    def definitions(self) -> list[Definition]:
        """The resource kinds that the rehearsal defined."""
        found = []
        for key, entry in self._entries.items():
            if (key.group, key.resource) == ("apiextensions.k8s.io", "customresourcedefinitions") and entry.is_new:
                spec = entry.current.get("spec") or {}
                versions = tuple(sorted((v["name"] for v in spec.get("versions") or () if v.get("served")), key=preference))
                found.append(Definition(spec.get("group", ""), (spec.get("names") or {}).get("plural", ""), versions, entry.current))
        return found

    def definition_of(self, info: RequestInfo) -> Definition | None:
        """The definition of the request's resource, if the rehearsal made it."""
        for definition in self.definitions():
            if (definition.group, definition.resource) == (info.group, info.resource) and info.version in definition.versions:
                return definition
        return None

    def parents(self, info: RequestInfo) -> tuple[int, ...]:
        """Places of the writes that a new write of this object builds on: its own, its namespace's, its definition's. A collection's
        objects are those that earlier writes leave in it."""
        places: set[int] = set()
        entry = self.get(info) if info.name else None
        for own in self.within(info) if info.verb == "deletecollection" else (entry,):
            places.update(own.positions if own is not None else ())
        namespace = self._namespace(info.namespace)
        if namespace is not None and namespace is not entry:
            places.update(namespace.positions)
        for key, crd in self._entries.items():
            if key.resource == "customresourcedefinitions" and key.name == f"{info.resource}.{info.group}":
                places.update(crd.positions)
        return tuple(sorted(places))

    def invented_uids(self) -> list[tuple[str, Entry]]:
        """The uids that exist only in the rehearsal: the real object will get another."""
        found = ((str((e.current.get("metadata") or {}).get("uid") or ""), e) for e in self._entries.values() if e.is_new)
        return [(uid, entry) for uid, entry in found if uid]

    def subscribe(self) -> asyncio.Queue[Entry]:
        """A queue that gets every further write. Give it back to `unsubscribe`."""
        queue: asyncio.Queue[Entry] = asyncio.Queue()
        self._watchers.add(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[Entry]) -> None:
        self._watchers.discard(queue)

    def _namespace(self, namespace: str) -> Entry | None:
        return self._entries.get(Key("", "namespaces", "", namespace)) if namespace else None


def _named_in(group_version: str, item: Json) -> Json:
    return {**item, "apiVersion": group_version} if isinstance(item, dict) else item


def selected(entry: Entry, label_selector: str, field_selector: str) -> bool:
    """Whether the object as rehearsed is there and fulfils the selectors."""
    return entry.current is not None and matches(entry.current, label_selector, field_selector)
