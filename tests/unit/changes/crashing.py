"""Kills a replay at any point where it waits for something: just before the thing happens, or just after."""

from __future__ import annotations

from typing import Any


class Died(BaseException):
    """The process is gone. Not an Exception: nothing may catch it and go on."""


class Crash:
    """Counts the calls through all ports it wraps; dies at call `at` (from 0), with or without its effect. None: lives."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.calls = 0
        self._at = at
        self._after = after

    def wrap(self, port: Any) -> Any:
        return _Port(self, port)

    async def through(self, call: Any, arguments: Any, named: Any) -> Any:
        place = self.calls
        self.calls += 1
        if place == self._at and not self._after:
            raise Died
        result = await call(*arguments, **named)
        if place == self._at:
            raise Died
        return result


class _Port:
    def __init__(self, crash: Crash, port: Any) -> None:
        self._crash = crash
        self._port = port

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)

        async def pass_on(*arguments: Any, **named: Any) -> Any:
            return await self._crash.through(call, arguments, named)

        return pass_on
