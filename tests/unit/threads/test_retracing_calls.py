"""Answers of calls and the changes that they came to follow from the rows before them, edited commands too; what was altered does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.agent import findings
from bot.agent.findings import Finding, Verdict
from bot.agent.ports import ModelReply
from bot.values.transcript import Answered, Entry, ModelRequest, Proposed, Replied, ToolCall
from tests.fakes import FakeModel, prints, say, scales
from tests.unit.threads.harness import Bench, bench
from tests.unit.threads.retracing import change_in, differing, looking, propose, retrace


async def edit(b: Bench, command: str) -> None:
    """Change 1 of a command line, edited into this one."""
    b.sandboxes.programs |= {"scale": scales(b.cluster, 5), "more": scales(b.cluster, 7), "look": prints("ok\n")}
    await b.write("! scale")
    await b.rest()
    await b.edit(command, 1)
    await b.rest()


@pytest.mark.parametrize(
    ("command", "says", "lie"),
    [
        ("look", "The edited command changes nothing, so change 1 is withdrawn.", ""),
        ("look", "The edited command changes nothing, so change 1 is withdrawn.", "The edited command failed, so change 1 is as it was."),
        ("typo", "The edited command failed, so change 1 is as it was.", ""),
        ("typo", "The edited command failed, so change 1 is as it was.", "The edited command failed, so change 2 is as it was."),
        ("a\0b", "accepts; call it again without it. The edited command failed, so change 1 is as it was.", "which no shell accepts."),
    ],
)
async def test_what_an_edited_command_says_of_its_change_follows_from_the_change(command: str, says: str, lie: str) -> None:
    async with bench() as b:
        await edit(b, command)

        entries = await b.entries()
        place = next(place for place, e in enumerate(entries) if isinstance(e, Answered) and e.turn == 2)
        told = entries[place]
        assert isinstance(told, Answered)
        assert told.result.note.endswith(says)
        found = await retrace(b)
        assert not differing(found)
        assert found[place].verdict is (Verdict.EQUAL if "\0" in command else Verdict.GIVEN)
        altered = await change_in(b, place, note=lie)
        assert altered.verdict is Verdict.DIFFERS
        assert says in altered.expected


async def test_a_change_that_lapsed_after_its_edited_command_failed_may_have_been_open_then() -> None:
    async with bench() as b:
        await edit(b, "typo")
        b.time.now += 100_000
        await b.rest()

        assert not differing(await retrace(b))


async def test_an_edited_model_command_and_what_became_of_it_follow() -> None:
    async with bench() as b:
        await propose(b)
        b.sandboxes.programs["more"] = scales(b.cluster, 7)
        await b.edit("typo", 1)
        await b.rest()
        await b.edit("more", 1)
        await b.rest()
        await b.click("approve", 2)
        await b.rest()

        assert not differing(await retrace(b))
        proposed = next(place for place, e in enumerate(await b.entries()) if isinstance(e, Proposed) and e.change_id == 2)
        beside = "Change 1 was decided before the edited command was rehearsed, so this is one beside it."
        assert (await change_in(b, proposed, note=beside)).verdict is Verdict.DIFFERS


async def test_a_proposed_change_is_the_one_that_its_call_came_to() -> None:
    async with bench() as b:
        await edit(b, "more")
        entries = list(await b.entries())
        first = next(place for place, e in enumerate(entries) if isinstance(e, Proposed))

        assert (await retrace(b))[first] == findings.RECORDED
        assert (await change_in(b, first, change_id=2)).verdict is Verdict.DIFFERS
        assert (await change_in(b, first, change_id=9)).verdict is Verdict.DIFFERS
        assert (await change_in(b, first, command="scole")).verdict is Verdict.DIFFERS


async def test_a_note_about_a_repeated_command_follows_from_the_answer_before() -> None:
    async with bench() as b:
        b.model = FakeModel(looking)
        b.sandboxes.programs["get"] = prints("ok\n")
        await b.write("why?")
        await b.rest()

        answers = [place for place, e in enumerate(await b.entries()) if isinstance(e, Answered)]
        assert not differing(await retrace(b))
        assert (await change_in(b, answers[1], note="")).verdict is Verdict.DIFFERS
        again = (await b.entries())[answers[1]]
        assert isinstance(again, Answered)
        assert (await change_in(b, answers[0], note=again.result.note)).verdict is Verdict.DIFFERS
        assert (await change_in(b, answers[0], command="got")).verdict is Verdict.DIFFERS


OFFERED = ModelRequest("gemini", "", "", 1, 100_000, "", '[{"name": "tickets_search", "description": "Finds tickets.", "parameters": {}}]')


@pytest.mark.parametrize(
    ("name", "request_", "arguments", "found"),
    [
        ("tickets_search", OFFERED, {}, findings.PRINTED),
        ("tickets_search", None, {}, findings.UNTOLD_REQUEST),
        ("runbook", OFFERED, {"query": 7}, findings.EQUAL),
        ("runbook", None, {"query": "pods"}, findings.LOOKED_UP),
        ("frobnicate", OFFERED, {}, findings.EQUAL),
    ],
)
async def test_the_answer_of_another_tool_is_compared_where_nothing_outside_was_asked(
    name: str, request_: ModelRequest | None, arguments: dict[str, object], found: Finding
) -> None:
    def think(rows: Sequence[Entry]) -> ModelReply:
        reply = say("So it is.") if any(isinstance(e, Replied) for e in rows) else say("")
        return replace(reply, calls=() if reply.text else (ToolCall("c1", name, arguments),))

    async with bench() as b:
        b.model = FakeModel(think)
        await b.write("why?")
        await b.rest()

        entries = [replace(e, request=request_) if isinstance(e, Replied) else e for e in await b.entries()]

        place = next(place for place, e in enumerate(entries) if isinstance(e, Answered))
        assert (await retrace(b, entries))[place] == found
