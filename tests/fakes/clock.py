"""A clock for tests."""

from __future__ import annotations


class Time:
    """A clock that is set by hand: seconds since the epoch."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
