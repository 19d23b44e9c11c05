"""Values to JSON text and back. Bytes become base64; what comes back is equal to what went in."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic_core import PydanticSerializationError

from bot.changes.change import ObjectDiff
from bot.threads.inbound import incoming
from bot.threads.inbound.incoming import Incoming
from bot.values.execs import Output
from bot.values.requests import RecordedWrite, RefusedRequest
from bot.values.transcript import Answered, Asked, Cleared, Compacted, Ended, Entry, Happened, Proposed, Replied

_ENTRIES: dict[str, TypeAdapter[Any]] = {
    "asked": TypeAdapter(Asked),
    "happened": TypeAdapter(Happened),
    "replied": TypeAdapter(Replied),
    "compacted": TypeAdapter(Compacted),
    "cleared": TypeAdapter(Cleared),
    "proposed": TypeAdapter(Proposed),
    "answered": TypeAdapter(Answered),
    "ended": TypeAdapter(Ended),
}
_DIFFS: TypeAdapter[tuple[ObjectDiff, ...]] = TypeAdapter(tuple[ObjectDiff, ...])
_OUTPUT: TypeAdapter[Output] = TypeAdapter(Output)
_IMPACT: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])
_REFUSED: TypeAdapter[tuple[RefusedRequest, ...]] = TypeAdapter(tuple[RefusedRequest, ...])
_WRITES: TypeAdapter[tuple[RecordedWrite, ...]] = TypeAdapter(
    tuple[RecordedWrite, ...], config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
)


def dump_entry(entry: Entry) -> tuple[str, str]:
    """The entry's kind and its JSON."""
    kind = type(entry).__name__.lower()
    return kind, _dump(_ENTRIES[kind], entry)


def load_entry(kind: str, data: str) -> Entry:
    entry: Entry = _ENTRIES[kind].validate_json(data)
    return entry


def dump_writes(writes: tuple[RecordedWrite, ...]) -> str:
    return _dump(_WRITES, writes)


def load_writes(data: str) -> tuple[RecordedWrite, ...]:
    return _WRITES.validate_json(data)


def dump_diffs(diffs: tuple[ObjectDiff, ...]) -> str:
    return _dump(_DIFFS, diffs)


def load_diffs(data: str) -> tuple[ObjectDiff, ...]:
    return _DIFFS.validate_json(data)


def dump_output(output: Output) -> str:
    return _dump(_OUTPUT, output)


def load_output(data: str) -> Output:
    return _OUTPUT.validate_json(data)


def dump_impact(impact: tuple[str, ...]) -> str:
    return _dump(_IMPACT, impact)


def load_impact(data: str) -> tuple[str, ...]:
    return _IMPACT.validate_json(data)


def dump_refused(refused: tuple[RefusedRequest, ...]) -> str:
    return _dump(_REFUSED, refused)


def load_refused(data: str) -> tuple[RefusedRequest, ...]:
    return _REFUSED.validate_json(data)


def dump_incoming(value: Incoming) -> str:
    return json.dumps(incoming.to_json(value))


def load_incoming(data: str) -> Incoming:
    return incoming.from_json(json.loads(data))


def _dump(adapter: TypeAdapter[Any], value: Any) -> str:
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError:  # an unpaired surrogate: rare, so the slow way only then
        plain = json.dumps(adapter.dump_python(value, mode="json"), ensure_ascii=False)
        return plain.encode("utf-8", "replace").decode()
