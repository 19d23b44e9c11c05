"""A JSONL file of what happened, so that this local Slack can be restarted without losing the conversation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import structlog

from bot.devslack.values import Json
from bot.errors import ConfigError

log = structlog.get_logger()


class Journal:
    """Appends records; without a path it forgets them. Records are read once, by `load`, before the first write."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def load(self) -> Iterator[Json]:
        """Yield the records of earlier runs. A last line cut short by a crash is left out. Raises ConfigError."""
        if self._path is None or not self._path.exists():
            return
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except OSError as exc:
            raise ConfigError(f"The journal {self._path} cannot be read ({exc}); remove it or name another file.") from exc
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
            except ValueError as exc:
                if number == len(lines):
                    log.warning("journal_ends_inside_a_record", path=str(self._path))
                    return
                raise ConfigError(f"Line {number} of the journal {self._path} is not JSON; remove the file to start anew.") from exc
            yield record

    def rewrite(self, records: Iterable[Json]) -> None:
        """Replace the file by these records at once, so that it holds the state and not its whole history."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(self._path.suffix + ".new")
        with fresh.open("w", encoding="utf-8") as file:
            file.writelines(_encode(record) for record in records)
        fresh.replace(self._path)
        self._file = self._path.open("a", encoding="utf-8")

    def write(self, record: Json) -> None:
        """Append one record and hand it to the kernel: it survives a killed process, not a lost machine."""
        if self._file is not None:
            self._file.write(_encode(record))
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _encode(record: Json) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
