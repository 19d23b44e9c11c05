"""A freeze: for a while, nothing on a cluster is approved or carried out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze as stored. Times are seconds since the epoch."""

    cluster: str
    by: str
    """Who asked for it."""
    reason: str
    since: float
    until: float | None = None
    """None: until somebody lifts it."""

    def holds(self, now: float) -> bool:
        """Whether it is in force."""
        return self.until is None or now < self.until
