"""What was confirmed is there after kill -9, whole, and the audit log is unbroken."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from bot.changes.change import SendState, State
from bot.settings import StoreSettings
from bot.store.database import Database
from bot.store.opening import open_store
from bot.threads.stores import Stores
from bot.values.transcript import Asked, Ended, Proposed
from tests.unit.store.values import THREAD_ID, message

ROOT = Path(__file__).parents[3]
ROUNDS = 4


async def test_nothing_confirmed_is_lost_by_kill_9(lasting: StoreSettings) -> None:
    confirmed: list[str] = []
    for number in range(ROUNDS):
        confirmed += await run_and_kill(lasting.url, f"round{number}")

    async with open_store(lasting) as store:
        await check_confirmed(store.stores, confirmed)
        await check_rows(store.stores)


async def run_and_kill(url: str, name: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.unit.store.victim", url, name, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    await asyncio.sleep(random.uniform(0.05, 0.4))
    process.send_signal(signal.SIGKILL)
    output = await process.stdout.read()
    await process.wait()
    return [line for line in output.decode().splitlines(keepends=True) if line.endswith("\n")]


async def check_confirmed(stores: Stores, confirmed: list[str]) -> None:
    words = [line.split() for line in confirmed]
    assert len(words) > ROUNDS
    for key in (key for kind, key in words if kind == "put"):
        assert await stores.inbox.put(key, message()) is False
    changes = {str(change.id): change for change in await stores.changes.of_thread(THREAD_ID)}
    assert {number for kind, number in words if kind == "proposed"} <= changes.keys()
    for number in (number for kind, number in words if kind == "sent"):
        assert changes[number].state is State.REPLAYING
        assert [send.state for send in changes[number].sends] == [SendState.SENT]


async def check_rows(stores: Stores) -> None:
    lines, fault = await stores.audit.verify()
    entries = await stores.threads.transcript(THREAD_ID)
    changes = await stores.changes.of_thread(THREAD_ID)
    assert fault == ""
    assert [e.turn for e in entries if isinstance(e, Asked)] == list(range(1, len([e for e in entries if isinstance(e, Asked)]) + 1))
    assert [e.change_id for e in entries if isinstance(e, Proposed)] == [change.id for change in changes]
    moves = sum(change.state is State.REPLAYING for change in changes) + sum(len(change.sends) for change in changes)
    assert lines == len(changes) + moves + sum(isinstance(e, Ended) for e in entries)
    assert await stores.threads.due(10**12) == [THREAD_ID]


async def test_a_cancelled_transaction_leaves_the_connection_usable(url: str) -> None:
    database = Database(make_url(url))
    await database.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER)")))

    for number in range(30):
        task = asyncio.create_task(database.write(lambda c, n=number: c.execute(text(f"INSERT INTO t VALUES ({n})"))))
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    rows = await database.read(_numbers)
    await database.write(lambda connection: connection.execute(text("INSERT INTO t VALUES (100)")))
    after = await database.read(_numbers)
    await database.close()

    assert after[-1] == 100
    assert sorted(set(rows)) == rows  # each at most once, none half-done


async def _numbers(connection) -> list[int]:
    return list((await connection.execute(text("SELECT n FROM t ORDER BY n"))).scalars())
