"""What is told of the database on the page of metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from bot import health
from bot.changes.change import State
from bot.errors import StoreError
from bot.metrics import Backlog
from bot.settings import HealthSettings, StoreSettings
from bot.store.opening import Store, open_store
from tests.e2e.parts import free_port
from tests.fakes import Time
from tests.unit.store.values import THREAD_ID, line, message, new_change, proposed, thread


@pytest.fixture
async def store(settings: StoreSettings, time: Time) -> AsyncIterator[Store]:
    async with open_store(settings, time) as opened:
        yield opened


async def test_only_what_is_not_handled_waits(store: Store) -> None:
    inbox = store.stores.inbox
    for key in ("a", "b", "c", "d"):
        await inbox.put(key, message(key))
    taken = {delivery.key: delivery.id for delivery in await inbox.take(60)}
    await inbox.done(taken["a"])
    await inbox.failed(taken["b"], "no luck", 10.0)
    await inbox.failed(taken["c"], "no luck at all", None)

    assert await store.count_backlog() == Backlog(waiting=2, given_up=1, changes={})


async def test_changes_are_counted_by_state(store: Store) -> None:
    threads, changes = store.stores.threads, store.stores.changes
    await threads.open(thread(THREAD_ID))
    made = []
    for number in range(3):
        call_id = f"call-{number}"
        made.append(
            await threads.propose(replace(proposed(), call_id=call_id), new_change(call_id=call_id, digest=call_id), line("proposed"))
        )
    await changes.move(made[0].id, [State.PROPOSED], State.DENIED, line("denied"))

    assert (await store.count_backlog()).changes == {"proposed": 2, "denied": 1}


async def test_a_database_that_does_not_answer_shows_no_old_number() -> None:
    answers = [Backlog(waiting=7, given_up=0, changes={"proposed": 3})]

    async def look() -> Backlog:
        if not answers:
            raise StoreError("The database is away.")
        return answers.pop()

    async def probe() -> str:
        return ""

    runner = await health.start(HealthSettings(port=free_port()), probe, look)
    assert runner is not None
    host, port = runner.addresses[0][:2]
    try:
        async with aiohttp.ClientSession() as session:
            first, second = [await (await session.get(f"http://{host}:{port}/metrics")).text() for _ in range(2)]
    finally:
        await runner.cleanup()

    assert "kubectl_ai_slack_deliveries_waiting 7.0" in first
    assert 'kubectl_ai_slack_changes{state="proposed"} 3.0' in first
    assert "kubectl_ai_slack_deliveries_waiting NaN" in second
    assert "kubectl_ai_slack_changes{" not in second
