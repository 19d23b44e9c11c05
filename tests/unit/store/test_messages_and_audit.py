"""Which message belongs to which key, and a log that shows when it was touched."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update
from sqlalchemy.engine import make_url
from sqlalchemy.sql.dml import Delete, Update

from bot.settings import StoreSettings
from bot.store.database import Database
from bot.store.opening import open_store
from bot.store.tables import audit
from bot.threads.stores import Shown, Stores
from tests.fakes import Time
from tests.unit.store.values import THREAD_ID, line


async def test_a_claimed_message_is_attempted_until_it_is_posted(stores: Stores) -> None:
    unknown = await stores.messages.get("change:1")
    await stores.messages.claim("change:1", THREAD_ID)
    claimed = await stores.messages.get("change:1")
    await stores.messages.posted("change:1", "C1", "5.5", "d1")
    await stores.messages.claim("change:1", THREAD_ID)
    posted = await stores.messages.get("change:1")
    await stores.messages.redrawn("change:1", "d2")

    assert unknown is None
    assert claimed == Shown("change:1", "", "", "", attempted=True)
    assert posted == Shown("change:1", "C1", "5.5", "d1", attempted=True)
    assert await stores.messages.get("change:1") == Shown("change:1", "C1", "5.5", "d2", attempted=True)


async def test_a_message_posted_without_a_claim_is_known_too(stores: Stores) -> None:
    await stores.messages.posted("root:1", "C1", "5.5", "d1")

    assert await stores.messages.get("root:1") == Shown("root:1", "C1", "5.5", "d1", attempted=True)


async def test_an_untouched_log_verifies(stores: Stores) -> None:
    for number in range(5):
        await stores.audit.write(line("click", number=number, who=["U1", "ü"]))

    assert await stores.audit.verify() == (5, "")


async def test_an_empty_log_verifies(stores: Stores) -> None:
    assert await stores.audit.verify() == (0, "")


@pytest.fixture
async def tampered(lasting: StoreSettings, time: Time) -> StoreSettings:
    async with open_store(lasting, time) as store:
        for number in range(4):
            await store.stores.audit.write(line("click", number=number))
    return lasting


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (update(audit).where(audit.c.seq == 2).values(actor="U9"), "Line 2 of the audit log was altered."),
        (update(audit).where(audit.c.seq == 3).values(at="2020-01-01T00:00:00+00:00"), "Line 3 of the audit log was altered."),
        (delete(audit).where(audit.c.seq == 2), "Line 2 of the audit log is missing."),
        (delete(audit).where(audit.c.seq == 4), "The audit log ends at line 3, but 4 lines were written."),
        (update(audit).where(audit.c.seq == 4).values(seq=5), "Line 4 of the audit log is missing."),
    ],
)
async def test_a_touched_log_does_not_verify(tampered: StoreSettings, time: Time, statement: Update | Delete, fault: str) -> None:
    database = Database(make_url(tampered.url))
    await database.write(lambda connection: connection.execute(statement))
    await database.close()

    async with open_store(tampered, time) as store:
        _, found = await store.stores.audit.verify()

    assert found == fault
