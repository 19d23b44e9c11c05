"""Uids that a rehearsal made up: an object that a change makes gets another uid than its dry run had. Pure.

Owner references, and replacements of what was just made, name their object by uid. With one that never was, the garbage collector takes
the dependent away, and a replacement is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import orjson

from bot.changes import bodies
from bot.changes.change import FieldDiff, ObjectDiff
from bot.values.requests import Json, RecordedWrite


def mentioned(writes: Sequence[RecordedWrite], position: int) -> Iterator[tuple[int, str]]:
    """The earlier writes that make an object which this one names by uid, each with the uid that the rehearsal gave it."""
    for earlier, write in enumerate(writes[:position]):
        uid = str(bodies.metadata(write.after).get("uid") or "")
        if uid and write.before is None and bodies.mentions(writes[position].request, uid):
            yield earlier, uid


def settle(write: RecordedWrite, approved: ObjectDiff, made_up: str, real: str) -> tuple[RecordedWrite, ObjectDiff]:
    """The write and its difference with the real uid. All uids are equally long, so this may be done in protobuf too."""
    if len(made_up) != len(real):
        return write, approved
    request = replace(write.request, body=write.request.body.replace(made_up.encode(), real.encode()))
    before, after = (_renamed(item, made_up, real) for item in (write.before, write.after))
    fields = tuple(
        FieldDiff(field.path.replace(made_up, real), _renamed(field.old, made_up, real), _renamed(field.new, made_up, real), field.op)
        for field in approved.fields
    )
    return replace(write, request=request, before=before, after=after), replace(approved, fields=fields)


def _renamed(value: Json, made_up: str, real: str) -> Json:
    return orjson.loads(orjson.dumps(value).replace(made_up.encode(), real.encode()))
