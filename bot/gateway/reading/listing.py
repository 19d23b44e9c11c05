"""Lists and Tables with the rehearsal's own writes shown in them, element by element as they come."""

from __future__ import annotations

from collections.abc import Mapping

from bot.gateway.hiding.columns import metadata_only
from bot.gateway.hiding.redaction import Redactor
from bot.gateway.protocol.selectors import matches
from bot.gateway.reading.tables import fit, object_key, row_key, table_of
from bot.gateway.rehearsal.call import Call
from bot.gateway.rehearsal.overlay import Entry, Key, selected
from bot.values.requests import Json, RequestInfo


class Merge:
    """Replaces written objects in one list, leaves deleted ones out and adds created ones: where they belong in a list that is asked for
    whole, at the end of the last page of one that is not. Pure."""

    def __init__(
        self,
        info: RequestInfo,
        query: Mapping[str, str],
        entries: list[Entry],
        *,
        printed: Mapping[Key, Json],
        hidden: frozenset[str],
        redactor: Redactor,
    ) -> None:
        """`entries` are the written objects that the list may show; `printed` their Tables, if one is asked for. Of `hidden` namespaces
        nothing else is shown."""
        self._info = info
        self._hidden = hidden
        self._redactor = redactor
        self._selectors = (query.get("labelSelector", ""), query.get("fieldSelector", ""))
        self._is_later_page = bool(query.get("continue"))
        self._printed = printed
        self._written = frozenset(entry.key for entry in entries)
        shown = sorted((entry for entry in entries if selected(entry, *self._selectors)), key=lambda entry: _order(entry.key))
        self._pending = {entry.key: entry for entry in shown}
        self._queue = iter(list(self._pending))
        self._next = next(self._queue, None)
        self._kind = ""
        self._columns: Json = None
        self._names_kind = True
        """Whether elements say what they are: items of typed lists do not."""
        self.has_more: bool | None = None if self._is_later_page or query.get("limit") else False
        """Whether further pages follow; None while nothing has told."""

    def learn(self, key: str, value: Json) -> Json:
        """Takes a member of the list that tells something of its elements; gives it back as it is shown."""
        if key == "kind":
            self._kind = value
        elif key == "metadata":
            self.has_more = bool((value or {}).get("continue"))
        elif key == "columnDefinitions":
            value = self._columns = value or next((table.get("columnDefinitions") for table in self._printed.values()), value)
        return value

    def show(self, elements: list[Json]) -> list[Json]:
        """The next elements as the rehearsal shows them."""
        shown = []
        self._names_kind = "kind" in elements[0]
        is_in_order = self.has_more is False and not self._is_later_page
        for element in elements:
            key = self._key(element)
            if is_in_order:
                shown += self._due_before(key)
            if key in self._written:
                shown += self._take(key)
            elif key.namespace not in self._hidden:
                shown.append(element)
        return shown

    def rest(self) -> list[Json]:
        """What comes after the last element."""
        if self.has_more:
            return []
        left = [key for key, entry in self._pending.items() if not (self._is_later_page and self._came_earlier(entry))]
        return [shown for key in left for shown in self._take(key)]

    def _due_before(self, key: Key) -> list[Json]:
        due = []
        while self._next is not None and _order(self._next) < _order(key):
            due += self._take(self._next)
            self._next = next(self._queue, None)
        return due

    def _take(self, key: Key) -> list[Json]:
        """The object as an element, unless it has come already."""
        entry = self._pending.pop(key, None)
        if entry is None:
            return []
        rows = fit(self._columns, self._printed[key]) if self._kind == "Table" else [self._as_item(entry.current)]
        if self._redactor.needs_body(self._info):
            return rows  # redacted with all the other elements
        return [self._redactor.redact_object(row, self._info) for row in rows]

    def _as_item(self, current: Json) -> Json:
        if self._kind == "PartialObjectMetadataList":
            return metadata_only(current)
        if self._names_kind:
            return current
        return {key: value for key, value in current.items() if key not in ("kind", "apiVersion")}

    def _key(self, element: Json) -> Key:
        return row_key(self._info, element) if self._kind == "Table" else object_key(self._info, element)

    def _came_earlier(self, entry: Entry) -> bool:
        """Whether an object was on an earlier page already, because the cluster has it and it was selected there too."""
        return entry.live is not None and matches(entry.live, *self._selectors)


async def merge_into(call: Call, entries: list[Entry]) -> Merge:
    """How these written objects are shown in the answer to a LIST. Raises UpstreamFailedError."""
    printed = {}
    if "as=table" in call.accept.lower():
        selectors = call.parameter("labelSelector"), call.parameter("fieldSelector")
        printed = {entry.key: await table_of(call, entry) for entry in entries if selected(entry, *selectors)}
    query = dict(reversed(call.parsed.query))  # of two values, the first counts
    hidden = call.session.overlay.hidden_namespaces()
    return Merge(call.info, query, entries, printed=printed, hidden=hidden, redactor=call.session.redactor)


def fill(merge: Merge, empty: Json) -> Json:
    """The list that the cluster has nothing of: of a namespace or kind that only the rehearsal has."""
    members = {key: merge.learn(key, value) for key, value in empty.items()}
    key = "rows" if "rows" in members else "items"
    return {**members, key: merge.rest()}


def _order(key: Key) -> str:
    """The API server lists by where it stores things."""
    return f"{key.namespace}/{key.name}"
