"""What models used up, one line per reply."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.agent.budgets import Spent
from bot.store import tables
from bot.store.database import Database, count, insert
from bot.threads.ports import Clock

_usage = tables.usage


class StoredUsage:
    """Implements `bot.threads.stores.Usage`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(self, thread_id: str, key: str, user_id: str, channel_id: str, spent: Spent) -> None:
        row = {"thread_id": thread_id, "key": key, "user_id": user_id, "channel_id": channel_id, "at": self._clock()}
        row |= {"steps": spent.steps, "tokens": spent.tokens, "money": spent.money, "seconds": spent.seconds}

        async def work(connection: AsyncConnection) -> None:
            # The same key again is a reply that was asked for again after a crash.
            await connection.execute(insert(connection, _usage).values(row).on_conflict_do_nothing(index_elements=["thread_id", "key"]))

        await self._database.write(work)

    async def total(self, since: float, *, user_id: str = "", channel_id: str = "") -> Spent:
        sums = [func.coalesce(func.sum(_usage.c[name]), 0) for name in ("steps", "tokens", "money", "seconds")]
        query = select(*sums).where(_usage.c.at >= since)
        for column, value in ((_usage.c.user_id, user_id), (_usage.c.channel_id, channel_id)):
            query = query.where(column == value) if value else query

        async def work(connection: AsyncConnection) -> Spent:
            steps, tokens, money, seconds = (await connection.execute(query)).one()
            return Spent(int(steps), int(tokens), float(money), float(seconds))

        return await self._database.read(work)

    async def prune(self, before: float) -> int:
        return await self._database.write(lambda connection: count(connection, delete(_usage).where(_usage.c.at < before)))
