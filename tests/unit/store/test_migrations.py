"""A database of an older version: it is upgraded whole or not at all, and nothing in it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.changes.change import State
from bot.changes.freeze import Freeze
from bot.errors import ConfigError
from bot.settings import StoreSettings
from bot.store import tables
from bot.store.changes import _seal_writes
from bot.store.codec import dump_diffs, dump_impact
from bot.store.opening import open_store
from bot.store.sealing import CHECK, Seal
from tests.unit.store.values import KEY, THREAD_ID, line, new_change

T = TypeVar("T")
Row = dict[str, object]
FOLDER = Path(__file__).parent


@pytest.fixture
async def old(lasting: StoreSettings) -> StoreSettings:
    """A database of schema 1 with a thread, a done change and its ledger."""
    await run_in(lasting, make_old)
    return lasting


async def run_in(settings: StoreSettings, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(settings.url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def make_old(connection: Connection) -> None:
    script = FOLDER / f"schema_1_{connection.dialect.name}.sql"
    for statement in script.read_text().strip().split(";\n"):
        connection.exec_driver_sql(statement)
    seal, change = Seal(KEY), new_change()
    insert_row(connection, "schema_info", {"version": 1, "key_check": seal.close(CHECK)})
    insert_row(connection, "audit_head", {"id": 1, "seq": 0, "hash": ""})
    thread: Row = {"id": THREAD_ID, "team_id": "T1", "channel_id": "C1", "thread_ts": "100.1", "cluster": "prod", "namespace": "shop"}
    thread |= {"owner": "U1", "sandbox_pod": "", "holds_sandbox": False, "stop_requested_by": "", "stop_turn": 0, "last_turn": 1}
    thread |= {"drawn_turn": 0, "wakes": 0, "wake_at": None, "lease_holder": "", "lease_until": 0.0, "active_at": 10.0}
    insert_row(connection, "threads", thread)
    row: Row = {"thread_id": THREAD_ID, "call_id": "call-1", "turn": 1, "cluster": "prod", "namespace": "shop", "command": change.command}
    row |= {"asked_by": "U1", "state": "done", "digest": change.digest, "writes": _seal_writes(seal, change.digest, change.writes)}
    row |= {"diffs": dump_diffs(change.diffs), "impact": dump_impact(change.impact), "created_at": 10.0, "expires_at": 910.0}
    row |= {"decided_by": "U2", "decided_at": 20.0, "reason": "", "rollout": "", "rollout_settled": True, "version": 3, "drawn": 3}
    insert_row(connection, "changes", row)
    insert_send(connection, 0, "landed")


def insert_row(connection: Connection, table: str, row: Row) -> None:
    marks = ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"), row)


def insert_send(connection: Connection, position: int, state: str) -> None:
    """As the older version writes it: it knows no output."""
    send: Row = {"change_id": 1, "position": position, "state": state, "precondition": "10", "status": 200, "message": "ok"}
    insert_row(connection, "sends", send)


def describe(connection: Connection) -> dict[str, object]:
    """Every table with what it is made of, in an order that does not depend on how it came about."""
    found = inspect(connection)
    return {
        name: [
            sorted((c["name"], str(c["type"]), c["nullable"], str(c["default"])) for c in found.get_columns(name)),
            sorted((str(index["column_names"]), bool(index["unique"])) for index in found.get_indexes(name)),
            sorted(str(constraint["column_names"]) for constraint in found.get_unique_constraints(name)),
            found.get_pk_constraint(name)["constrained_columns"],
        ]
        for name in found.get_table_names()
    }


async def test_an_old_database_is_upgraded_and_keeps_its_rows(old: StoreSettings) -> None:
    async with open_store(old) as store:
        change = await store.stores.changes.get(1)

    assert change is not None
    assert (change.state, change.undoes, change.undone_by, change.writes) == (State.DONE, None, None, new_change().writes)
    assert change.refused == ()
    assert [(send.precondition, send.status, send.output) for send in change.sends] == [("10", 200, None)]
    assert await run_in(old, lambda c: c.execute(text("SELECT version FROM schema_info")).scalars().all()) == [tables.SCHEMA]


async def test_an_upgraded_database_does_what_a_new_one_does(old: StoreSettings) -> None:
    async with open_store(old) as store:
        await store.stores.freezes.begin("k", Freeze("prod", "U2", "sale", 30.0), line("frozen"))
        freeze = await store.stores.freezes.active("prod")

    assert freeze == Freeze("prod", "U2", "sale", 30.0)


async def test_an_upgraded_database_is_made_as_a_new_one_is(old: StoreSettings, lasting: StoreSettings) -> None:
    async with open_store(old):
        pass
    upgraded = await run_in(old, describe)
    await run_in(lasting, drop_everything)

    async with open_store(lasting):
        pass

    assert upgraded == await run_in(lasting, describe)


def drop_everything(connection: Connection) -> None:
    for name in inspect(connection).get_table_names():
        connection.exec_driver_sql(f"DROP TABLE {name}")


async def test_two_replicas_upgrade_a_database_once(old: StoreSettings) -> None:
    async def start() -> State | None:
        async with open_store(old) as store:
            change = await store.stores.changes.get(1)
            return change.state if change else None

    found = await asyncio.gather(*(start() for _ in range(4)))

    assert found == [State.DONE] * 4
    assert await run_in(old, lambda c: c.execute(text("SELECT version FROM schema_info")).scalars().all()) == [tables.SCHEMA]


async def test_the_older_version_can_still_write_after_an_upgrade(old: StoreSettings) -> None:
    async with open_store(old) as store:
        await run_in(old, lambda connection: insert_send(connection, 1, "sent"))

        change = await store.stores.changes.get(1)

    assert change is not None
    assert [send.state.value for send in change.sends] == ["landed", "sent"]


async def test_an_upgrade_that_fails_changes_nothing(old: StoreSettings) -> None:
    await run_in(old, lambda connection: connection.exec_driver_sql("DROP TABLE sends"))

    with pytest.raises(ConfigError, match="Cannot open the database"):
        async with open_store(old):
            pass

    assert await run_in(old, lambda c: c.execute(text("SELECT version FROM schema_info")).scalars().all()) == [1]
    assert "undoes" not in [column["name"] for column in await run_in(old, lambda c: inspect(c).get_columns("changes"))]
