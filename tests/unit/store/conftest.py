"""The store's tests run on a SQLite file, on SQLite in memory, and on a PostgreSQL server that the session starts."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.settings import StoreSettings
from bot.store.opening import open_store
from bot.threads.stores import Stores
from tests.fakes import Time
from tests.unit.store.postgresql import PostgreSQL, find_binaries, serve
from tests.unit.store.values import KEY, THREAD_ID, thread

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The server that tests share. Each has a database of its own in it."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL on this machine: install Debian's package postgresql")
    with serve(binaries) as server:
        yield server


@pytest.fixture
def time() -> Time:
    return Time(1000.0)


@pytest.fixture
async def postgresql_url(postgresql: PostgreSQL) -> AsyncIterator[str]:
    """An empty database."""
    name = f"test_{next(_numbers)}"
    await postgresql.execute(f"CREATE DATABASE {name}")
    yield postgresql.url(name)
    await postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that outlives being closed."""
    return f"sqlite+aiosqlite:///{tmp_path}/bot.db" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")


@pytest.fixture
def lasting(url: str) -> StoreSettings:
    """Settings for a database that can be opened again, and twice at once."""
    return StoreSettings(url=url, key=SecretStr(KEY))


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StoreSettings:
    urls = {"sqlite": f"sqlite+aiosqlite:///{tmp_path}/bot.db", "memory": "sqlite+aiosqlite://"}
    return StoreSettings(url=urls.get(request.param) or request.getfixturevalue("postgresql_url"), key=SecretStr(KEY))


@pytest.fixture
async def stores(settings: StoreSettings, time: Time) -> AsyncIterator[Stores]:
    async with open_store(settings, time) as store:
        await store.stores.threads.open(thread(THREAD_ID))
        yield store.stores
