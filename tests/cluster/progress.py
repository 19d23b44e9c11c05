"""Progress of a long job: a line per step for people, one JSON object in a file for a page that polls it."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TextIO

_FILE_INTERVAL_SECONDS = 0.5  # messages can come hundreds of times a second; a page polls about once


class Progress:
    """Counts the steps of one phase (``build`` or ``up``).

    The file holds ``phase, step, steps, label, started, message, done, error``; ``started`` is the Unix time at which the
    phase began. It is replaced as a whole, so a reader never sees half of it.
    """

    def __init__(self, phase: str, steps: int, file: Path | None = None, out: TextIO | None = None) -> None:
        self._phase = phase
        self._steps = steps
        self._file = file
        self._out = out or sys.stdout
        self._started = time.time()
        self._step = 0
        self._label = ""
        self._written = 0.0

    def __enter__(self) -> Self:
        self._write(message="")
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._write(message="", done=True)
        else:
            self._write(message="", error=str(error) or type(error).__name__)

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Name the step that begins; its time is printed when it ends."""
        self._step += 1
        self._label = label
        began = time.monotonic()
        self._print(f"[{self._step}/{self._steps}] {label} … ")
        self._write(message="")
        try:
            yield
        except BaseException:
            self._print("failed\n")
            raise
        self._print(f"{_show_seconds(time.monotonic() - began)}\n")

    def say(self, message: str) -> None:
        """What the step is busy with; only the file shows it, at most twice a second."""
        if time.monotonic() - self._written >= _FILE_INTERVAL_SECONDS:
            self._write(message=message)

    def note(self, message: str) -> None:
        """Something both readers should see at once, such as waiting for somebody else."""
        self._print(f"{message}\n")
        self._write(message=message)

    def _print(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def _write(self, *, message: str, done: bool = False, error: str | None = None) -> None:
        self._written = time.monotonic()
        if self._file is None:
            return
        facts = {
            "phase": self._phase,
            "step": self._step,
            "steps": self._steps,
            "label": self._label,
            "started": self._started,
            "message": message,
            "done": done,
            "error": error,
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=f".{self._file.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            json.dump(facts, handle)
        Path(name).chmod(0o644)  # the page's server may be another user
        Path(name).replace(self._file)


def _show_seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
