"""Faults on demand: what the next calls of a Web API method meet instead of an answer."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = frozenset({"ratelimited", "status", "error", "timeout", "close_before", "close_after"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What one call meets.

    `ratelimited`: 429 with `Retry-After`. `status`: that HTTP status. `error`: `ok: false` with that code. `timeout`: no
    answer for `seconds`, then the connection closes. `close_before` / `close_after`: the connection closes before or
    after the method took effect; after it is how duplicate posts are born.
    """

    kind: str
    retry_after: int = 1
    status: int = 500
    error: str = "internal_error"
    seconds: float = 30.0


class Faults:
    """Planned faults by method, each used once, in order."""

    def __init__(self) -> None:
        self._planned: dict[str, list[Fault]] = {}

    def plan(self, method: str, fault: Fault, times: int) -> None:
        """The next `times` calls of a method meet the fault."""
        self._planned.setdefault(method, []).extend([fault] * times)

    def take(self, method: str) -> Fault | None:
        planned = self._planned.get(method)
        return planned.pop(0) if planned else None

    def list_planned(self) -> list[str]:
        """Methods that have faults ahead."""
        return [method for method, planned in self._planned.items() if planned]

    def clear(self) -> None:
        self._planned.clear()
