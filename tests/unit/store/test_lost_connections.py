"""PostgreSQL goes away and comes back: callers get one error of the tree, and nothing has to be restarted."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StoreError
from bot.settings import StoreSettings
from bot.store.database import Database
from bot.store.opening import open_store
from tests.fakes import Time
from tests.unit.store.postgresql import PostgreSQL
from tests.unit.store.values import KEY, line

OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def test_connections_that_the_server_closed_are_made_again(postgresql: PostgreSQL, postgresql_url: str, time: Time) -> None:
    async with open_store(StoreSettings(url=postgresql_url, key=SecretStr(KEY)), time) as store:
        await store.stores.audit.write(line("before"))
        await postgresql.execute(OTHERS, database=name_of(postgresql_url))

        await store.stores.audit.write(line("after"))

        assert await store.stores.audit.verify() == (2, "")


async def test_a_server_that_cannot_be_reached_is_a_store_error(
    postgresql: PostgreSQL, postgresql_url: str, tmp_path: Path, time: Time
) -> None:
    way = tmp_path / "way"
    way.symlink_to(postgresql.folder)
    url = postgresql_url.replace(str(postgresql.folder), str(way))
    async with open_store(StoreSettings(url=url, key=SecretStr(KEY)), time) as store:
        way.unlink()
        await postgresql.execute(OTHERS, database=name_of(url))

        with pytest.raises(StoreError, match="The database"):
            await store.stores.audit.write(line("lost"))
        with pytest.raises(StoreError, match="The database"):
            await store.stores.audit.verify()

        way.symlink_to(postgresql.folder)
        await store.stores.audit.write(line("after"))
        assert await store.stores.audit.verify() == (1, "")


async def test_a_connection_lost_within_a_transaction_is_a_store_error(postgresql: PostgreSQL, postgresql_url: str) -> None:
    database = Database(make_url(postgresql_url))
    await database.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER)")))

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (1)"))
        await postgresql.execute(OTHERS, database=name_of(postgresql_url))
        await connection.execute(text("INSERT INTO t VALUES (2)"))

    with pytest.raises(StoreError, match="The database"):
        await database.write(work)

    rows = await database.read(lambda connection: connection.execute(text("SELECT n FROM t")))
    await database.close()
    assert rows.all() == []


def name_of(url: str) -> str:
    return str(make_url(url).database)
