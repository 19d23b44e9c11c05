"""Rollouts are watched after the replay, across restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

from bot.changes.change import Change, State
from bot.threads import rollouts
from tests.fakes import scales
from tests.unit.threads.harness import RULES, Bench, bench

WATCHED = RULES.model_copy(update={"changes": RULES.changes.model_copy(update={"rollout_seconds": 600})})


async def replay(b: Bench) -> None:
    b.rules = WATCHED
    b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
    await b.write("! kubectl scale")
    await b.rest()
    await b.click("approve", 1)


def set_ready(b: Bench, ready: int) -> None:
    generation = b.cluster.object["metadata"]["generation"]
    counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), ready)
    b.cluster.object["status"] = {"observedGeneration": generation, **counts}


def words(b: Bench) -> str:
    return b.surface.cards[1][-1].rollout if 1 in b.surface.cards else ""


async def test_the_card_follows_the_rollout_until_it_settles() -> None:
    async with bench() as b:
        await replay(b)
        async with b.running() as bot:
            await bot.until(lambda: words(b) != "")
            begun = words(b)
            set_ready(b, 5)
            await bot.until(lambda: b.surface.cards[1][-1].rollout_settled)

        assert begun.startswith("0/5 ready")
        assert words(b).startswith("5/5 ready after")


async def test_a_rollout_is_watched_on_after_a_restart() -> None:
    async with bench() as b:
        await replay(b)
        async with b.running() as bot:
            await bot.until(lambda: words(b) != "")
        b.time.now += 30
        set_ready(b, 5)

        async with b.running() as bot:
            await bot.until(lambda: b.surface.cards[1][-1].rollout_settled)

        assert words(b) == "5/5 ready after 30 s"
        assert b.surface.cards[1][-1].state is State.DONE
        assert len(b.cluster.landed) == 1


async def test_a_rollout_of_a_cluster_that_is_gone_is_not_watched() -> None:
    async with bench() as b:
        await replay(b)
        async with b.running() as bot:
            await bot.until(lambda: words(b) != "")
        b.cluster_name = "other"

        async with b.running() as bot:
            await bot.until(lambda: b.surface.cards[1][-1].rollout_settled)

        assert "not in the settings" in words(b)


async def test_a_look_that_fails_for_whatever_reason_is_not_the_last() -> None:
    async with bench() as b:
        world, looks, again = b.world(), 0, asyncio.Event()

        async def watched() -> Sequence[Change]:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise ValueError("a defect")
            again.set()
            return []

        watching = asyncio.create_task(
            rollouts.watch(replace(world, stores=replace(world.stores, threads=SimpleNamespace(watched=watched))))
        )
        await again.wait()
        watching.cancel()

        assert looks == 2
