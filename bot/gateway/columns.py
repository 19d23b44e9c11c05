"""Tables of kinds that can embed a Secret: a CRD may print one of its values in a column. The API server is asked for the whole objects
beside the cells, so that redaction knows what they hold; the client gets of them what it asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.values.requests import Json

INCLUDE = "includeObject"
_WHOLE, _NOTHING = "Object", "None"


def with_objects(query: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The parameters of a request for a Table, whose rows are to have their objects."""
    return (*(pair for pair in query if pair[0] != INCLUDE), (INCLUDE, _WHOLE))


def narrow(item: Json, asked: str) -> Json:
    """A Table, or a watch event's, with as much of its objects as the client asked for with `includeObject`; anything else as it is."""
    if asked == _WHOLE or not isinstance(item, dict) or item.get("kind") != "Table" or not item.get("rows"):
        return item
    return {**item, "rows": narrow_rows(item["rows"], asked)}


def narrow_rows(rows: Sequence[Json], asked: str) -> list[Json]:
    """The same for rows alone."""
    return [_narrow_row(row, asked) if isinstance(row, dict) else row for row in rows]


def metadata_only(item: Json) -> Json:
    """The object as `PartialObjectMetadata`."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item.get("metadata") or {}}


def _narrow_row(row: dict[str, Json], asked: str) -> Json:
    whole = row.get("object")
    if asked == _WHOLE or not isinstance(whole, dict):
        return row
    return {**row, "object": None if asked == _NOTHING else metadata_only(whole)}
