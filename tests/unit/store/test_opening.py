"""Opening: keys, permissions, versions; every refusal says what to do."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import update
from sqlalchemy.engine import make_url

from bot.errors import ConfigError
from bot.settings import StoreSettings
from bot.store.database import Database
from bot.store.opening import open_store
from bot.store.tables import schema_info
from tests.unit.store.postgresql import PostgreSQL
from tests.unit.store.values import KEY, line, new_change, proposed, thread


def settings_for(folder: Path, key: str = "") -> StoreSettings:
    return StoreSettings(url=f"sqlite+aiosqlite:///{folder}/bot.db", key=SecretStr(key))


async def open_and_propose(settings: StoreSettings) -> int:
    async with open_store(settings) as store:
        await store.stores.threads.open(thread())
        return (await store.stores.threads.propose(proposed(), new_change(), line())).id


async def read(settings: StoreSettings, change_id: int) -> bytes:
    async with open_store(settings) as store:
        change = await store.stores.changes.get(change_id)
        assert change is not None
        return change.writes[0].request.body


async def test_a_key_file_for_the_owner_alone_is_made_and_used_again(tmp_path: Path) -> None:
    change_id = await open_and_propose(settings_for(tmp_path))

    body = await read(settings_for(tmp_path), change_id)

    assert body == new_change().writes[0].request.body
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {"bot.db": 0o600, "bot.db.key": 0o600}


async def test_starting_twice_at_once_makes_one_key(tmp_path: Path) -> None:
    async def start() -> None:
        async with open_store(settings_for(tmp_path)):
            await asyncio.sleep(0.05)

    await asyncio.gather(start(), start(), start())

    assert await read(settings_for(tmp_path), await open_and_propose(settings_for(tmp_path)))


async def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    await open_and_propose(settings_for(tmp_path))
    (tmp_path / "bot.db.key").chmod(0o644)

    with pytest.raises(ConfigError, match="chmod 600"):
        await open_and_propose(settings_for(tmp_path))


async def test_a_lost_key_file_is_not_replaced(tmp_path: Path) -> None:
    await open_and_propose(settings_for(tmp_path))
    (tmp_path / "bot.db.key").unlink()

    with pytest.raises(ConfigError, match="is missing: put it back"):
        await open_and_propose(settings_for(tmp_path))

    assert not (tmp_path / "bot.db.key").exists()


async def test_another_key_is_refused(lasting: StoreSettings) -> None:
    await open_and_propose(lasting)

    with pytest.raises(ConfigError, match="STORE_KEY is not the one"):
        await open_and_propose(StoreSettings(url=lasting.url, key=SecretStr(Fernet.generate_key().decode())))


async def test_a_rotated_key_seals_everything_again(url: str) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    change_id = await open_and_propose(StoreSettings(url=url, key=SecretStr(old)))
    await read(StoreSettings(url=url, key=SecretStr(f"{new},{old}")), change_id)

    body = await read(StoreSettings(url=url, key=SecretStr(new)), change_id)

    assert body == new_change().writes[0].request.body


async def test_derived_keys_stay_the_same_and_differ_by_purpose(tmp_path: Path) -> None:
    keys = []
    for purpose in ("redaction", "redaction", "other"):
        async with open_store(settings_for(tmp_path)) as store:
            keys.append(store.derive_key(purpose))

    assert keys[0] == keys[1] != keys[2]
    assert keys[0] not in (tmp_path / "bot.db.key").read_bytes()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (StoreSettings(url="nonsense"), "not an address"),
        (StoreSettings(url="mysql://x/y"), "use `sqlite"),
        (StoreSettings(url="sqlite+aiosqlite://", key=SecretStr("short")), "must hold Fernet keys"),
        (StoreSettings(url="sqlite+aiosqlite:////nowhere/at/all.db"), "Cannot open the database file"),
    ],
)
async def test_bad_settings_are_one_sentence(settings: StoreSettings, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        async with open_store(settings):
            pass


async def test_a_newer_schema_is_refused(lasting: StoreSettings) -> None:
    await open_and_propose(lasting)
    database = Database(make_url(lasting.url))
    await database.write(lambda connection: connection.execute(update(schema_info).values(version=99)))
    await database.close()

    with pytest.raises(ConfigError, match="newer version"):
        await open_and_propose(lasting)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_bytes(b"not a database, but long enough to look like one" * 100)

    with pytest.raises(ConfigError, match="Cannot open the database"):
        await open_and_propose(settings_for(tmp_path))


async def test_postgresql_without_a_key_is_refused(postgresql_url: str) -> None:
    with pytest.raises(ConfigError, match="Set STORE_KEY"):
        async with open_store(StoreSettings(url=postgresql_url)):
            pass


async def test_a_postgresql_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    settings = StoreSettings(url=f"postgresql+asyncpg://bot:secret@/bot?host={tmp_path}", key=SecretStr(KEY))

    with pytest.raises(ConfigError, match="Cannot open the database postgresql") as refused:
        async with open_store(settings):
            pass

    assert "secret" not in str(refused.value)


async def test_a_postgresql_database_that_is_missing_is_one_sentence(postgresql: PostgreSQL) -> None:
    with pytest.raises(ConfigError, match=r'^Cannot open the database postgres.*: .*database "nowhere" does not exist'):
        async with open_store(StoreSettings(url=postgresql.url("nowhere"), key=SecretStr(KEY))):
            pass
