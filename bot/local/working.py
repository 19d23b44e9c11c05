"""Works on one thread until it waits for a person or is done. Other threads of the database are not this process's business."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

import structlog

from bot.changes.change import Change, State
from bot.errors import BotError, StoreError
from bot.threads.session import LEASE_SECONDS, Session
from bot.threads.worker import give_up
from bot.threads.world import World

log = structlog.get_logger()

_PAUSE_SECONDS = 0.5


async def work_on(world: World, thread_id: str) -> Sequence[Change]:
    """Takes step after step; the changes that wait for a decision now. What fails ends the turn with the reason. Raises StoreError."""
    worker = f"local-{uuid.uuid4().hex[:12]}"
    await _take(world, thread_id, worker)
    try:
        try:
            await Session(world, thread_id, worker).run()
        except StoreError:
            raise
        except BotError as exc:
            await _end(world, thread_id, worker, str(exc))
        except Exception:
            log.exception("thread_failed", thread=thread_id)
            await _end(world, thread_id, worker, "Something went wrong inside kubectl-ai; what was logged above has the details.")
    finally:
        await asyncio.shield(world.stores.threads.release(thread_id, worker))
    changes = await world.stores.changes.of_thread(thread_id)
    return [change for change in changes if change.state is State.PROPOSED]


async def _take(world: World, thread_id: str, worker: str) -> None:
    """Takes the lease. One that a killed process left behind is over in a moment."""
    for _ in range(int((LEASE_SECONDS + 3) / _PAUSE_SECONDS)):
        if await world.stores.threads.lease(thread_id, worker, LEASE_SECONDS):
            return
        await asyncio.sleep(_PAUSE_SECONDS)
    raise StoreError("Another process works on this conversation; wait until it is done.")


async def _end(world: World, thread_id: str, worker: str, why: str) -> None:
    await give_up(world, thread_id, why)
    await Session(world, thread_id, worker).run()  # shows it
