"""Budgets: what models used is kept in the store, and looked at before one is asked."""

from __future__ import annotations

from bot.agent import budgets, loop
from bot.agent.budgets import Spent
from bot.threads.work import Work

_DAY_SECONDS = 86_400


async def find_over(work: Work, turn: int) -> str:
    """Why the model may not be asked now, in words for the thread; '' if it may."""
    limits = work.world.settings.budgets
    why = budgets.over_in_thread(work.rows.entries, turn, limits)
    if why or not budgets.has_daily(limits):
        return why
    since = work.world.clock() // _DAY_SECONDS * _DAY_SECONDS
    usage = work.world.stores.usage
    return budgets.over_today(
        await usage.total(since, user_id=loop.asker_of(work.rows.entries, turn)),
        await usage.total(since, channel_id=work.thread.channel_id),
        await usage.total(since),
        limits,
    )


async def record(work: Work, turn: int, key: str, spent: Spent) -> None:
    """Counts what one reply used up, once per key of the thread."""
    thread = work.thread
    await work.world.stores.usage.record(thread.id, key, loop.asker_of(work.rows.entries, turn), thread.channel_id, spent)
