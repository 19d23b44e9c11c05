"""Lines that a person types."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress


def read_line(question: str) -> str:
    """A line from the terminal. Nothing else goes on meanwhile: it is the person's turn. Raises EOFError, KeyboardInterrupt."""
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415 – gives `input` its line editing; not every build of Python has it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(question) if sys.stdout.isatty() else _ask_on_stderr(question)
    finally:
        signal.signal(signal.SIGINT, before)


def _ask_on_stderr(question: str) -> str:
    """Where stdout goes elsewhere, it holds the answer alone."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")
