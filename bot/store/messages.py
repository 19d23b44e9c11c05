"""Which chat message belongs to which key."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Database, count, insert
from bot.store.tables import messages
from bot.threads.ports import Clock
from bot.threads.stores import Shown


class StoredMessages:
    """Implements `bot.threads.stores.Messages`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, key: str) -> Shown | None:
        async def work(connection: AsyncConnection) -> Shown | None:
            row = (await connection.execute(select(messages).where(messages.c.key == key))).first()
            return Shown(row.key, row.channel, row.ts, row.digest, attempted=True) if row else None

        return await self._database.read(work)

    async def claim(self, key: str, thread_id: str) -> None:
        row = {"key": key, "thread_id": thread_id, "channel": "", "ts": "", "digest": "", "at": self._clock()}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(connection, messages).values(row).on_conflict_do_nothing(index_elements=["key"]))

        await self._database.write(work)

    async def posted(self, key: str, channel: str, ts: str, digest: str) -> None:
        row = {"key": key, "thread_id": "", "channel": channel, "ts": ts, "digest": digest, "at": self._clock()}
        known = {"channel": channel, "ts": ts, "digest": digest}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(connection, messages).values(row).on_conflict_do_update(index_elements=["key"], set_=known))

        await self._database.write(work)

    async def redrawn(self, key: str, digest: str) -> None:
        drawn = update(messages).where(messages.c.key == key).values(digest=digest)
        await self._database.write(lambda connection: count(connection, drawn))
