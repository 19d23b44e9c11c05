"""The trace file: what happens in a conversation, as YAML documents with a time, an action and a payload, as kubectl-ai writes them.

Everything in it went through a redactor: what commands print through the gateway's, on its way here, and every text once more before it is
written. Requests to the model are not in it, so neither is its key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TextIO

import yaml

from bot.errors import ConfigError
from bot.local.hiding import hide
from bot.values.transcript import Answered, Asked, Cleared, Compacted, Ended, Entry, Happened, Proposed, Replied, ToolResult

_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML does not allow, and half of a surrogate pair."""


class Trace:
    """An open trace; each event is in the file when `write` returns."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write_entry(self, entry: Entry) -> None:
        """The events that an entry of the transcript stands for."""
        for action, payload in _events(entry):
            self.write(action, payload)

    def write(self, action: str, payload: Mapping[str, object]) -> None:
        """One document."""
        event = {"timestamp": datetime.now(UTC).isoformat(), "action": action, "payload": hide(_clean(payload))}
        yaml.safe_dump(event, self._file, explicit_start=True, sort_keys=False, allow_unicode=True, width=1_000_000)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def open_trace(path: str) -> Trace:
    """Begins the file anew, for its owner alone. Raises ConfigError if it cannot be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as exc:
        raise ConfigError(f"Cannot write the trace {path}: {exc.strerror}; name another with --trace-path.") from exc
    os.fchmod(descriptor, 0o600)  # of a file that was there before, too
    return Trace(os.fdopen(descriptor, "w", encoding="utf-8"))


def _events(entry: Entry) -> Iterator[tuple[str, dict[str, object]]]:
    match entry:
        case Asked():
            yield "question", {"turn": entry.turn, "mode": entry.mode.value, "text": entry.text}
        case Happened():
            yield "note", {"turn": entry.turn, "text": entry.text}
        case Replied():
            tokens = {"input_tokens": entry.input_tokens, "output_tokens": entry.output_tokens}
            reply = {
                "turn": entry.turn,
                "model": entry.model,
                "text": entry.text,
                "finish": entry.finish,
                **tokens,
                "seconds": entry.seconds,
            }
            yield "llm-response", reply
            for call in entry.calls:
                yield "tool-request", {"turn": entry.turn, "id": call.id, "name": call.name, "arguments": call.arguments}
        case Proposed():
            shown = {"turn": entry.turn, "id": entry.call_id, "change": entry.change_id}
            yield "change-proposed", shown | {"rehearsal": _result(entry.result)}
        case Answered():
            yield "tool-response", {"turn": entry.turn, "id": entry.call_id, "response": _result(entry.result)}
        case Compacted():
            yield "compacted", {"turn": entry.turn, "replies": entry.replies, "summary": entry.summary}
        case Cleared():
            yield "cleared", {"turn": entry.turn}
        case Ended():
            yield "turn-ended", {"turn": entry.turn, "reason": entry.reason, "text": entry.text}


def _result(result: ToolResult) -> dict[str, object]:
    return {
        "status": result.status,
        "command": result.command,
        "exit_code": result.exit_code,
        "stdout": result.stdout,
        "stderr": result.stderr,
        "note": result.note,
    }


def _clean(value: object) -> object:
    match value:
        case str():
            return _UNPRINTABLE.sub("\ufffd", value)
        case Mapping():
            return {str(key): _clean(item) for key, item in value.items()}
        case list() | tuple():
            return [_clean(item) for item in value]
        case _:
            return value
