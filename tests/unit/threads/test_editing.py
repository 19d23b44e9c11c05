"""Edit: the asker changes the command line of a change, and what that comes to takes its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from bot.agent import history
from bot.agent.loop import active_turn
from bot.agent.ports import ModelReply
from bot.changes.change import State
from bot.threads.inbound.incoming import Edit
from bot.values.requests import RecordedWrite
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Asked, Entry, Happened, Mode
from tests.fakes import FakeModel, FakeRehearsal, Program, prints, say, scales
from tests.unit.threads.harness import THREAD, Bench, bench


@asynccontextmanager
async def proposed() -> AsyncIterator[Bench]:
    """A bench with change 1, asked by U1, waiting for U2."""
    async with bench() as b:
        b.sandboxes.programs |= {"kubectl scale": scales(b.cluster, 5), "kubectl scale web": scales(b.cluster, 7)}
        await b.write("! kubectl scale")
        await b.rest()
        yield b


async def states(b: Bench) -> dict[int, State]:
    return {change.id: change.state for change in await b.stores.changes.of_thread(THREAD)}


async def test_what_the_edited_command_changes_takes_the_place_of_the_change() -> None:
    async with proposed() as b:
        await b.edit("kubectl scale web", 1)
        await b.rest()
        before = await states(b)
        await b.click("approve", 2)

        await b.rest()

        assert before == {1: State.SUPERSEDED, 2: State.PROPOSED}
        old, new = b.surface.cards[1][-1], b.surface.cards[2][-1]
        assert (old.superseded_by, new.supersedes, new.command) == (2, 1, "kubectl scale web")
        assert "Before: kubectl scale" in new.impact[0]
        assert [patch["spec"] for patch in b.cluster.landed] == [{"replicas": 7}]
        assert (await b.stores.audit.verify())[1] == ""


async def test_a_submission_that_comes_twice_is_one_edit() -> None:
    async with proposed() as b:
        change = await b.stores.changes.get(1)
        assert change is not None
        edit = Edit("T1", "U1", 1, change.digest, "kubectl scale web", "view:V1")
        await b.put(edit)
        await b.put(edit)
        await b.rest()
        await b.put(edit)

        await b.rest()

        assert b.sandboxes.ran == ["kubectl scale", "kubectl scale web"]
        assert b.surface.whispers == []


@pytest.mark.parametrize(
    ("user", "digest", "command", "says"),
    [
        ("U2", None, "kubectl scale web", "Only the person who asked"),
        ("UG", None, "kubectl scale web", "Guests cannot use kubectl-ai"),
        ("U1", "another", "kubectl scale web", "does not belong to change 1"),
        ("U1", None, " ", "The edited command is empty"),
    ],
)
async def test_an_edit_that_may_not_be_is_refused(user: str, digest: str | None, command: str, says: str) -> None:
    async with proposed() as b:
        await b.edit(command, 1, user=user, digest=digest)

        await b.rest()

        [(whom, text)] = b.surface.whispers
        assert (whom, says in text) == (user, True)
        assert b.sandboxes.ran == ["kubectl scale"]
        assert await states(b) == {1: State.PROPOSED}


@pytest.mark.parametrize(("action", "state"), [("approve", "is done"), ("deny", "was denied"), ("", "has lapsed")])
async def test_after_a_decision_or_the_end_of_its_time_a_change_cannot_be_edited(action: str, state: str) -> None:
    async with proposed() as b:
        if action:
            await b.write(f"{action} 1", user="U2", ts="101.1")
        else:
            b.time.now += 1000
        await b.rest()
        await b.click("edit", 1, user="U1")
        await b.edit("kubectl scale web", 1)

        await b.rest()

        assert [(user, state in text) for user, text in b.surface.whispers] == [("U1", True)] * 2
        assert b.surface.modals == []
        assert b.sandboxes.ran == ["kubectl scale"]


async def test_the_window_opens_for_the_asker_alone() -> None:
    async with proposed() as b:
        await b.click("edit", 1, user="U2")
        await b.click("edit", 1, user="U1")

        await b.rest()

        assert b.surface.modals == [("edit", 1)]
        assert [user for user, _ in b.surface.whispers] == ["U2"]


async def test_an_edited_command_that_changes_nothing_withdraws_the_change_and_says_so() -> None:
    async with proposed() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1 Running\n")
        await b.edit("kubectl get pods", 1)

        await b.rest()

        assert b.surface.cards[1][-1].state is State.DENIED
        assert b.surface.texts[THREAD]["answer:2"] == ("The edited command changes nothing, so change 1 is withdrawn.", "web-1 Running")


async def test_an_edited_command_that_fails_leaves_the_change_as_it_was() -> None:
    async with proposed() as b:
        await b.edit("kubectl scael", 1)
        await b.rest()
        told, printed = b.surface.texts[THREAD]["answer:2"]
        await b.edit("kubectl scale web", 1)

        await b.rest()

        assert "command not found" in printed
        assert told == "The edited command failed, so change 1 is as it was."
        assert await states(b) == {1: State.SUPERSEDED, 2: State.PROPOSED}


async def test_a_change_that_is_being_edited_is_neither_approved_nor_edited_again() -> None:
    async with proposed() as b:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(rehearsal: FakeRehearsal) -> Ran:
            begun.set()
            await go_on.wait()
            return await scales(b.cluster, 7)(rehearsal)

        b.sandboxes.programs["kubectl scale slowly"] = slow
        await b.edit("kubectl scale slowly", 1)

        async with b.running() as bot:
            await begun.wait()
            await b.click("approve", 1)
            await b.edit("kubectl scale web", 1)
            bot.world.signals.inbox.set()
            await bot.until(lambda: len(b.surface.whispers) == 2)
            go_on.set()
            await bot.settled()

        assert [(user, "has edited change 1" in text) for user, text in sorted(b.surface.whispers)] == [("U1", True), ("U2", True)]
        assert await states(b) == {1: State.SUPERSEDED, 2: State.PROPOSED}
        assert b.cluster.landed == []


async def test_what_was_decided_before_the_rehearsal_stays_and_the_edited_command_stands_beside_it() -> None:
    async with proposed() as b:

        def denies_meanwhile(write: RecordedWrite) -> Program:
            async def run(rehearsal: FakeRehearsal) -> Ran:
                await b.write("deny 1 no", user="U2", ts="101.1")
                bot.world.signals.inbox.set()
                while (await states(b))[1] is not State.DENIED:
                    await asyncio.sleep(0.005)
                rehearsal.record(write)
                return Ran(0, "deployment.apps/web scaled\n", "", 0.1)

            return run

        b.sandboxes.programs["kubectl scale late"] = denies_meanwhile(b.cluster.scale(7))
        await b.edit("kubectl scale late", 1)

        async with b.running() as bot:
            await bot.settled()

        assert await states(b) == {1: State.DENIED, 2: State.PROPOSED}
        assert b.surface.cards[2][-1].supersedes is None
        assert "Change 1 was decided before" in b.surface.texts[THREAD]["answer:2"][0]


async def test_the_model_hears_what_the_person_edited_and_what_came_of_it() -> None:
    def think(transcript: Sequence[Entry]) -> ModelReply:
        turn = active_turn(transcript)
        if turn == 1:
            return say("Too few.", ("c1", "kubectl scale"))
        return say("Seven, then.")

    async with bench() as b:
        b.sandboxes.programs = {"kubectl scale": scales(b.cluster, 5), "kubectl scale web": scales(b.cluster, 7)}
        b.model = FakeModel(think)
        await b.write("scale the shop")
        await b.rest()
        await b.edit("kubectl scale web", 1)
        await b.rest()
        await b.click("approve", 2)

        await b.rest()

        entries = await b.entries()
        told = [message.text for message in history.messages(entries) if isinstance(message, history.UserSaid)]
        assert any("U1 edited the command of change 1" in text and "kubectl scale web" in text for text in told)
        assert any("Change 2" in text and "was approved by bob" in text for text in told)
        assert b.surface.texts[THREAD]["answer:3"] == ("Seven, then.", "")
        assert [e.change_id for e in entries if isinstance(e, Happened)] == [2]
        assert [(e.mode, e.text) for e in entries if isinstance(e, Asked)][1:] == [(Mode.EDIT, "kubectl scale web")]
        assert all(e.result.status in ("waiting", "applied") for e in entries if isinstance(e, Answered))


async def test_an_undo_has_no_command_to_edit() -> None:
    async with proposed() as b:
        await b.click("approve", 1)
        await b.rest()
        await b.click("undo", 1, user="U1")
        await b.rest()
        await b.click("edit", 2, user="U1")

        await b.rest()

        assert ["no command to edit" in text for _, text in b.surface.whispers] == [True]
        assert b.surface.modals == []
