"""Watches the rollouts of replayed changes in the background, also those that were begun before a restart."""

from __future__ import annotations

import asyncio

import structlog

from bot.changes.change import Change
from bot.changes.rollout_watch import watch_rollouts
from bot.threads.steps.work import cancel
from bot.threads.world import World

log = structlog.get_logger()

_LOOK_SECONDS = 1.0
_PAUSE_SECONDS = 10.0
"""Before a rollout that could not be watched is tried again."""


async def watch(world: World) -> None:
    """Looks for replayed changes once a second and watches each, until cancelled."""
    watching: dict[int, asyncio.Task[None]] = {}
    try:
        while True:
            try:
                changes = await world.stores.threads.watched()
            except Exception:  # whatever it is: people are answered meanwhile, and the next look may go well
                log.exception("rollouts_unread")
                changes = []
            watching = {number: task for number, task in watching.items() if not task.done()}
            for change in changes:
                if change.id not in watching:
                    watching[change.id] = asyncio.create_task(_watch(world, change), name=f"rollout {change.id}")
            await asyncio.sleep(_LOOK_SECONDS * world.pace)
    finally:
        await cancel(*watching.values())


async def _watch(world: World, change: Change) -> None:
    try:
        cluster = world.clusters.get(change.cluster)
        if cluster is None:
            words = f"cannot be watched: the cluster {change.cluster} is not in the settings any more"
            await world.stores.changes.record_rollout(change.id, words, settled=True)
            return
        await watch_rollouts(
            change,
            api=cluster.api,
            changes=world.stores.changes,
            clock=world.clock,
            timeout_seconds=world.settings.changes.rollout_seconds,
            pause=lambda seconds: asyncio.sleep(seconds * world.pace),
        )
    except Exception:
        log.exception("rollout_not_watched", change=change.id)
        await asyncio.sleep(_PAUSE_SECONDS * world.pace)
