"""Where the bot speaks only when it is mentioned."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store import tables
from bot.store.database import Database, count, insert
from bot.threads.ports import Clock

_quiet = tables.quiet_places


class StoredQuiet:
    """Implements `bot.threads.stores.Quiet`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, place: str, by: str) -> None:
        row = {"place": place, "by": by, "at": self._clock()}

        async def work(connection: AsyncConnection) -> None:
            await count(connection, insert(connection, _quiet).values(row).on_conflict_do_nothing(index_elements=["place"]))

        await self._database.write(work)

    async def end(self, place: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(_quiet).where(_quiet.c.place == place))

        await self._database.write(work)

    async def holds(self, places: Collection[str]) -> bool:
        query = select(_quiet.c.place).where(_quiet.c.place.in_(list(places))).limit(1)

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(query)).first() is not None

        return await self._database.read(work)
