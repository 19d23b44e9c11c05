"""What a command run in a sandbox came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished command. Output is what was kept of it: head and tail, with a mark where bytes are missing."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    truncated: bool = False
    timed_out: bool = False
