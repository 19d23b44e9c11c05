"""One thread's rows as a file, which whoever looks into a bug report reads without the database.

It holds what is in the database in the clear, and of what is sealed there only what a replay needs: neither the bodies of requests nor
objects from the cluster, in which values may stand that are shown to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bot.changes.change import Change
from bot.errors import ConfigError
from bot.store.codec import dump_entry, load_entry
from bot.values.requests import RecordedWrite
from bot.values.tool_use import read_use
from bot.values.transcript import Entry

_FORMAT = "kubectl-ai-slack thread 1"
_CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(
    tuple[Change, ...], config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
)


@dataclass(frozen=True, slots=True)
class ThreadRows:
    """What is kept of a thread."""

    thread_id: str
    entries: Sequence[Entry]
    changes: Sequence[Change]


def dump(rows: ThreadRows) -> str:
    """The text of the file: JSON, with one row on each line."""
    entries = [json.dumps([kind, json.loads(row)], ensure_ascii=False) for kind, row in map(dump_entry, rows.entries)]
    changes = [_dump_change(change) for change in rows.changes]
    head = json.dumps({"format": _FORMAT, "version": version("kubectl-ai-slack"), "thread": rows.thread_id})[:-1]
    return f'{head},\n"entries": [\n{_lines(entries)}],\n"changes": [\n{_lines(changes)}]}}\n'


def load(data: bytes) -> ThreadRows:
    """The inverse of `dump`, but for what it leaves out. Raises ConfigError for anything else."""
    try:
        held = json.loads(data)
        if held["format"] != _FORMAT:
            raise ConfigError(f"The file is of the format {held['format']!r}, made by version {held['version']}: use that version.")
        entries = tuple(load_entry(kind, json.dumps(row)) for kind, row in held["entries"])
        return ThreadRows(str(held["thread"]), entries, _CHANGES.validate_json(json.dumps(held["changes"])))
    except (ValueError, KeyError, TypeError) as exc:
        what = f": {exc.error_count()} values do not fit" if isinstance(exc, ValidationError) else ""
        raise ConfigError(f"It is no file that `replay --save` made, or it was altered{what}; have it saved again.") from exc


def _dump_change(change: Change) -> str:
    written = json.loads(_CHANGES.dump_json((replace(change, writes=tuple(map(_without_sealed, change.writes))),)))
    return json.dumps(written[0], ensure_ascii=False)


def _without_sealed(write: RecordedWrite) -> RecordedWrite:
    """The call of a tool keeps its arguments: they stand in the transcript too, and in the answer that is computed again."""
    body = write.request.body if read_use(write) is not None else b""
    return replace(write, request=replace(write.request, body=body), before=None, after=None)


def _lines(rows: Sequence[str]) -> str:
    return "".join(f"{row}{',' if place < len(rows) else ''}\n" for place, row in enumerate(rows, start=1))
