"""Whether a start would get its database, without touching it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import update

from bot.settings import StoreSettings
from bot.store import tables
from bot.store.database import Database
from bot.store.inspecting import find_problems
from bot.store.opening import open_store, parse_address


def settings_for(folder: Path, key: str = "") -> StoreSettings:
    return StoreSettings(url=f"sqlite+aiosqlite:///{folder}/bot.db", key=SecretStr(key))


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm"))}


@pytest.fixture
async def used(tmp_path: Path) -> Path:
    """A folder with a database and its key."""
    async with open_store(settings_for(tmp_path)):
        pass
    return tmp_path


async def test_a_database_that_is_not_there_yet_can_be_made_and_is_not(tmp_path: Path) -> None:
    assert await find_problems(settings_for(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


async def test_a_database_in_use_is_well_and_stays_as_it_is(used: Path) -> None:
    before = read_all(used)

    assert await find_problems(settings_for(used)) == []
    assert read_all(used) == before


async def test_an_older_database_is_upgraded_by_the_start_alone(used: Path) -> None:
    await set_version(used, tables.SCHEMA - 1)
    before = read_all(used)

    assert await find_problems(settings_for(used)) == []
    assert read_all(used) == before


async def test_a_newer_database_is_a_problem(used: Path) -> None:
    await set_version(used, tables.SCHEMA + 1)

    [problem] = await find_problems(settings_for(used))

    assert "was made by a newer version" in problem


async def test_a_key_that_does_not_fit_or_is_gone_is_a_problem(used: Path) -> None:
    [wrong] = await find_problems(settings_for(used, Fernet.generate_key().decode()))
    (used / "bot.db.key").unlink()
    [missing] = await find_problems(settings_for(used))

    assert wrong == "The key in STORE_KEY is not the one this database was made with: put that one back."
    assert missing.endswith("bot.db.key is missing: put it back, or set STORE_KEY to the key the database was made with.")
    assert not (used / "bot.db.key").exists()


async def test_a_folder_that_is_not_there_and_an_address_of_nothing_are_problems(tmp_path: Path) -> None:
    [folder] = await find_problems(settings_for(tmp_path / "absent"))
    [address] = await find_problems(StoreSettings(url="mysql://db/bot"))

    assert folder.endswith("is no folder that can be written to.")
    assert address.startswith("DATABASE_URL begins with `mysql`")


async def test_postgresql_is_only_looked_at(postgresql_url: str) -> None:
    key = Fernet.generate_key().decode()
    settings = StoreSettings(url=postgresql_url, key=SecretStr(key))

    empty = await find_problems(settings)
    without_key = await find_problems(StoreSettings(url=postgresql_url))
    async with open_store(settings):
        full = await find_problems(settings)

    assert (empty, full) == ([], [])
    assert without_key[0].startswith("Set STORE_KEY to a Fernet key")


async def set_version(folder: Path, version: int) -> None:
    database = Database(parse_address(settings_for(folder).url))
    await database.write(lambda connection: connection.execute(update(tables.schema_info).values(version=version)))
    await database.close()
