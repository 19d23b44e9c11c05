"""Transactions on SQLite and PostgreSQL with the same code."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar

import structlog
from sqlalchemy import Executable, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.schema import Table

from bot.errors import StoreError

log = structlog.get_logger()
T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

_READERS = 4
_BUSY_SECONDS = 15
_BUSY_PAUSE_SECONDS = 0.02
_RETRIES = 3
_CONFLICTS = frozenset({"40001", "40P01"})
"""SQLSTATE of serialization failures and deadlocks: the transaction is whole again after a retry."""


class Database:
    """Runs transactions. Each is finished once begun, also if its caller is cancelled: a connection is never left half-used,
    and the caller of a cancelled write finds out by reading, as after a crash."""

    def __init__(self, url: URL) -> None:
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._running: set[asyncio.Task[Any]] = set()
        if not self.is_sqlite:
            self._writer = create_async_engine(url, pool_pre_ping=True)
            # Readers share the writers' pool. A snapshot for the whole transaction, as SQLite has it: without, each statement sees its own.
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._write_lock: AbstractAsyncContextManager[Any] = nullcontext()
            self._read_lock: AbstractAsyncContextManager[Any] = nullcontext()
            return
        # SQLite has one writer at a time. Ours queue here, on one connection, instead of in SQLite's busy loop.
        self._write_lock = asyncio.Lock()
        if url.database in (None, "", ":memory:"):
            self._writer = self._reader = _open_sqlite(url, "BEGIN", poolclass=StaticPool)
            self._read_lock = self._write_lock
        else:
            self._writer = _open_sqlite(url, "BEGIN IMMEDIATE", pool_size=1, max_overflow=0)
            self._reader = _open_sqlite(url, "BEGIN", pool_size=_READERS, max_overflow=0)
            self._read_lock = nullcontext()

    async def write(self, work: Work[T]) -> T:
        """Runs `work` in one transaction, durable when this returns. `work` may run again after a conflict. Raises StoreError."""
        return await self._finish(self._write(work))

    async def read(self, work: Work[T]) -> T:
        """Runs `work` on one snapshot. Raises StoreError."""
        return await self._finish(self._read(work))

    async def close(self) -> None:
        """Waits for what runs, then closes the connections."""
        while self._running:
            await asyncio.wait(self._running)
        await self._writer.dispose()
        if self.is_sqlite and self._reader is not self._writer:
            await self._reader.dispose()

    async def _finish(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._forget)
        try:
            return await asyncio.shield(task)
        except SQLAlchemyError as exc:
            raise StoreError(f"The database refused: {_describe(exc)}.") from exc
        except OSError as exc:  # also a timeout: the driver hands on what the network says
            raise StoreError(f"The database cannot be reached: {exc.strerror or str(exc) or 'no answer in time'}.") from exc

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here, as a cancelled caller does not

    async def _write(self, work: Work[T]) -> T:
        for attempt in range(_RETRIES):
            try:
                async with self._write_lock, self._writer.begin() as connection:
                    return await work(connection)
            except DBAPIError as exc:
                if getattr(exc.orig, "sqlstate", None) not in _CONFLICTS or attempt == _RETRIES - 1:
                    raise
                log.info("transaction_conflict", attempt=attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _read(self, work: Work[T]) -> T:
        async with self._read_lock, self._reader.connect() as connection:
            return await work(connection)


def insert(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT. Both dialects' forms have the same methods."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def count(connection: AsyncConnection, statement: Executable) -> int:
    """Executes an UPDATE or DELETE; the rows it touched."""
    result = await connection.execute(statement)
    return int(result.rowcount)


def _open_sqlite(url: URL, begin: str, **pool: Any) -> AsyncEngine:
    engine = create_async_engine(url, connect_args={"timeout": _BUSY_SECONDS}, **pool)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver opens no transaction by itself; `begin` below does
        connection.run_async(_write_ahead)
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=FULL")  # a commit that was confirmed survives a power loss
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


async def _write_ahead(connection: Any) -> None:
    """Puts the file into WAL mode. SQLite answers "locked" at once, without its busy timeout, while another start does the same."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            await connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            await asyncio.sleep(_BUSY_PAUSE_SECONDS)


def _describe(error: SQLAlchemyError) -> str:
    """The driver's own words: SQLAlchemy's would repeat the statement and its parameters, which hold content."""
    origin = error.orig if isinstance(error, DBAPIError) else None
    return " ".join(str(origin or type(error).__name__).split())[:300]
