"""What was used up, and when it is too much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.agent import budgets
from bot.agent.budgets import Spent
from bot.settings_agent import BudgetSettings, LimitSettings, PriceSettings
from bot.values.transcript import Compacted, Ended, Entry
from tests.unit.agent.builders import answered, asked, ended, ran, replied, shell

ROWS: list[Entry] = [
    asked(1),
    replace(replied(1, shell("a")), input_tokens=900, output_tokens=100, money=0.5, seconds=2.0),
    answered(1, "a", replace(ran(), seconds=3.0)),
    Compacted(1, 1, "s", "m", input_tokens=100, output_tokens=50, seconds=1.0, money=0.1),
    replace(replied(1, text="Done."), input_tokens=1000, output_tokens=100, money=0.5, seconds=2.0),
]


def test_replies_commands_and_summaries_are_counted() -> None:
    assert budgets.of_entries(ROWS) == Spent(2, 2250, pytest.approx(1.1), 8.0)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (LimitSettings(steps=2), "2 steps"),
        (LimitSettings(tokens=2250), "2,250 tokens"),
        (LimitSettings(money=1.0), r"\$1\.00"),
        (LimitSettings(seconds=8), "8 seconds of work"),
    ],
)
def test_each_measure_ends_a_question_with_a_sentence_that_says_how_to_go_on(limits: LimitSettings, words: str) -> None:
    why = budgets.over_in_thread(ROWS, 1, BudgetSettings(turn=limits))

    assert why.startswith("This question has used up its budget of ")
    assert words.replace("\\", "") in why
    assert why.endswith("Write `continue` to let me go on.")


def test_below_every_limit_it_goes_on() -> None:
    generous = LimitSettings(steps=3, tokens=2251, money=1.2, seconds=9)

    assert budgets.over_in_thread(ROWS, 1, BudgetSettings(turn=generous, thread=generous)) == ""


def test_a_thread_counts_all_its_turns_until_somebody_writes_continue() -> None:
    limits = BudgetSettings(turn=LimitSettings(), thread=LimitSettings(steps=2))
    rows = [*ROWS, ended(1, "limit"), asked(2)]

    assert "This thread" in budgets.over_in_thread(rows, 2, limits)
    assert budgets.over_in_thread([*rows, ended(2, "limit"), asked(3, "Continue.")], 3, limits) == ""


@pytest.mark.parametrize(
    ("field", "words"), [("person", "Your budget"), ("channel", "The budget of this channel"), ("day", "The budget of everybody")]
)
def test_a_day_s_budget_says_when_it_begins_anew(field: str, words: str) -> None:
    limits = BudgetSettings(**{field: LimitSettings(tokens=10)})

    why = budgets.over_today(Spent(tokens=10), Spent(tokens=10), Spent(tokens=10), limits)

    assert why.startswith(words)
    assert "00:00 UTC" in why
    assert budgets.over_today(Spent(tokens=9), Spent(tokens=9), Spent(tokens=9), limits) == ""


def test_prices_are_per_million_tokens_and_unknown_models_cost_nothing() -> None:
    prices = {"m": PriceSettings(input=0.5, output=3.0)}

    assert budgets.price(prices, "m", 1_000_000, 100_000) == pytest.approx(0.8)
    assert budgets.price(prices, "other", 1_000_000, 100_000) == 0.0


@pytest.mark.parametrize(
    ("spent", "text"),
    [
        (Spent(), ""),
        (Spent(1, 12_345), "12,345 tokens"),
        (Spent(1, 12_345, 0.123), "12,345 tokens, $0.12"),
        (Spent(1, 10, 0.0001), "10 tokens, < $0.01"),
    ],
)
def test_the_footer_tells_tokens_and_cost_where_they_are_known(spent: Spent, text: str) -> None:
    assert budgets.describe(spent) == text


def test_a_reply_that_was_cut_off_counts_with_its_time() -> None:
    assert budgets.of_thread([asked(), Ended(1, "limit", "", 2.5), asked(2)]).seconds == 2.5
