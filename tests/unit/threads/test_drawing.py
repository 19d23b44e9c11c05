"""Drawing a thread while its rows grow: rows are read one after the other, so what is read later may know more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.changes.change import State
from bot.threads.projector import Projector
from bot.threads.steps.work import load_rows
from bot.values.transcript import Proposed
from tests.fakes import prints, scales
from tests.unit.threads.harness import THREAD, Bench, bench


class Slow:
    """A store. `meanwhile` happens once, right after the first of its rows were read."""

    def __init__(self, store: Any, reads: set[str], meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._reads = reads
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in self._reads:
            return found

        async def read(*args: Any) -> Any:
            rows = await found(*args)
            await self._meanwhile()
            return rows

        return read


def interrupt_reading(b: Bench) -> Any:
    """The world of a process that is overtaken between two reads: by another one that works through all there is to do."""
    is_over = False

    async def meanwhile() -> None:
        nonlocal is_over
        if not is_over:
            is_over = True
            await b.rest()

    world = b.world()
    changes = Slow(world.stores.changes, {"of_thread"}, meanwhile)
    threads = Slow(world.stores.threads, {"transcript"}, meanwhile)
    return replace(world, stores=replace(world.stores, changes=changes, threads=threads))


async def begin(b: Bench) -> None:
    """A thread that is at rest, and a command line for it that nobody has taken up."""
    b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
    b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
    await b.write("! kubectl get pods")
    await b.rest()
    await b.write("! kubectl scale", ts="100.2", mention=False)


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "sqlite+aiosqlite://" if request.param == "memory" else f"sqlite+aiosqlite:///{tmp_path}/bot.db"


async def test_a_change_that_is_proposed_while_its_thread_is_drawn_is_no_fault(url: str) -> None:
    async with bench(url) as b:
        await begin(b)
        projector = Projector(interrupt_reading(b), THREAD, asyncio.Event())

        is_drawn = await projector.draw()

        assert is_drawn
        assert [card.state for card in b.surface.cards[1]] == [State.PROPOSED]


async def test_rows_that_are_loaded_name_no_change_that_is_not_among_them(url: str) -> None:
    async with bench(url) as b:
        await begin(b)

        rows = await load_rows(interrupt_reading(b), THREAD)

        assert rows is not None
        assert {entry.change_id for entry in rows.entries if isinstance(entry, Proposed)} <= set(rows.changes)
        assert len(await b.stores.changes.of_thread(THREAD)) == 1
