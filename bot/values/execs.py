"""What an approved exec came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """What a program in a container printed, redacted and bounded."""

    exit_code: int | None = None
    """128 + number for a signal; None if no exit code came."""
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    """Whether more was printed than is kept."""
    note: str = ""
    """Where the output is that is not text, in one sentence."""


@dataclass(frozen=True, slots=True)
class Executed:
    """How an exec ended, and what it printed until then."""

    output: Output
    data: bytes = b""
    """What it wrote to stdout, as it came, where that is not text (an archive)."""
    why: str = ""
    """Why there is no exit code, in words."""
    has_started: bool = True
    """False only if it is certain that nothing was run."""

    @property
    def is_archive(self) -> bool:
        """Whether `data` is a tar archive, as `kubectl cp` asks for one."""
        return self.data[257:262] == b"ustar"
