"""Events that cannot be handled: tried again when the chat says so, and told to the person when all is in vain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from bot.changes.change import State
from bot.errors import SurfaceError, SurfaceUnavailableError
from bot.threads.inbound.incoming import Command, Edit, Glance, Incoming, Opened, Reason
from bot.threads.inbound.intake import Intake
from tests.fakes import scales
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


@pytest.mark.parametrize(
    ("port", "incoming", "says"),
    [
        ("show_home", Opened("T1", "U1", "D1", "home"), "Your Home could not be drawn. This could not be done: no such page."),
        ("person", Opened("T1", "U1", "D1", "home"), "Your Home could not be drawn. This could not be done: no such page."),
        ("whisper", Glance("T1", "UG", "T1:C1:100.1", "answer:1"), "This could not be done: no such page."),
    ],
)
async def test_what_is_refused_for_good_is_told_once_and_not_tried_again(port: str, incoming: Incoming, says: str) -> None:
    async with bench() as b:
        tries: list[str] = []

        async def refuse(*_: object) -> None:
            tries.append(port)
            raise SurfaceError("no such page.")

        setattr(b.surface, port, refuse)
        await b.put(incoming)

        await b.rest()

        assert list(b.surface.told.values()) == [(incoming.user_id, says)]
        assert tries == [port]


@pytest.mark.parametrize("incoming", [Reason("T1", "U2", 77, "d", "no"), Edit("T1", "U2", 77, "d", "kubectl get pods", "V1")])
async def test_a_window_on_a_change_that_is_not_known_any_more_says_so(incoming: Incoming) -> None:
    async with bench() as b:
        await b.put(incoming)

        await b.rest()

        assert b.surface.told == {
            "unknown:Ev1": ("U2", "Change 77 is not known here any more, so nothing was done; ask again for what you want.")
        }


@pytest.mark.parametrize("action", ["deny", "edit"])
async def test_the_button_and_the_window_of_a_settled_change_say_so(action: str) -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("! kubectl scale")
        await b.rest()
        change = await b.stores.changes.get(1)
        assert change is not None
        b.time.now += 901
        await b.rest()
        user = "U1" if action == "edit" else "U2"

        await b.click(action, 1, user=user)
        sent = Edit("T1", user, 1, change.digest, "ls", "V1") if action == "edit" else Reason("T1", user, 1, change.digest, "no")
        await b.put(sent)
        await b.rest()

        assert b.surface.cards[1][-1].state is State.EXPIRED
        assert [whom for whom, _ in b.surface.whispers] == [user, user]
        assert all("hange 1" in text for _, text in b.surface.whispers)
