"""The reaper: releases sandboxes of threads at rest, forgets what is old, and files freezes whose time is over."""

from __future__ import annotations

import asyncio
import uuid

import structlog

from bot.errors import BotError
from bot.threads.stores import Thread
from bot.threads.world import BOT, World

log = structlog.get_logger()

_EVERY_SECONDS = 60.0
_LEASE_SECONDS = 60.0
_EVENTS_SECONDS = 86_400.0
"""How long events are kept after they were handled: redeliveries are known that long."""
_USAGE_SECONDS = 2 * 86_400.0
"""How long is kept what each reply used up: budgets look at the day that goes on, and transcripts tell the rest."""
_REQUESTS_SECONDS = 86_400.0
"""How long the exact requests of a change are kept after its end, for its Details; longer if it can be undone for longer."""


async def reap(world: World) -> None:
    """Looks once a minute, until cancelled."""
    name, before = f"reaper-{uuid.uuid4().hex[:12]}", 0.0
    while True:
        now = world.clock()
        if await reap_once(world, name, before):
            before = now
        await asyncio.sleep(_EVERY_SECONDS)


async def reap_once(world: World, name: str, before: float = 0.0) -> bool:
    """Releases every sandbox that was idle for longer than its lease. Says nothing in the thread: the next use does. `before` is when it
    was done last (epoch seconds), 0 if that is not known. Whether all was done."""
    now = world.clock()
    undo_seconds = world.settings.changes.undo_seconds
    try:
        for thread in await world.stores.threads.idle_since(now - world.settings.sandbox.lease_seconds):
            await _release(world, thread, name)
        await world.stores.inbox.prune(now - _EVENTS_SECONDS)
        await world.stores.usage.prune(now - _USAGE_SECONDS)
        await world.stores.threads.forget_requests(now - _REQUESTS_SECONDS, now - undo_seconds)
        # Where Undo ends before that, its button goes then. What was decided earlier was drawn when its requests were forgotten.
        since = max(before - undo_seconds, now - _REQUESTS_SECONDS)
        is_stale = await world.stores.threads.end_undos(since, now - undo_seconds) > 0
        is_stale |= bool(await world.stores.freezes.end_due(BOT))
        if is_stale:
            world.signals.threads.set()
    except BotError:
        log.warning("reaping_failed", exc_info=True)
        return False
    return True


async def _release(world: World, thread: Thread, name: str) -> None:
    threads = world.stores.threads
    if not await threads.lease(thread.id, name, _LEASE_SECONDS):
        return  # somebody works on it right now
    try:
        await world.sandboxes.release(thread.id)
        await threads.update(thread.id, holds_sandbox=False)
        log.info("sandbox_released", thread=thread.id)
    finally:
        await asyncio.shield(threads.release(thread.id, name))
