"""Opening the database: the tables, their version, the key."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import Select, func, insert, select, text, update
from sqlalchemy.engine import URL, Row, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError, StoreError
from bot.metrics import Backlog
from bot.settings import StoreSettings
from bot.store import migrations, tables
from bot.store.audit import StoredAudit
from bot.store.changes import StoredChanges
from bot.store.database import Database
from bot.store.freezes import StoredFreezes
from bot.store.inbox import StoredInbox
from bot.store.messages import StoredMessages
from bot.store.quiet import StoredQuiet
from bot.store.sealing import CHECK, Seal, make_key_file, read_key_file
from bot.store.threads import StoredThreads
from bot.store.usage import StoredUsage
from bot.threads.ports import Clock
from bot.threads.stores import Stores

_CREATION_LOCK = 0x6B756265
"""PostgreSQL advisory lock: two replicas that start at once make the tables one after the other."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open database."""

    stores: Stores
    seal: Seal
    database: Database

    def derive_key(self, purpose: str) -> bytes:
        """32 secret bytes that stay the same over restarts."""
        return self.seal.derive(purpose)

    async def count_backlog(self) -> Backlog:
        """What waits, and what became of the changes. Raises StoreError."""
        return await self.database.read(_count_backlog)


@asynccontextmanager
async def open_store(settings: StoreSettings, clock: Clock = time.time) -> AsyncIterator[Store]:
    """Opens the database and makes what is missing. Raises ConfigError if it cannot be used, with what to do."""
    url = parse_address(settings.url)
    path = file_of(url)
    if path:
        _make_file(path)
    database = connect_to(url)
    try:
        try:
            check = await database.write(_make_tables)
        except StoreError as exc:
            raise ConfigError(f"Cannot open the database {url.render_as_string(hide_password=True)}: {exc}") from exc
        seal = open_seal(settings, url, path, check)
        await database.write(lambda connection: _prepare(connection, seal, check))
        yield Store(_faces(database, seal, clock), seal, database)
    finally:
        await database.close()


@asynccontextmanager
async def open_to_read(settings: StoreSettings) -> AsyncIterator[Stores]:
    """Opens a database that is there, perhaps beside a bot that works on it. Nothing is made, upgraded or sealed again; whoever opens it
    so only reads. Raises ConfigError if it cannot be used, with what to do."""
    url = parse_address(settings.url)
    path = file_of(url)
    if url.get_backend_name() == "sqlite" and (path is None or not path.exists()):
        raise ConfigError(f"There is no database {path or 'in memory'}: set DATABASE_URL to the one that the bot uses.")
    database = connect_to(url)
    try:
        try:
            row = await database.read(_read_info)
        except StoreError as exc:
            raise ConfigError(f"Cannot read the database {url.render_as_string(hide_password=True)}: {exc}") from exc
        if row is None or row.version != tables.SCHEMA:
            raise ConfigError(
                f"The database has schema {row.version if row else 'none'}, and this version of kubectl-ai-slack reads {tables.SCHEMA}: "
                "use the version that the bot has."
            )
        seal = open_seal(settings, url, path, row.key_check)
        yield _faces(database, seal, time.time)
    finally:
        await database.close()


async def _count_backlog(connection: AsyncConnection) -> Backlog:
    unhandled = await _count_by(connection, select(tables.inbox.c.state).where(tables.inbox.c.state != "done"))
    return Backlog(unhandled.get("new", 0), unhandled.get("dead", 0), await _count_by(connection, select(tables.changes.c.state)))


async def _count_by(connection: AsyncConnection, states: Select[tuple[str]]) -> dict[str, int]:
    """How often each state is among them."""
    column = states.selected_columns[0]
    rows = await connection.execute(states.add_columns(func.count().label("number")).group_by(column))
    return {row[0]: row[1] for row in rows}


async def _read_info(connection: AsyncConnection) -> Row[Any] | None:
    return (await connection.execute(select(tables.schema_info))).first()


def connect_to(url: URL) -> Database:
    """Nothing is asked of it yet. Raises ConfigError if its driver is missing."""
    try:
        return Database(url)
    except (NoSuchModuleError, ImportError) as exc:
        raise ConfigError(f"DATABASE_URL needs a driver that is not installed: {exc}.") from exc


def _faces(database: Database, seal: Seal, clock: Clock) -> Stores:
    return Stores(
        inbox=StoredInbox(database, clock),
        threads=StoredThreads(database, seal, clock),
        changes=StoredChanges(database, seal, clock),
        audit=StoredAudit(database, clock),
        messages=StoredMessages(database, clock),
        freezes=StoredFreezes(database, clock),
        quiet=StoredQuiet(database, clock),
        usage=StoredUsage(database, clock),
    )


def parse_address(url: str) -> URL:
    """With the driver that is used for it. Raises ConfigError if it is none of ours."""
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise ConfigError("DATABASE_URL is not an address such as `sqlite+aiosqlite:///bot.db` or `postgresql+asyncpg://…`.") from exc
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    driver = drivers.get(parsed.drivername, parsed.drivername)
    if driver not in drivers.values():
        raise ConfigError(f"DATABASE_URL begins with `{parsed.drivername}`; use `sqlite+aiosqlite` or `postgresql+asyncpg`.")
    return parsed.set(drivername=driver)


def file_of(url: URL) -> Path | None:
    """Of SQLite; None for a server, and for a database in memory."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def _make_file(path: Path) -> None:
    """Makes an empty database file for its owner alone: it will hold what people asked and what commands printed."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as exc:
        raise ConfigError(f"Cannot open the database file {path}: {exc.strerror}.") from exc


async def _make_tables(connection: AsyncConnection) -> str:
    """Makes or upgrades the tables unless they are there; the stored key check, or ''."""
    await _wait_for_creators(connection)
    await connection.run_sync(tables.schema_info.create, checkfirst=True)
    row = (await connection.execute(select(tables.schema_info))).first()
    if row is not None and row.version > tables.SCHEMA:
        raise ConfigError(
            f"The database was made by a newer version of kubectl-ai-slack (schema {row.version}, this one knows {tables.SCHEMA}): "
            "start that version, or use another database."
        )
    if row is not None and row.version < tables.SCHEMA:
        await migrations.upgrade(connection, row.version, tables.SCHEMA)
    await connection.run_sync(tables.metadata.create_all)
    return row.key_check if row else ""


def open_seal(settings: StoreSettings, url: URL, path: Path | None, check: str) -> Seal:
    """With the key of the settings or of the file beside the database, which is made for a new one. Raises ConfigError."""
    key = settings.key.get_secret_value()
    where = "STORE_KEY"
    if not key and url.get_backend_name() != "sqlite":
        raise ConfigError("Set STORE_KEY to a Fernet key (32 random bytes in URL-safe base64): stored requests are encrypted with it.")
    if not key and path is None:
        key = Fernet.generate_key().decode()  # a database in memory needs its key no longer than itself
    if not key and path is not None:
        file = path.with_name(f"{path.name}.key")
        key, where = read_key_file(file), f"the key file {file}"
        if not key and check:
            raise ConfigError(f"The key file {file} is missing: put it back, or set STORE_KEY to the key the database was made with.")
        key = key or make_key_file(file)
    seal = Seal(key)
    if check and not seal.fits(check):
        raise ConfigError(f"The key in {where} is not the one this database was made with: put that one back.")
    return seal


async def _prepare(connection: AsyncConnection, seal: Seal, check: str) -> None:
    """First lines of a new database; with several keys, everything sealed is sealed again with the newest."""
    await _wait_for_creators(connection)
    info, changes, sends = tables.schema_info, tables.changes, tables.sends
    if not check and (await connection.execute(select(info))).first() is None:
        await connection.execute(insert(info).values(version=tables.SCHEMA, key_check=seal.close(CHECK)))
        await connection.execute(insert(tables.audit_head).values(id=1, seq=0, hash=""))
    if check and seal.has_old_keys:
        await connection.execute(update(info).values(key_check=seal.renew(check)))
        for row in (await connection.execute(select(changes.c.id, changes.c.writes).where(changes.c.writes != ""))).all():
            await connection.execute(update(changes).where(changes.c.id == row.id).values(writes=seal.renew(row.writes)))
        for row in (await connection.execute(select(sends).where(sends.c.output != ""))).all():
            same = (sends.c.change_id == row.change_id, sends.c.position == row.position)
            await connection.execute(update(sends).where(*same).values(output=seal.renew(row.output)))


async def _wait_for_creators(connection: AsyncConnection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite's write transactions exclude each other anyway
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CREATION_LOCK})
