"""Ends of turns that a limit or a failure brought about, compared with what the rows before them had used up. Pure.

The limits of that time are in no row but this one: its sentence names the one that was reached.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from bot.agent import budgets, leaving
from bot.agent.budgets import Spent
from bot.agent.findings import EQUAL, FAILED, OF_THE_DAY, Finding, Verdict, describe
from bot.settings_agent import BudgetSettings, LimitSettings
from bot.values.transcript import Ended, Entry

_STEPS = re.compile(r"I stopped after (\d+) steps ")
_NO_LIMIT = LimitSettings()


def max_steps(entry: Entry) -> int:
    """The most replies of a turn as the end that they brought about tells them; no limit for any other row."""
    found = _STEPS.match(entry.text) if isinstance(entry, Ended) and entry.reason == "limit" else None
    return int(found[1]) if found is not None else sys.maxsize


def check_budget(before: Sequence[Entry], entry: Ended) -> Finding:
    """Of an end where a model was to be asked and a budget was used up."""
    limit = budgets.stated(entry.text)
    if limit is None:
        return Finding(Verdict.DIFFERS, "No limit ends a turn with this sentence.", "", describe(entry))
    cut = Spent(seconds=entry.seconds)
    turn, thread = budgets.of_turn(before, entry.turn) + cut, budgets.of_thread(before) + cut
    for budget in (
        BudgetSettings(turn=_reached(limit, turn)),
        BudgetSettings(turn=_NO_LIMIT, thread=_reached(limit, thread)),
    ):
        if budgets.over_in_thread(before, entry.turn, budget, cut) == entry.text:
            return EQUAL
    if entry.text in _of_a_day(limit):
        return OF_THE_DAY
    note = "The rows before it did not use up a budget that ends a turn with this sentence."
    return Finding(Verdict.DIFFERS, note, f"of the turn\n{describe(turn)}\nof the thread\n{describe(thread)}", describe(entry))


def check_failure(before: Sequence[Entry], entry: Ended) -> Finding:
    """Of an end that no answers were written with: no call may be open then."""
    if leaving.give_up(before, entry.turn, entry.text) == [entry]:
        return FAILED
    return Finding(Verdict.DIFFERS, "The turn cannot have failed here: some of its calls have no answer.", "", describe(entry))


def _reached(limit: LimitSettings, spent: Spent) -> LimitSettings:
    """The limit as it may have been before it was rounded for its sentence: at most what was spent, if that rounds to the same."""
    money = spent.money if f"{spent.money:.2f}" == f"{limit.money:.2f}" else limit.money
    seconds = spent.seconds if f"{spent.seconds:.0f}" == f"{limit.seconds:.0f}" else limit.seconds
    return limit.model_copy(update={"money": money, "seconds": seconds})


def _of_a_day(limit: LimitSettings) -> Iterator[str]:
    """The sentences about a day's budgets with this limit."""
    over = Spent(limit.steps, limit.tokens, limit.money, limit.seconds)
    for name in ("person", "channel", "day"):
        yield budgets.over_today(over, over, over, BudgetSettings.model_validate({name: limit}))
