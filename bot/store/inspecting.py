"""Whether the database could be opened, found out without making or changing anything."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import inspect, select
from sqlalchemy.engine import Connection, Row
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError, StoreError
from bot.settings import StoreSettings
from bot.store import tables
from bot.store.opening import connect_to, file_of, open_seal, parse_address


async def find_problems(settings: StoreSettings) -> list[str]:
    """Why a start would not get its database, in one sentence; empty if it would. One that is not there yet is no problem, if it can be
    made, nor is an older one, which the start upgrades."""
    try:
        await _look(settings)
    except ConfigError as exc:
        return [str(exc)]
    return []


async def _look(settings: StoreSettings) -> None:
    url = parse_address(settings.url)
    path = file_of(url)
    if path is not None and not path.exists():
        _require_room(path)
        return
    database = connect_to(url)
    try:
        row = await database.read(_read_info)
    except StoreError as exc:
        raise ConfigError(f"Cannot read the database {url.render_as_string(hide_password=True)}: {exc}") from exc
    finally:
        await database.close()
    if row is not None and row.version > tables.SCHEMA:
        raise ConfigError(
            f"The database was made by a newer version of kubectl-ai-slack (schema {row.version}, this one knows {tables.SCHEMA}): "
            "start that version, or use another database."
        )
    if row is not None or path is None:
        open_seal(settings, url, path, row.key_check if row is not None else "")


def _require_room(path: Path) -> None:
    folder = path.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"Cannot make the database file {path}: {folder} is no folder that can be written to.")


async def _read_info(connection: AsyncConnection) -> Row[tuple[int, str]] | None:
    if not await connection.run_sync(_has_tables):
        return None
    return (await connection.execute(select(tables.schema_info))).first()


def _has_tables(connection: Connection) -> bool:
    return inspect(connection).has_table(tables.schema_info.name)
