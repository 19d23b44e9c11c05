"""Events that cannot be handled: tried again when the chat says so, and told to the person when all is in vain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

from bot.errors import SurfaceError, SurfaceUnavailableError
from bot.threads.incoming import Command
from bot.threads.intake import Intake
from tests.unit.threads.harness import Bench, bench

STATUS = Command("T1", "C1", "U1", "status")


async def fail(b: Bench, error: Exception, times: int) -> list[float | None]:
    """Lets a command fail so often; the pauses after which it is tried again, None for never."""
    pauses: list[float | None] = []

    async def refuse(*_: object) -> None:
        raise error

    async def failed(number: int, why: str, pause: float | None) -> None:
        pauses.append(pause)
        await b.stores.inbox.failed(number, why, pause)
        b.time.now += pause or 0.0

    b.surface.whisper_overview = refuse  # type: ignore[method-assign]
    await b.put(STATUS)
    world = b.world()
    inbox = SimpleNamespace(take=b.stores.inbox.take, done=b.stores.inbox.done, failed=failed)
    intake = Intake(replace(world, stores=replace(world.stores, inbox=inbox)))  # type: ignore[arg-type]
    running = asyncio.create_task(intake.run())
    while len(pauses) < times or intake.active:
        world.signals.inbox.set()
        await asyncio.sleep(0.01)
    running.cancel()
    return pauses


async def test_a_person_is_told_when_nothing_comes_of_a_command() -> None:
    async with bench() as b:
        pauses = await fail(b, ValueError("a defect"), 12)

        assert pauses == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30, None]
        assert [(user, "nothing came of it" in text) for user, text in b.surface.whispers] == [("U1", True)]


async def test_the_chat_says_when_to_try_again() -> None:
    async with bench() as b:
        pauses = await fail(b, SurfaceUnavailableError("Slack is busy.", retry_after_seconds=20.0), 2)

        assert pauses == [20, 20]
        assert b.surface.whispers == []


async def test_a_channel_in_which_no_thread_can_begin_is_told_once() -> None:
    async with bench() as b:

        async def start_thread(*_: object) -> str:
            raise SurfaceError("only some people may post there.")

        b.surface.start_thread = start_thread  # type: ignore[method-assign]
        await b.put(Command("T1", "C1", "U1", "kubectl get pods"))
        await b.rest()

        assert b.surface.whispers == [("U1", "I cannot begin a thread here: only some people may post there.")]
        assert b.sandboxes.ran == []
