"""A bot that crashes at any one call of a port, and another one that goes on: one answer, one final card, each write once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from math import inf

import pytest

from bot.agent.loop import active_turn
from bot.agent.ports import ModelReply
from bot.changes.change import State
from bot.values.transcript import Answered, Asked, Ended, Entry, Happened, Proposed, Replied
from tests.fakes import FakeModel, prints, say, scales
from tests.unit.threads.crashing import Crash
from tests.unit.threads.harness import THREAD, Bench, bench


def think(transcript: Sequence[Entry]) -> ModelReply:
    """Looks, scales, and sums up; other questions are answered at once."""
    turn = active_turn(transcript)
    if turn != 1:
        return say(f"Answer {turn}.")
    answers = [entry.result for entry in transcript if isinstance(entry, Answered)]
    if not answers:
        return say("Let me look.", ("c1", "kubectl get pods"))
    if len(answers) == 1:
        return say("Too few.", ("c2", "kubectl scale"))
    return say(f"It is {answers[-1].status}.")


async def rest_or_recover(bench: Bench, crash: Crash) -> None:
    """Runs a bot; if it dies, another one a little later."""
    was_dead = crash.is_dead
    await bench.rest(None if was_dead else crash)
    if crash.is_dead and not was_dead:
        bench.time.now += 30  # the dead worker's leases end
        await bench.rest()


async def ask(bench: Bench, crash: Crash) -> None:
    bench.sandboxes.programs = {"kubectl get pods": prints("web-1 0/1\n"), "kubectl scale": scales(bench.cluster, 5)}
    bench.model = FakeModel(think)
    await bench.write("why is the shop down?")
    await bench.write("why is the shop down?")  # Slack's app_mention beside the message
    await rest_or_recover(bench, crash)


async def approve(bench: Bench, crash: Crash) -> None:
    """A question, its card, a click, the answer."""
    await ask(bench, crash)
    await bench.click("approve", 1)
    await rest_or_recover(bench, crash)


async def write_meanwhile(bench: Bench, crash: Crash) -> None:
    """Another question while the card is open, then the click: the model hears of it in a turn of its own. Crashes after the card."""
    await ask(bench, Crash(inf))
    await bench.write("and the nodes?", ts="101.1", mention=False)
    await rest_or_recover(bench, crash)
    await bench.click("approve", 1)
    await rest_or_recover(bench, crash)


async def move_the_object(bench: Bench, crash: Crash) -> None:
    """The object is changed by hand before the click: a fresh card, whose click writes. Crashes after the first card."""
    await ask(bench, Crash(inf))
    bench.cluster.object["spec"]["replicas"] = 4
    bench.cluster.object["metadata"]["resourceVersion"] = "50"
    await bench.click("approve", 1)
    await rest_or_recover(bench, crash)
    await bench.click("approve", 2)
    await rest_or_recover(bench, crash)


async def edit_the_command(bench: Bench, crash: Crash) -> None:
    """The asker edits the command while the card is open; what comes of it is approved, and the model hears of it."""
    await ask(bench, Crash(inf))
    bench.sandboxes.programs["kubectl scale web"] = scales(bench.cluster, 5)
    await bench.edit("kubectl scale web", 1)
    await rest_or_recover(bench, crash)
    await bench.click("approve", 2)
    await rest_or_recover(bench, crash)


async def check_approved(bench: Bench) -> None:
    entries = await bench.entries()
    assert Counter(type(entry) for entry in entries) == {Asked: 1, Replied: 3, Answered: 2, Proposed: 1, Ended: 1}
    assert bench.surface.texts[THREAD] == {"answer:1": ("It is applied.", "")}
    assert {number: cards[-1].state for number, cards in bench.surface.cards.items()} == {1: State.DONE}


async def check_written_meanwhile(bench: Bench) -> None:
    entries = await bench.entries()
    assert Counter(type(entry) for entry in entries) == {Asked: 2, Replied: 4, Answered: 2, Proposed: 1, Happened: 1, Ended: 3}
    assert bench.surface.texts[THREAD] == {"answer:2": ("Answer 2.", ""), "answer:3": ("Answer 3.", "")}
    assert {number: cards[-1].state for number, cards in bench.surface.cards.items()} == {1: State.DONE}


async def check_moved(bench: Bench) -> None:
    entries = await bench.entries()
    assert Counter(type(entry) for entry in entries) == {Asked: 1, Replied: 3, Answered: 2, Proposed: 1, Ended: 1}
    assert bench.surface.texts[THREAD] == {"answer:1": ("It is applied.", "")}
    assert {number: cards[-1].state for number, cards in bench.surface.cards.items()} == {1: State.SUPERSEDED, 2: State.DONE}


async def check_edited(bench: Bench) -> None:
    entries = await bench.entries()
    assert Counter(type(entry) for entry in entries) == {Asked: 2, Replied: 3, Answered: 3, Proposed: 2, Happened: 1, Ended: 3}
    assert bench.surface.texts[THREAD] == {"answer:3": ("Answer 3.", "")}
    assert bench.surface.whispers == []
    assert {number: cards[-1].state for number, cards in bench.surface.cards.items()} == {1: State.SUPERSEDED, 2: State.DONE}
    assert bench.surface.cards[1][-1].superseded_by == 2


async def check_always(bench: Bench) -> None:
    entries = await bench.entries()
    assert [e.call_id for e in entries if isinstance(e, Answered) and e.turn == 1] == ["c1", "c2"]
    assert [patch["spec"] for patch in bench.cluster.landed] == [{"replicas": 5}]
    assert bench.surface.progress[THREAD, 1][-1].state == "done"
    assert (await bench.stores.audit.verify())[1] == ""
    assert bench.cluster.rehearsals == {}


Play = Callable[[Bench, Crash], Awaitable[None]]
Check = Callable[[Bench], Awaitable[None]]
EVERY = int(os.environ.get("CRASH_EVERY", "4"))
"""Which calls a bot crashes at: every fourth, to be quick; CRASH_EVERY=1 tries them all."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("play", "check"),
    [
        (approve, check_approved),
        (write_meanwhile, check_written_meanwhile),
        (move_the_object, check_moved),
        (edit_the_command, check_edited),
    ],
    ids=["approve", "write meanwhile", "move the object", "edit the command"],
)
async def test_a_thread_survives_a_crash_at_any_call(play: Play, check: Check) -> None:
    whole = Crash(inf)
    async with bench() as undisturbed:
        await play(undisturbed, whole)
        await check(undisturbed)
        await check_always(undisturbed)

    for at in range(1, whole.calls + 1, EVERY):
        crash = Crash(at)
        async with bench() as again:
            await play(again, crash)
            try:
                await check(again)
                await check_always(again)
            except AssertionError as exc:
                exc.add_note(f"crash at call {at}: {crash.where}")
                raise
