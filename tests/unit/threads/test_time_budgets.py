"""A budget of time ends what is at work, not only what would begin next; and which budget it was is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from bot.agent.budgets import Spent
from bot.agent.ports import ModelReply, Tool
from bot.settings_agent import BudgetSettings, LimitSettings, PriceSettings
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Ended, Entry, Replied
from tests.fakes import FakeModel, FakeRehearsal, hangs, prints, say
from tests.unit.threads.harness import RULES, THREAD, Bench, bench
from tests.unit.threads.retracing import differing, retrace

SHORT = LimitSettings(seconds=0.6)


def limit(b: Bench, **budgets: LimitSettings) -> None:
    prices = {"fake": PriceSettings(input=100.0, output=100.0)}
    b.rules = RULES.model_copy(update={"budgets": BudgetSettings(prices=prices, **budgets)})


def hang_twice(entries: Sequence[Entry]) -> ModelReply:
    """Two calls at once, of which the first never ends; after that an answer."""
    return say("Done.") if any(isinstance(e, Answered) for e in entries) else say("", ("c1", "hang"), ("c2", "look"))


class SlowModel(FakeModel):
    """A model that begins a reply and does not end it."""

    def __init__(self) -> None:
        super().__init__(lambda _: say(""))

    async def reply(
        self, instructions: str, transcript: Sequence[Entry], tools: Sequence[Tool], on_text: Callable[[str], None]
    ) -> ModelReply:
        on_text("Let me")
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


SENTENCES = {
    "turn": "This question has used up its budget of 1 seconds of work. Write `continue` to let me go on.",
    "thread": "This thread has used up its budget of 1 seconds of work. Write `continue` to let me go on.",
    "person": "Your budget for today, 1 seconds of work, is used up.",
    "channel": "The budget of this channel for today, 1 seconds of work, is used up.",
    "day": "The budget of everybody for today, 1 seconds of work, is used up.",
}
every_budget = pytest.mark.parametrize("budget", SENTENCES)


@every_budget
async def test_a_command_that_does_not_end_is_cut_off_and_the_next_one_does_not_begin(budget: str) -> None:
    async with bench() as b:
        limit(b, **({"turn": LimitSettings()} | {budget: SHORT}))
        b.model = FakeModel(hang_twice)
        b.sandboxes.programs = {"hang": hangs, "look": prints("ok\n")}
        await b.write("why?")

        await b.rest()

        entries = await b.entries()
        answers = [e.result for e in entries if isinstance(e, Answered)]
        assert b.sandboxes.ran == ["hang"]
        assert [(result.status, "budget of time is used up" in result.note) for result in answers] == [("stopped", True)] * 2
        assert [e.reason for e in entries if isinstance(e, Ended)] == ["limit"]
        assert b.surface.texts[THREAD]["ended:1"][0].startswith(SENTENCES[budget])
        assert b.surface.progress[THREAD, 1][-1].state == "limited"
        assert not differing(await retrace(b))


@every_budget
async def test_a_reply_that_does_not_end_is_cut_off(budget: str) -> None:
    async with bench() as b:
        limit(b, **({"turn": LimitSettings()} | {budget: SHORT}))
        b.model = SlowModel()
        await b.write("why?")

        await b.rest()

        entries = await b.entries()
        (end,) = [e for e in entries if isinstance(e, Ended)]
        assert end.reason == "limit"
        assert end.seconds >= SHORT.seconds
        assert b.surface.texts[THREAD]["ended:1"][0].startswith(SENTENCES[budget])
        assert (await b.stores.usage.total(0.0)).seconds == end.seconds
        assert not differing(await retrace(b))


async def test_an_end_that_claims_a_time_that_no_reply_took_differs() -> None:
    async with bench() as b:
        limit(b, turn=SHORT)
        b.model = SlowModel()
        await b.write("why?")
        await b.rest()
        entries = await b.entries()
        (end,) = [e for e in entries if isinstance(e, Ended)]

        assert differing(await retrace(b, [*entries[:-1], replace(end, seconds=0.0)])) == [len(entries) - 1]


async def test_continue_lets_a_turn_go_on_that_was_cut_off() -> None:
    async with bench() as b:
        limit(b, turn=SHORT, thread=SHORT)
        b.model = SlowModel()
        await b.write("why?")
        await b.rest()
        b.model = FakeModel(lambda _: say("Because."))

        await b.write("continue", ts="100.2", mention=False)
        await b.rest()

        assert b.surface.texts[THREAD]["answer:2"][0] == "Because."


async def test_a_command_of_a_person_is_not_cut_off() -> None:
    async def takes_longer(rehearsal: FakeRehearsal) -> Ran:
        await asyncio.sleep(2 * SHORT.seconds)
        return await prints("ok\n")(rehearsal)

    async with bench() as b:
        limit(b, turn=SHORT, thread=SHORT, person=SHORT)
        b.sandboxes.programs["slow"] = takes_longer
        await b.write("! slow")

        await b.rest()

        (answer,) = [e.result for e in await b.entries() if isinstance(e, Answered)]
        assert (answer.status, answer.stdout) == ("ok", "ok\n")


async def test_the_time_of_the_model_s_commands_counts_for_the_day_and_that_of_people_s_does_not() -> None:
    async with bench() as b:
        limit(b)
        b.model = FakeModel(lambda rows: say("Done.") if any(isinstance(e, Answered) for e in rows) else say("", ("c1", "look")))
        b.sandboxes.programs["look"] = prints("ok\n")
        await b.write("why?")
        await b.rest()
        await b.write("! look", ts="100.2")
        await b.rest()

        replies = sum(e.seconds for e in await b.entries() if isinstance(e, Replied))
        assert (await b.stores.usage.total(0.0)).seconds == pytest.approx(replies + 0.1)


@pytest.mark.parametrize(
    ("budgets", "says"),
    [
        ({"channel": LimitSettings(tokens=2_000)}, "The budget of this channel for today, 2,000 tokens, is used up."),
        ({"day": LimitSettings(steps=2)}, "The budget of everybody for today, 2 steps, is used up."),
        ({"turn": LimitSettings(money=0.2)}, "This question has used up its budget of $0.20."),
        ({"day": LimitSettings(money=0.2)}, "The budget of everybody for today, $0.20, is used up."),
    ],
)
async def test_each_budget_ends_a_turn_after_two_replies(budgets: dict[str, LimitSettings], says: str) -> None:
    def look(entries: Sequence[Entry]) -> ModelReply:
        number = sum(isinstance(e, Replied) for e in entries)
        return replace(say("", (f"c{number}", f"look {number}")), input_tokens=900, output_tokens=100)

    async with bench() as b:
        limit(b, **budgets)
        b.model = FakeModel(look)
        b.sandboxes.programs = {f"look {number}": prints(f"{number}\n") for number in range(5)}
        await b.write("why?")

        await b.rest()

        assert sum(isinstance(e, Replied) for e in await b.entries()) == 2
        assert b.surface.texts[THREAD]["ended:1"][0].startswith(says)


async def test_what_another_channel_used_up_does_not_count_for_this_one_but_for_everybody() -> None:
    async with bench() as b:
        limit(b, channel=LimitSettings(steps=3))
        b.model = FakeModel(lambda _: say("Because."))
        await b.stores.usage.record("another thread", "k", "U9", "C9", Spent(3))
        await b.write("why?")
        await b.rest()
        limit(b, day=LimitSettings(steps=3))

        await b.write("and now?", ts="100.2")
        await b.rest()

        assert b.surface.texts[THREAD]["answer:1"][0] == "Because."
        assert b.surface.texts[THREAD]["ended:2"][0].startswith("The budget of everybody for today, 3 steps, is used up.")
