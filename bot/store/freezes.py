"""Freezes. Whatever changes one makes the cards of the cluster's open changes stale, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.changes.change import OPEN
from bot.changes.freeze import Freeze
from bot.changes.ports import AuditLine
from bot.store import tables
from bot.store.audit import append_line
from bot.store.changes import lock_changes
from bot.store.database import Database, count, insert
from bot.store.wakes import mark_awake
from bot.threads.ports import Clock

_freezes = tables.freezes
_changes = tables.changes
_COLUMNS = tuple(_freezes.c[name] for name in Freeze.__dataclass_fields__)


class StoredFreezes:
    """Implements `bot.threads.stores.Freezes`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, key: str, freeze: Freeze, audit: AuditLine) -> bool:
        row = {name: getattr(freeze, name) for name in Freeze.__dataclass_fields__}
        row |= {"key": key, "ended_by": "", "ended_at": None, "ended_key": ""}

        async def work(connection: AsyncConnection) -> bool:
            now = self._clock()
            known = select(_freezes.c.id).where(_freezes.c.cluster == freeze.cluster, _freezes.c.key == row["key"])
            if (await connection.execute(known)).first():
                return False
            await connection.execute(_end(_of(freeze.cluster), freeze.by, now, row["key"]))
            new = insert(connection, _freezes).values(row).on_conflict_do_nothing(index_elements=["cluster", "key"])
            if not await count(connection, new):
                return False
            await self._redraw(connection, freeze.cluster, now)
            await append_line(connection, audit, now)
            return True

        return await self._database.write(work)

    async def lift(self, key: str, cluster: str, by: str, audit: AuditLine) -> Freeze | None:
        async def work(connection: AsyncConnection) -> Freeze | None:
            now = self._clock()
            lifted = _select(_freezes.c.cluster == cluster, _freezes.c.ended_key == key)
            if before := (await connection.execute(lifted)).mappings().first():
                return Freeze(**before)
            found = (await connection.execute(_select(_of(cluster), _holds(now)))).mappings().first()
            if found is None or not await count(connection, _end(_of(cluster), by, now, key)):
                return None
            await self._redraw(connection, cluster, now)
            await append_line(connection, audit, now)
            return Freeze(**found)

        return await self._database.write(work)

    async def active(self, cluster: str) -> Freeze | None:
        async def work(connection: AsyncConnection) -> Freeze | None:
            found = (await connection.execute(_select(_of(cluster), _holds(self._clock())))).mappings().first()
            return Freeze(**found) if found else None

        return await self._database.read(work)

    async def end_due(self, by: str) -> Sequence[Freeze]:
        over = _freezes.c.ended_at.is_(None), _freezes.c.until.is_not(None), _freezes.c.until <= self._clock()

        async def peek(connection: AsyncConnection) -> bool:
            return (await connection.execute(_select(*over))).first() is not None

        async def work(connection: AsyncConnection) -> list[Freeze]:
            now = self._clock()
            found = [Freeze(**row) for row in (await connection.execute(_select(*over).with_for_update())).mappings()]
            for freeze in found:
                await connection.execute(_end(_of(freeze.cluster), by, now, ""))
                await self._redraw(connection, freeze.cluster, now)
                await append_line(connection, AuditLine("freeze_ended", by, "", {"cluster": freeze.cluster, "until": freeze.until}), now)
            return found

        return await self._database.write(work) if await self._database.read(peek) else []

    async def _redraw(self, connection: AsyncConnection, cluster: str, now: float) -> None:
        stale = (_changes.c.cluster == cluster, _changes.c.state.in_(OPEN))
        await lock_changes(connection, *stale)
        redrawn = update(_changes).where(*stale).values(version=_changes.c.version + 1).returning(_changes.c.thread_id)
        for thread_id in sorted(set((await connection.execute(redrawn)).scalars())):
            await mark_awake(connection, thread_id, now)


def _of(cluster: str) -> ColumnElement[bool]:
    return (_freezes.c.cluster == cluster) & _freezes.c.ended_at.is_(None)


def _holds(now: float) -> ColumnElement[bool]:
    return or_(_freezes.c.until.is_(None), _freezes.c.until > now)


def _select(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS).where(*conditions).order_by(_freezes.c.id.desc())


def _end(condition: ColumnElement[bool], by: str, now: float, key: str) -> Update:
    return update(_freezes).where(condition).values(ended_by=by, ended_at=now, ended_key=key)
