"""What the chat refuses for good: the person who asked is told directly, once, and nothing else is held up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.changes.change import State
from tests.fakes import prints, scales
from tests.unit.threads.harness import THREAD, Bench, bench

SCALE, GET = "! kubectl scale", "! kubectl get"


@asynccontextmanager
async def refusing(*keys: str) -> AsyncIterator[Bench]:
    async with bench() as b:
        b.sandboxes.programs |= {"kubectl scale": scales(b.cluster, 5), "kubectl get": prints("web-1  Running")}
        b.surface.refused_keys |= set(keys)
        yield b


async def test_the_asker_of_a_change_whose_card_is_refused_is_told_directly() -> None:
    async with refusing("change:1") as b:
        await b.write(SCALE)

        await b.rest()

        assert b.surface.told == {
            f"untold:{THREAD}:change:1": (
                "U1",
                "Change 1 (proposed) cannot be shown in its thread. This channel is archived; use another one.",
            )
        }


async def test_nobody_is_told_twice_by_later_drawings_and_the_card_comes_when_it_can() -> None:
    async with refusing("change:1") as b:
        await b.write(SCALE)
        await b.rest()
        await b.rest()
        b.surface.refused_keys.clear()

        b.time.now += 901
        await b.rest()

        assert list(b.surface.told) == [f"untold:{THREAD}:change:1"]
        assert b.surface.cards[1][-1].state is State.EXPIRED


async def test_the_asker_of_an_answer_that_is_refused_is_told_and_the_thread_is_at_rest() -> None:
    async with refusing("answer:1") as b:
        await b.write(GET)

        await b.rest()

        [(whom, text)] = b.surface.told.values()
        assert whom == "U1"
        assert text.startswith("What I have to say cannot be shown in its thread.")
        thread = await b.stores.threads.get(THREAD)
        assert thread is not None
        assert thread.drawn_turn == 1
