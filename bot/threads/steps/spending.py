"""Budgets: what models used is kept in the store, and looked at before one is asked and while one, or a command of it, is at work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.agent import budgets, loop
from bot.agent.budgets import NOTHING, Spent
from bot.threads.steps.work import Work
from bot.values.transcript import Ended

T = TypeVar("T")

_DAY_SECONDS = 86_400
_ROUNDING_SECONDS = 1e-6
"""More than sums of seconds lose by rounding."""


@dataclass(frozen=True, slots=True)
class TimeUp:
    """What was being done was cut off: a budget of time is used up."""

    seconds: float
    """How long it had been at work."""


async def find_over(work: Work, turn: int, more: Spent = NOTHING) -> str:
    """Why the model may not be asked now, in words for the thread; '' if it may. `more` is what is not recorded yet."""
    limits = work.world.settings.budgets
    why = budgets.over_in_thread(work.rows.entries, turn, limits, more)
    if why or not budgets.has_daily(limits):
        return why
    person, channel, everybody = await _today(work, turn)
    return budgets.over_today(person + more, channel + more, everybody + more, limits)


async def find_seconds_left(work: Work, turn: int) -> float | None:
    """How long the model and its commands may be at work still; None without a limit."""
    limits, entries = work.world.settings.budgets, work.rows.entries
    used = [(budgets.of_turn(entries, turn), limits.turn), (budgets.of_thread(entries), limits.thread)]
    daily = (limits.person, limits.channel, limits.day)
    if any(limit.seconds for limit in daily):
        used += zip(await _today(work, turn), daily, strict=True)
    return budgets.seconds_left(used)


async def within(seconds: float | None, doing: Coroutine[Any, Any, T]) -> T | TimeUp:
    """Runs it to its end, or cancels it after this time; None is no limit."""
    if seconds is not None and seconds <= 0:
        doing.close()
        return TimeUp(0.0)
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        async with asyncio.timeout(seconds) as limit:
            return await doing
    except TimeoutError:
        if seconds is None or not limit.expired():
            raise
        return TimeUp(max(clock() - started, seconds) + _ROUNDING_SECONDS)


async def end_turn(work: Work, turn: int, up: TimeUp) -> None:
    """Ends the turn whose model was cut off; the day knows of the time."""
    spent = Spent(seconds=up.seconds)
    text = await find_over(work, turn, spent)
    await record(work, turn, f"cut:{turn}", spent)
    await work.world.stores.threads.append(work.thread.id, [Ended(turn, "limit", text, up.seconds)])


async def record(work: Work, turn: int, key: str, spent: Spent) -> None:
    """Counts what a reply or a command of the model used up, once per key of the thread."""
    thread = work.thread
    await work.world.stores.usage.record(thread.id, key, loop.asker_of(work.rows.entries, turn), thread.channel_id, spent)


async def _today(work: Work, turn: int) -> tuple[Spent, Spent, Spent]:
    """What the turn's person, the channel and everybody have used up since midnight (UTC)."""
    since = work.world.clock() // _DAY_SECONDS * _DAY_SECONDS
    usage = work.world.stores.usage
    return (
        await usage.total(since, user_id=loop.asker_of(work.rows.entries, turn)),
        await usage.total(since, channel_id=work.thread.channel_id),
        await usage.total(since),
    )
