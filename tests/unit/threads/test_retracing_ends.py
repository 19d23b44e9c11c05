"""Ends of turns by limits and failures follow from what the rows before them tell; what was altered does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.agent import findings
from bot.agent.findings import Verdict
from bot.agent.ports import ModelReply
from bot.errors import ModelRefusedError
from bot.settings_agent import BudgetSettings, LimitSettings, PriceSettings
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Ended, Entry, Replied
from tests.fakes import FakeModel, FakeRehearsal, prints, say
from tests.unit.threads.harness import RULES, bench
from tests.unit.threads.retracing import change_in, differing, looking, retrace


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"turn": LimitSettings(steps=2)}, "This question has used up its budget of 2 steps."),
        ({"turn": LimitSettings(tokens=1_500)}, "This question has used up its budget of 1,500 tokens."),
        ({"turn": LimitSettings(money=0.02)}, "This question has used up its budget of $0.02."),
        ({"turn": LimitSettings(seconds=2.4)}, "This question has used up its budget of 2 seconds of work."),
        ({"thread": LimitSettings(tokens=4_000)}, "This thread has used up its budget of 4,000 tokens."),
    ],
)
async def test_an_end_by_a_budget_follows_from_what_was_used_up_and_from_nothing_less(limits: dict[str, LimitSettings], says: str) -> None:
    async with bench() as b:
        budgets = BudgetSettings(prices={"fake": PriceSettings(input=10, output=0)}, **limits)
        b.rules = RULES.model_copy(update={"budgets": budgets, "model": RULES.model.model_copy(update={"max_steps": 50})})
        b.model = FakeModel(lambda rows: replace(looking(rows), input_tokens=800))
        b.sandboxes.programs["get"] = takes(1.2)
        await b.write("why?")
        await b.rest()

        entries = await b.entries()
        end = entries[-1]
        assert isinstance(end, Ended)
        assert (end.reason, says in end.text) == ("limit", True)
        assert not differing(await retrace(b))
        assert (await retrace(b))[-1].verdict is Verdict.EQUAL
        early = next(place for place, e in enumerate(entries) if isinstance(e, Answered)) + 1
        lies = [*entries[:early], end]
        assert differing(await retrace(b, lies)) == [early]
        assert (await change_in(b, -1, text=end.text.replace("budget", "badget"))).verdict is Verdict.DIFFERS


def takes(seconds: float):
    """A program that takes this long."""

    async def run(_: FakeRehearsal) -> Ran:
        return Ran(0, "ok\n", "", seconds=seconds)

    return run


async def test_of_an_end_by_a_budget_of_the_day_the_sentence_is_compared() -> None:
    async with bench() as b:
        b.rules = RULES.model_copy(update={"budgets": BudgetSettings(channel=LimitSettings(steps=1))})
        b.model = FakeModel(lambda _: say("So it is."))
        await b.write("why?")
        await b.write("and now?", ts="100.2")
        await b.rest()

        end = (await b.entries())[-1]
        assert isinstance(end, Ended)
        assert end.text.startswith("The budget of this channel for today, 1 steps, is used up.")
        found = await retrace(b)
        assert not differing(found)
        assert found[-1] == findings.OF_THE_DAY
        assert (await change_in(b, -1, text=end.text.replace("of this", "of that"))).verdict is Verdict.DIFFERS


async def test_an_end_by_the_most_steps_follows_even_when_the_setting_was_lowered_meanwhile() -> None:
    async with bench() as b:
        b.model = FakeModel(looking)
        b.sandboxes.programs["get"] = prints("ok\n")
        await b.write("why?")
        await b.rest()

        entries = await b.entries()
        end = entries[-1]
        assert isinstance(end, Ended)
        assert end.text.startswith("I stopped after 5 steps")
        assert not differing(await retrace(b))
        assert (await change_in(b, -1, text=end.text.replace("5", "4"))).verdict is Verdict.EQUAL
        assert (await change_in(b, -1, text=end.text.replace("5", "6"))).verdict is Verdict.DIFFERS
        assert (await change_in(b, -1, text=end.text.replace("let me", "led me"))).verdict is Verdict.DIFFERS


async def test_a_turn_whose_model_failed_ended_where_a_model_was_to_be_asked() -> None:
    def fail(rows: Sequence[Entry]) -> ModelReply:
        if any(isinstance(e, Replied) for e in rows):
            raise ModelRefusedError("The key is wrong; set another.")
        return say("", ("c1", "get"))

    async with bench() as b:
        b.model = FakeModel(fail)
        b.sandboxes.programs["get"] = prints("ok\n")
        await b.write("why?")
        await b.rest()

        entries = await b.entries()
        found = await retrace(b)
        assert found[-1] == findings.FAILED
        assert not differing(found)
        lies = [*entries[:-2], entries[-1]]  # the call has no answer
        assert differing(await retrace(b, lies)) == [len(lies) - 1]


async def test_the_answers_that_a_broken_turn_ends_with_follow_from_its_calls() -> None:
    async def break_down(_: FakeRehearsal) -> Ran:
        raise RuntimeError("no such thing")

    async with bench() as b:
        b.model = FakeModel(lambda _: say("", ("c1", "get"), ("c2", "break"), ("c3", "get")))
        b.sandboxes.programs |= {"get": prints("ok\n"), "break": break_down}
        await b.write("why?")
        await b.rest()

        entries = await b.entries()
        assert [e.result.status for e in entries if isinstance(e, Answered)] == ["ok", "error", "error"]
        found = await retrace(b)
        assert [finding.verdict for finding in found[-3:]] == [Verdict.EQUAL, Verdict.EQUAL, Verdict.GIVEN]
        assert not differing(found)
        assert (await change_in(b, -2, command="got")).verdict is Verdict.DIFFERS
        lies = [*entries[:-2], entries[-1]]
        assert differing(await retrace(b, lies))
