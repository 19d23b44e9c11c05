"""Waiting no longer than Slack does, on a clock that tests can shift."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def wait_within(seconds: float, sleep: Callable[[float], Awaitable[None]], work: Coroutine[Any, Any, T]) -> T | None:
    """What the work returns, or None (and the work is cancelled) if `sleep(seconds)` ends first."""
    working, deadline = asyncio.create_task(work), asyncio.ensure_future(sleep(seconds))
    try:
        await asyncio.wait({working, deadline}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, deadline):
            task.cancel()
        await asyncio.gather(working, deadline, return_exceptions=True)
