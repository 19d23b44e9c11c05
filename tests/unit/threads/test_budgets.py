"""Budgets in a whole bot: the turn ends with a sentence, the history stays valid, and a person can let it go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.agent.budgets import Spent
from bot.agent.ports import ModelReply
from bot.settings_agent import BudgetSettings, LimitSettings, PriceSettings
from bot.settings_channels import ChannelSettings
from bot.threads.inbound.incoming import Click
from bot.threads.reaper import reap_once
from bot.values.transcript import Answered, Asked, Ended, Entry, Replied
from tests.fakes import FakeModel, prints, say
from tests.unit.threads.harness import RULES, THREAD, Bench, bench

TOKENS = 1_000
DAY = 86_400


def endless(entries: Sequence[Entry]) -> ModelReply:
    """A model that looks again and again, at a thousand tokens a reply."""
    number = sum(isinstance(e, Replied) for e in entries)
    return replace(say("", (f"c{number}", f"look {number}")), input_tokens=900, output_tokens=TOKENS - 900)


def prepare(b: Bench, **budgets: object) -> None:
    prices = {"fake": PriceSettings(input=100.0, output=100.0)}
    b.rules = RULES.model_copy(
        update={"budgets": BudgetSettings(prices=prices, **budgets), "model": RULES.model.model_copy(update={"max_steps": 50})}  # type: ignore[arg-type]
    )
    b.model = FakeModel(endless)
    for number in range(50):
        b.sandboxes.programs[f"look {number}"] = prints(f"{number}\n")


def replies(entries: Sequence[Entry], turn: int) -> int:
    return sum(isinstance(e, Replied) and e.turn == turn for e in entries)


async def test_a_turn_ends_when_its_tokens_are_used_up_and_the_footer_tells_tokens_and_cost() -> None:
    async with bench() as b:
        prepare(b, turn=LimitSettings(tokens=3 * TOKENS))
        await b.write("why?")

        await b.rest()

        entries = await b.entries()
        assert replies(entries, 1) == 3
        assert b.surface.texts[THREAD]["ended:1"][0].startswith("This question has used up its budget of 3,000 tokens.")
        assert b.surface.progress[THREAD, 1][-1].headline == "gave up after 3 commands · 3,000 tokens, $0.30"
        made = {call.id for e in entries if isinstance(e, Replied) for call in e.calls}
        assert {e.call_id for e in entries if isinstance(e, Answered)} == made


async def test_continue_by_word_and_by_button_lets_it_go_on_once_each() -> None:
    async with bench() as b:
        prepare(b, turn=LimitSettings(steps=2))
        await b.write("why?")
        await b.rest()

        await b.write("continue", ts="100.2", mention=False)
        await b.rest()
        for _ in range(2):  # pressed twice
            await b.put(Click("T1", "C1", "U2", "continue", "100.1", "100.5", "trigger"))
        await b.rest()

        entries = await b.entries()
        assert [(e.turn, e.user_id) for e in entries if isinstance(e, Asked)] == [(1, "U1"), (2, "U1"), (3, "U2")]
        assert [e.reason for e in entries if isinstance(e, Ended)] == ["limit"] * 3
        assert [replies(entries, turn) for turn in (1, 2, 3)] == [2, 2, 2]


async def test_who_may_not_ask_in_the_channel_cannot_let_it_go_on() -> None:
    async with bench() as b:
        prepare(b, turn=LimitSettings(steps=2))
        await b.write("why?")
        await b.rest()
        b.rules = b.rules.model_copy(update={"channels": {"C1": ChannelSettings(askers=("U1",))}})

        await b.put(Click("T1", "C1", "U2", "continue", "100.1", "100.5", "trigger"))
        await b.rest()

        assert [user for user, text in b.surface.whispers if "Only some people may ask" in text] == ["U2"]
        assert len([e for e in await b.entries() if isinstance(e, Asked)]) == 1


async def test_a_press_of_continue_where_nothing_stopped_at_a_limit_is_told_so() -> None:
    async with bench() as b:
        b.model = FakeModel(lambda _: say("Fine."))
        await b.write("why?")
        await b.rest()

        await b.put(Click("T1", "C1", "U1", "continue", "100.1", "100.5", "trigger"))
        await b.rest()

        assert b.surface.whispers == [
            ("U1", "I did not stop at a limit here, so there is nothing to go on with; write what you want to know.")
        ]


async def test_a_person_s_day_ends_their_questions_in_every_thread_until_midnight_and_nobody_else_s() -> None:
    async with bench() as b:
        prepare(b, turn=LimitSettings(steps=2), person=LimitSettings(tokens=2 * TOKENS))
        await b.write("why?")
        await b.rest()

        await b.write("and now?", ts="100.2")
        await b.rest()
        told = b.surface.texts[THREAD]["ended:2"][0]
        await b.write("and for me?", ts="100.3", user="U2")
        await b.rest()
        b.time.now += 86_400
        await b.write("a new day?", ts="100.4")
        await b.rest()

        entries = await b.entries()
        assert told.startswith("Your budget for today, 2,000 tokens, is used up. It begins anew at 00:00 UTC.")
        assert [replies(entries, turn) for turn in (1, 2, 3, 4)] == [2, 0, 2, 2]


async def test_what_was_used_is_summed_by_person_channel_and_time() -> None:
    async with bench() as b:
        usage = b.stores.usage
        for key, user, channel in (("a", "U1", "C1"), ("b", "U1", "C2"), ("c", "U2", "C1"), ("a", "U1", "C1")):
            await usage.record("t", key, user, channel, Spent(1, 10, 0.5, 2.0))

        assert await usage.total(0.0) == Spent(3, 30, 1.5, 6.0)
        assert await usage.total(0.0, user_id="U1") == Spent(2, 20, 1.0, 4.0)
        assert await usage.total(0.0, channel_id="C1") == Spent(2, 20, 1.0, 4.0)
        assert await usage.total(b.time.now + 1) == Spent()


async def test_what_was_used_is_forgotten_when_no_day_s_budget_looks_at_it_any_more() -> None:
    async with bench() as b:
        b.time.now = 10 * DAY
        await b.stores.usage.record("t", "old", "U1", "C1", Spent(1, 10, 0.5, 2.0))
        b.time.now = 11.9 * DAY
        await b.stores.usage.record("t", "new", "U1", "C1", Spent(1, 20, 0.5, 2.0))
        await reap_once(b.world(), "r")
        kept = await b.stores.usage.total(0.0)
        b.time.now = 12.1 * DAY

        await reap_once(b.world(), "r")

        assert kept.tokens == 30
        assert (await b.stores.usage.total(0.0)).tokens == 20


async def test_the_same_command_with_the_same_output_is_told_so_and_then_not_run() -> None:
    def stubborn(entries: Sequence[Entry]) -> ModelReply:
        number = sum(isinstance(e, Replied) for e in entries)
        return say("", (f"c{number}", "look 0")) if number < 5 else say("I give up.")

    async with bench() as b:
        prepare(b)
        b.model = FakeModel(stubborn)
        await b.write("why?")

        await b.rest()

        notes = [e.result.note for e in await b.entries() if isinstance(e, Answered)]
        assert b.sandboxes.ran == ["look 0"] * 2
        assert notes[0] == ""
        assert "same command with the same output" in notes[1]
        assert all("Not run" in note for note in notes[2:])
        assert len(notes) == 5
