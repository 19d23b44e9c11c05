"""Crashes at a chosen call of a port: from that moment on, the process under test does nothing any more."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

_STORE_LOOKS = ("due", "take", "get", "transcript", "of_thread", "undrawn", "watched", "idle_since")
LOOKS = frozenset((*_STORE_LOOKS, "person", "members_of", "channel_refusal", "redact"))
"""Calls that only read: a crash there is the same as one after the call before."""


class Crash:
    """Wraps ports. The call number `at` (counted from 1) and everything after it never happens."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.calls = 0
        self.where = ""
        self._buried = asyncio.Event()

    @property
    def is_dead(self) -> bool:
        return self.calls >= self.at

    def wrap(self, port: Any) -> Any:
        return _Wrapped(port, self)

    def bury(self) -> None:
        """Lets go of what hangs in the dead process, so that it can be torn down."""
        self._buried.set()

    async def step(self, name: str, *, looks: bool = False) -> None:
        """One call. In a dead process none ever comes back."""
        if not self.is_dead and looks:
            return
        self.calls += not self.is_dead
        if self.is_dead:
            self.where = self.where or name
            await self._buried.wait()
            raise asyncio.CancelledError


class _Wrapped:
    """A port whose every awaited call counts. What it hands out (sandboxes, rehearsals) is wrapped too."""

    def __init__(self, port: Any, crash: Crash) -> None:
        self._port = port
        self._crash = crash

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        label = f"{type(self._port).__name__}.{name}"
        if inspect.iscoroutinefunction(found):

            async def call(*args: Any, **kwargs: Any) -> Any:
                await self._crash.step(label, looks=name in LOOKS)
                return self._hand_out(name, await found(*args, **kwargs))

            return call
        if name == "rehearse":
            return lambda *args, **kwargs: _Door(found(*args, **kwargs), self._crash)
        if name == "api_for":
            return lambda *args: self._crash.wrap(found(*args))
        return self._crash.wrap(found) if name == "api" else found

    def _hand_out(self, name: str, value: Any) -> Any:
        return self._crash.wrap(value) if name == "acquire" else value


class _Door:
    def __init__(self, door: Any, crash: Crash) -> None:
        self._door = door
        self._crash = crash

    async def __aenter__(self) -> Any:
        await self._crash.step("rehearse")
        return self._crash.wrap(await self._door.__aenter__())

    async def __aexit__(self, *exc: Any) -> Any:
        return await self._door.__aexit__(*exc)
