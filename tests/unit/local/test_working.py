"""One thread, worked on by the process that needs it: it always comes to rest with a whole transcript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.changes.change import State
from bot.local.working import work_on
from bot.threads.stores import Thread
from bot.threads.world import World
from bot.values.transcript import Answered, Asked, Ended, Mode
from tests.fakes import FakeRehearsal, scales
from tests.unit.threads import harness
from tests.unit.threads.harness import THREAD, Bench

SCALE = "kubectl -n shop scale deploy/web --replicas=5"


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with harness.bench() as made:
        yield made


async def _ask(bench: Bench, command: str) -> World:
    world = bench.world()
    await bench.stores.threads.open(Thread(THREAD, "T1", "C1", "100.1", "prod", "shop", "U1"))
    await bench.stores.threads.begin_turn(THREAD, Asked(0, "U1", command, Mode.COMMAND), key="k")
    return world


async def test_a_change_that_waits_is_returned(bench: Bench) -> None:
    bench.sandboxes.programs[SCALE] = scales(bench.cluster, 5)
    world = await _ask(bench, SCALE)

    waiting = await work_on(world, THREAD)

    assert [(change.id, change.state) for change in waiting] == [(1, State.PROPOSED)]


async def test_what_breaks_ends_the_turn_with_a_sentence_and_an_answer_for_its_call(bench: Bench) -> None:
    async def breaks(_: FakeRehearsal) -> None:
        raise ZeroDivisionError

    bench.sandboxes.programs["boom"] = breaks  # type: ignore[assignment]
    world = await _ask(bench, "! boom")

    waiting = await work_on(world, THREAD)

    entries = await bench.entries()
    assert waiting == []
    assert [type(entry) for entry in entries] == [Asked, Answered, Ended]
    assert isinstance(entries[-1], Ended)
    assert entries[-1].reason == "failed"
    assert "Something went wrong" in bench.surface.texts[THREAD]["ended:1"][0]


async def test_a_thread_that_another_process_holds_is_waited_for(bench: Bench) -> None:
    bench.sandboxes.programs[SCALE] = scales(bench.cluster, 5)
    world = await _ask(bench, SCALE)
    await bench.stores.threads.lease(THREAD, "another", 10)

    working = asyncio.create_task(work_on(world, THREAD))
    await asyncio.sleep(0.1)
    held = len(await bench.entries())
    bench.time.now += 11
    waiting = await working

    assert held == 1
    assert len(waiting) == 1


async def test_the_lease_is_given_back_when_it_is_cancelled(bench: Bench) -> None:
    begun = asyncio.Event()

    async def hangs(_: FakeRehearsal) -> None:
        begun.set()
        await asyncio.Event().wait()

    bench.sandboxes.programs["hang"] = hangs  # type: ignore[assignment]
    world = await _ask(bench, "! hang")

    task = asyncio.create_task(work_on(world, THREAD))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert await bench.stores.threads.lease(THREAD, "another", 10)
