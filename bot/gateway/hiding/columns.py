"""Tables of kinds that can embed a Secret: a CRD may print one of its values in a column. The API server is asked for the whole objects
beside the cells, so that redaction knows what they hold; the client gets of them what it asked for. Pure.

A cell is hidden for where its column points, whatever is in it: what a cell holds may be short, a number, or a whole object, and to compare
it with what is hidden would tell whether a guess is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.gateway.hiding.pointing import hides_field
from bot.values.requests import Json

INCLUDE = "includeObject"
HIDDEN_CELL = "[redacted:not-compared]"
_WHOLE, _NOTHING = "Object", "None"
_AGE = {"Age": (".metadata.creationTimestamp",)}
"""What the API server prints of a kind whose CRD names no columns."""

Printed = Mapping[str, Sequence[str]]
"""The JSON paths that columns print, by their names."""


@dataclass(frozen=True, slots=True)
class View:
    """What a client gets to see of a Table."""

    asked: str
    """The client's `includeObject`."""
    printed: Printed | None = None
    """None if it is not known: then only the name is shown of an object that hides something."""

    def table(self, item: Json, shown: Json, definitions: Json = None) -> Json:
        """A Table as it is shown, if redaction made `shown` of it; anything else as it is. `definitions` of columns are those of an
        earlier event, if it has none of its own."""
        if not isinstance(shown, dict) or shown.get("kind") != "Table" or not shown.get("rows"):
            return shown
        return {**shown, "rows": self.rows(item["rows"], shown["rows"], item.get("columnDefinitions") or definitions)}

    def rows(self, rows: Sequence[Json], shown: Sequence[Json], definitions: Json) -> list[Json]:
        """The same for rows alone."""
        names = [str(one.get("name")) for one in definitions or ()]
        return [self._row(row, seen, names) if isinstance(row, dict) else seen for row, seen in zip(rows, shown, strict=True)]

    def _row(self, row: dict[str, Json], shown: Json, names: Sequence[str]) -> Json:
        whole, seen = row.get("object"), shown.get("object")
        if whole is not seen and isinstance(row.get("cells"), list):
            hidden = [place > 0 and self._hides(names[place : place + 1], whole, seen) for place in range(len(shown["cells"]))]
            cells = [HIDDEN_CELL if hides else cell for hides, cell in zip(hidden, shown["cells"], strict=True)]
            shown = {**shown, "cells": cells}
        if self.asked == _WHOLE or not isinstance(seen, dict):
            return shown
        return {**shown, "object": None if self.asked == _NOTHING else metadata_only(seen)}

    def _hides(self, names: Sequence[str], whole: Json, seen: Json) -> bool:
        if self.printed is None or not names or names[0] not in self.printed:
            return True
        return any(hides_field(path, whole, seen) for path in self.printed[names[0]])


def printed_by(crd: Json, version: str) -> Printed | None:
    """What the columns of a CRD print; None if it has no such version."""
    for one in (crd.get("spec") or {}).get("versions") or ():
        if one.get("name") == version:
            columns = one.get("additionalPrinterColumns") or ()
            names = {str(column.get("name")) for column in columns}
            return {name: [str(c.get("jsonPath")) for c in columns if c.get("name") == name] for name in names} or _AGE
    return None


def with_objects(query: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The parameters of a request for a Table, whose rows are to have their objects."""
    return (*(pair for pair in query if pair[0] != INCLUDE), (INCLUDE, _WHOLE))


def metadata_only(item: Json) -> Json:
    """The object as `PartialObjectMetadata`."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item.get("metadata") or {}}
