"""What a conversation has used up, and the sentence for a budget that is over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.settings_agent import BudgetSettings, LimitSettings, PriceSettings
from bot.values.transcript import Answered, Asked, Compacted, Ended, Entry, Replied

CONTINUE = "continue"
"""The word that lets a turn or a thread go on; the button writes it too."""

_GO_ON = f"Write `{CONTINUE}` to let me go on."
_TOMORROW = "It begins anew at 00:00 UTC."

_STATED = re.compile(
    r"(?:its budget of|for today,) "
    r"(?:(?P<steps>\d+) steps|(?P<tokens>\d[\d,]*) tokens|\$(?P<money>\d+\.\d\d)|(?P<seconds>\d+) seconds of work)"
)
"""How `_compare` words a limit, in the sentences below."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Replies of a model, tokens to and from it, US dollars, and seconds at work."""

    steps: int = 0
    tokens: int = 0
    money: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.steps + other.steps, self.tokens + other.tokens, self.money + other.money, self.seconds + other.seconds)


NOTHING = Spent()


def price(prices: Mapping[str, PriceSettings], model: str, input_tokens: int, output_tokens: int) -> float:
    """US dollars; 0.0 for a model without a price."""
    found = prices.get(model)
    return (input_tokens * found.input + output_tokens * found.output) / 1_000_000 if found else 0.0


def of_entries(entries: Sequence[Entry]) -> Spent:
    """What the entries tell of."""
    total = Spent()
    for entry in entries:
        match entry:
            case Replied():
                total += Spent(1, entry.input_tokens + entry.output_tokens, entry.money, entry.seconds)
            case Compacted():
                total += Spent(0, entry.input_tokens + entry.output_tokens, entry.money, entry.seconds)
            case Answered():
                total += Spent(seconds=entry.result.seconds)
            case Ended():
                total += Spent(seconds=entry.seconds)
    return total


def of_turn(entries: Sequence[Entry], turn: int) -> Spent:
    """What counts for the budget of a question."""
    return of_entries([entry for entry in entries if entry.turn == turn])


def of_thread(entries: Sequence[Entry]) -> Spent:
    """What counts for the budget of a thread."""
    return of_entries(_since_continue(entries))


def over_in_thread(entries: Sequence[Entry], turn: int, budgets: BudgetSettings, more: Spent = NOTHING) -> str:
    """Why this turn may not go on by what this thread has used up, with what to do; '' if it may. `more` is what no entry tells yet."""
    why = _compare(of_turn(entries, turn) + more, budgets.turn)
    if why:
        return f"This question has used up its budget of {why}. {_GO_ON}"
    why = _compare(of_thread(entries) + more, budgets.thread)
    return f"This thread has used up its budget of {why}. {_GO_ON}" if why else ""


def over_today(person: Spent, channel: Spent, everybody: Spent, budgets: BudgetSettings) -> str:
    """Why nothing more may be asked today, with what to do; '' if it may."""
    for spent, limits, whose in (
        (person, budgets.person, "Your budget"),
        (channel, budgets.channel, "The budget of this channel"),
        (everybody, budgets.day, "The budget of everybody"),
    ):
        why = _compare(spent, limits)
        if why:
            return f"{whose} for today, {why}, is used up. {_TOMORROW} Command lines and `triage` still work."
    return ""


def seconds_left(used: Iterable[tuple[Spent, LimitSettings]]) -> float | None:
    """How long there may be work still, by the tightest of these limits; None if none of them limits it."""
    return min((max(limits.seconds - spent.seconds, 0.0) for spent, limits in used if limits.seconds), default=None)


def stated(text: str) -> LimitSettings | None:
    """The limit that a sentence about a budget names, as far as it names it: rounded. None if it names none."""
    found = _STATED.search(text)
    if found is None:
        return None
    return LimitSettings.model_validate({name: value.replace(",", "") for name, value in found.groupdict().items() if value is not None})


def has_daily(budgets: BudgetSettings) -> bool:
    """Whether anything is limited by the day, so that the day's use must be looked up."""
    return any(limits != LimitSettings() for limits in (budgets.person, budgets.channel, budgets.day))


def describe(spent: Spent) -> str:
    """Tokens and cost as people read them at the end of a turn; '' where the service tells nothing."""
    if not spent.tokens:
        return ""
    cost = f", ${spent.money:.2f}" if spent.money >= 0.005 else ", < $0.01" if spent.money else ""
    return f"{spent.tokens:,} tokens{cost}"


def _since_continue(entries: Sequence[Entry]) -> Sequence[Entry]:
    last = max((e.turn for e in entries if isinstance(e, Asked) and e.text.strip().rstrip(".! ").lower() == CONTINUE), default=0)
    return [entry for entry in entries if entry.turn >= last]


def _compare(spent: Spent, limits: LimitSettings) -> str:
    """What is used up, as words; '' if nothing is."""
    if limits.steps and spent.steps >= limits.steps:
        return f"{limits.steps} steps"
    if limits.tokens and spent.tokens >= limits.tokens:
        return f"{limits.tokens:,} tokens"
    if limits.money and spent.money >= limits.money:
        return f"${limits.money:.2f}"
    if limits.seconds and spent.seconds >= limits.seconds:
        return f"{limits.seconds:.0f} seconds of work"
    return ""
