"""What went over the wire between this Slack and the app, as the inspector shows it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from bot.devslack.values import Json

KEPT = 1_000
TO_APP, FROM_APP = "to app", "from app"


class Traffic:
    """The latest frames, requests and answers, numbered from 1. Tokens are left out by whoever notes them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: deque[Json] = deque(maxlen=KEPT)
        self._count = 0

    def note(self, way: str, line: str, name: str, body: object, status: str = "") -> None:
        """`way`: TO_APP or FROM_APP. `line`: `web api`, `socket 3` or `http`. `name`: the method or the payload's type."""
        self._count += 1
        entry = {"number": self._count, "at": self._clock(), "way": way, "line": line, "name": name, "status": status, "body": body}
        self._entries.append(entry)

    def read(self, after: int = 0) -> list[Json]:
        """Entries with a higher number, oldest first."""
        return [entry for entry in self._entries if entry["number"] > after]
