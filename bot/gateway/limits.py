"""What one rehearsal may use. Seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass

from bot.settings import GatewaySettings


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one rehearsal. Reaching one ends the rehearsal with a sentence that says which."""

    requests: int = 5000
    writes: int = 200
    seconds: float = 3600.0
    """Longest life of a rehearsal: its token is worthless after that, whatever became of its command."""
    body_bytes: int = 3_145_728
    """Largest request body."""
    request_bytes: int = 64_000_000
    """All request bodies and inputs of execs together: recorded ones are held until the rehearsal ends."""
    bodies_at_once: int = 4
    """Request bodies that are read or answered at the same time; others wait. Writes take turns anyway."""
    inputs_at_once: int = 16
    """The same for execs. More, since one may wait for what another one prints."""
    open_requests: int = 300
    """Requests that may be unanswered at once, watches among them: of those that wait, 128 KiB each are read ahead."""
    answer_bytes: int = 2_000_000_000
    """All answers together."""
    answer_seconds: float = 75.0
    """Longest wait for a whole answer that is looked at: the API server gives up after 60 s itself."""
    passing_seconds: float = 120.0
    """Longest time for a whole answer that is passed on, as fast as the client takes it."""
    stream_seconds: float = 600.0
    """Longest watch or log follow."""
    model_follow_seconds: float = 10.0
    """Longest log follow, or watch that only shows, of a command of a model, which waits for the end of it; what came until then is a
    whole answer."""
    named_wait_seconds: float = 3.0
    """How long a watch of one object that the rehearsal wrote may stay open after the last write."""
    listed_wait_seconds: float = 12.0
    """The same for a watch of a collection that holds such an object, or of the pods of a workload that it wrote."""
    poll_reads: int = 6
    """Reads of an object that the rehearsal wrote, without a write in between, …"""
    poll_seconds: float = 8.0
    """… over this time, that count as waiting for it."""
    stdin_bytes: int = 1_048_576
    """Largest input of an exec that is recorded."""
    stdin_seconds: float = 30.0
    """How long its end is waited for."""
    stdin_quiet_seconds: float = 5.0
    """How long a client may be silent whose protocol has no end of the input."""
    exec_seconds: float = 30.0
    """Longest run of an exec that the settings let through."""
    exec_bytes: int = 1_000_000
    """Most that it may print."""


def from_settings(settings: GatewaySettings) -> Limits:
    """The limits as the installer set them."""
    return Limits(
        requests=settings.max_requests,
        writes=settings.max_writes,
        seconds=settings.max_seconds,
        body_bytes=settings.max_body_bytes,
        request_bytes=max(Limits().request_bytes, settings.max_body_bytes),
    )
