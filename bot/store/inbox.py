"""The inbox: events that are stored before they are acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StoreError
from bot.store.codec import dump_incoming, load_incoming
from bot.store.database import Database, count, insert
from bot.store.tables import clean, inbox
from bot.threads.inbound.incoming import Incoming
from bot.threads.ports import Clock
from bot.threads.stores import Delivery

_BATCH = 200


class StoredInbox:
    """Implements `bot.threads.stores.Inbox`. Events that arrive while a transaction runs share the next one (group commit):
    a commit costs one disk flush, however many events it holds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[tuple[str, str, asyncio.Future[bool]]] = []
        self._flush: asyncio.Task[None] | None = None

    async def put(self, key: str, incoming: Incoming) -> bool:
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((clean(key), dump_incoming(incoming), stored))
        if self._flush is None:
            self._flush = asyncio.create_task(self._store_waiting())
        return await stored

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                await self._store(batch)
        finally:
            self._flush = None

    async def _store(self, batch: list[tuple[str, str, asyncio.Future[bool]]]) -> None:
        now = self._clock()
        fixed = {"state": "new", "attempts": 0, "free_at": now, "changed_at": now}
        rows = {key: {"key": key, "incoming": data, **fixed} for key, data, _ in reversed(batch)}

        async def work(connection: AsyncConnection) -> set[str]:
            new = insert(connection, inbox).on_conflict_do_nothing(index_elements=["key"]).returning(inbox.c.key)
            return set((await connection.execute(new, list(reversed(rows.values())))).scalars())

        try:
            new_keys = await self._database.write(work)
        except StoreError as exc:
            for _, _, stored in batch:
                if not stored.done():
                    stored.set_exception(exc)
            return
        for key, _, stored in batch:
            is_new = key in new_keys
            new_keys.discard(key)  # the same key twice in one batch is new once
            if not stored.done():
                stored.set_result(is_new)

    async def take(self, lease_seconds: float, limit: int = 20) -> Sequence[Delivery]:
        now = self._clock()
        free = select(inbox.c.id).where(inbox.c.state == "new", inbox.c.free_at <= now).order_by(inbox.c.id).limit(limit)

        async def peek(connection: AsyncConnection) -> bool:
            return (await connection.execute(free.limit(1))).first() is not None

        async def work(connection: AsyncConnection) -> list[Delivery]:
            ids = (await connection.execute(free.with_for_update(skip_locked=True))).scalars().all()
            taken = update(inbox).where(inbox.c.id.in_(ids)).values(free_at=now + lease_seconds, attempts=inbox.c.attempts + 1)
            await connection.execute(taken)
            rows = (await connection.execute(select(inbox).where(inbox.c.id.in_(ids)).order_by(inbox.c.id))).all()
            return [Delivery(row.id, row.key, load_incoming(row.incoming), row.attempts, row.error) for row in rows]

        if not await self._database.read(peek):  # the idle poll takes no write lock
            return []
        return await self._database.write(work)

    async def done(self, delivery_id: int) -> None:
        await self._set(delivery_id, state="done", changed_at=self._clock(), error="")

    async def failed(self, delivery_id: int, why: str, retry_after_seconds: float | None) -> None:
        now = self._clock()
        if retry_after_seconds is None:
            await self._set(delivery_id, state="dead", changed_at=now, error=why)
        else:
            await self._set(delivery_id, free_at=now + retry_after_seconds, changed_at=now, error=why)

    async def prune(self, before: float) -> int:
        old = delete(inbox).where(inbox.c.state == "done", inbox.c.changed_at < before)
        return await self._database.write(lambda connection: count(connection, old))

    async def _set(self, delivery_id: int, **values: object) -> None:
        changed = update(inbox).where(inbox.c.id == delivery_id).values(**values)
        await self._database.write(lambda connection: count(connection, changed))
