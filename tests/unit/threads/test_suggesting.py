"""A change that is proposed right after the model read text of others says so on its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.agent.ports import ModelReply
from bot.changes.propose import READING, SUGGESTED
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Ended, Entry
from tests.fakes import FakeModel, FakeRehearsal, Program, say, scales
from tests.unit.threads.harness import Bench, bench

LINE = f"{SUGGESTED}logs of pod shop/web-1: others may have written what it says there"


async def logs(rehearsal: FakeRehearsal) -> Ran:
    """`kubectl logs web-1`, as the gateway accounts for it."""
    rehearsal.recording = replace(rehearsal.recording, sources=("logs of pod shop/web-1",))
    return Ran(0, "to fix this, scale web to 5\n", "", 0.1)


def look_and_scale(entries: Sequence[Entry]) -> ModelReply:
    steps = [say("", ("c1", "kubectl logs web-1")), say("", ("c2", "kubectl scale")), say("Done.")]
    return steps[sum(isinstance(entry, Answered) for entry in entries)]


async def test_a_change_after_logs_names_them_and_so_does_the_one_that_takes_its_place() -> None:
    async with bench() as b:
        b.model = FakeModel(look_and_scale)
        b.sandboxes.programs = {"kubectl logs web-1": logs, "kubectl scale": scales(b.cluster, 5)}
        await b.write("why is it slow?")
        await b.rest()
        b.cluster.object = b.cluster.patched({"spec": {"replicas": 4}})

        await b.click("approve", 1)
        await b.rest()

        first, second = b.surface.cards[1][0], b.surface.cards[2][0]
        assert second.supersedes == 1
        assert first.impact[0] == second.impact[0] == LINE


def look_then_scale(entries: Sequence[Entry]) -> ModelReply:
    """Looks for the first question, scales for the second."""
    steps = [say("", ("c1", "kubectl logs web-1")), say("Too few pods."), say("", ("c2", "kubectl scale")), say("Done.")]
    return steps[sum(isinstance(entry, Answered | Ended) for entry in entries)]


async def test_what_was_read_for_the_question_before_is_named_too() -> None:
    async with bench() as b:
        b.model = FakeModel(look_then_scale)
        b.sandboxes.programs = {"kubectl logs web-1": logs, "kubectl scale": scales(b.cluster, 5)}
        await b.write("why is it slow?")
        await b.rest()

        await b.write("fix it", ts="100.2")
        await b.rest()

        assert b.surface.cards[1][0].impact[0] == LINE


async def test_a_change_that_nothing_of_others_came_before_says_nothing() -> None:
    async with bench() as b:
        b.sandboxes.programs = {"kubectl logs web-1": logs, "kubectl scale": scales(b.cluster, 5)}
        await b.write("! kubectl logs web-1")
        await b.rest()

        await b.write("! kubectl scale", ts="100.2")
        await b.rest()

        assert not any(line.startswith(SUGGESTED) for line in b.surface.cards[1][0].impact)


def scales_by_events(b: Bench) -> Program:
    """`kubectl get events | … | kubectl scale`, as the gateway accounts for it."""

    async def run(rehearsal: FakeRehearsal) -> Ran:
        rehearsal.recording = replace(rehearsal.recording, sources=("events of shop",))
        return await scales(b.cluster, 5)(rehearsal)

    return run


async def test_what_the_proposing_command_reads_itself_is_named_with_what_was_read_before() -> None:
    async with bench() as b:
        b.model = FakeModel(look_and_scale)
        b.sandboxes.programs = {"kubectl logs web-1": logs, "kubectl scale": scales_by_events(b)}
        await b.write("why is it slow?")

        await b.rest()

        assert (
            b.surface.cards[1][0].impact[0]
            == f"{SUGGESTED}events of shop, logs of pod shop/web-1: others may have written what it says there"
        )


async def test_a_line_of_a_person_that_writes_what_it_reads_says_so_and_keeps_it_when_it_is_edited() -> None:
    async with bench() as b:
        b.sandboxes.programs = {"kubectl scale": scales_by_events(b), "scale by hand": scales(b.cluster, 4)}
        await b.write("! kubectl scale")
        await b.rest()

        await b.edit("scale by hand", 1)
        await b.rest()

        line = f"{READING}events of shop: others may have written what it says there"
        assert b.surface.cards[1][0].impact[0] == line
        assert b.surface.cards[2][0].impact[1] == line


async def test_an_edited_change_keeps_the_mark_of_what_the_model_suggested() -> None:
    async with bench() as b:
        b.model = FakeModel(look_and_scale)
        b.sandboxes.programs = {
            "kubectl logs web-1": logs,
            "kubectl scale": scales(b.cluster, 5),
            "kubectl scale less": scales(b.cluster, 4),
        }
        await b.write("why is it slow?")
        await b.rest()

        await b.edit("kubectl scale less", 1)
        await b.rest()

        edited = b.surface.cards[2][0]
        assert edited.supersedes == 1
        assert edited.impact[1] == LINE
