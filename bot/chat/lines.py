"""Lines that a person types."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TICK_SECONDS = 0.25
"""How late Ctrl-C is heard at the latest."""


def read_line(question: str) -> str:
    """A line from the terminal. Nothing else goes on meanwhile: it is the person's turn. Raises EOFError, KeyboardInterrupt."""
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415 – gives `input` its line editing; not every build of Python has it
    with _hearing_interrupts():
        return input(question) if sys.stdout.isatty() else _ask_on_stderr(question)


def take_terminal() -> None:
    """Makes the terminal that the program was called in its standard input, once all of a piped one is read: a person can be asked then.
    Nothing where there is none, or where no person reads what is asked."""
    if not sys.stdout.isatty():
        return
    with suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY)
        os.dup2(terminal, sys.stdin.fileno())
        os.close(terminal)


@contextmanager
def _hearing_interrupts() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt. Python looks at signals where one cuts off the wait for a key; for one that comes between the prompt
    and the wait there would be no such moment before the next key, so a clock makes them."""
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    tick = signal.signal(signal.SIGALRM, lambda *_: None)
    timer = signal.setitimer(signal.ITIMER_REAL, _TICK_SECONDS, _TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, tick)
        signal.signal(signal.SIGINT, interrupt)


def _ask_on_stderr(question: str) -> str:
    """Where stdout goes elsewhere, it holds the answer alone."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")
