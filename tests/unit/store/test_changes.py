"""Changes: compare-and-set with the audit line in the same transaction, sealed bodies, the ledger."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.changes.change import OPEN, Send, SendState, State
from bot.changes.ports import AuditLine
from bot.errors import StoreError
from bot.settings import StoreSettings
from bot.store import tables
from bot.store.database import Database
from bot.store.opening import open_store
from bot.threads.stores import Stores
from bot.values.execs import Output
from tests.fakes import Time
from tests.unit.store.values import REFUSED, THREAD_ID, line, new_change, proposed, thread, write


async def propose(stores: Stores, **kwargs):
    return await stores.threads.propose(proposed(), new_change(**kwargs), line("proposed"))


async def read_at_rest(settings: StoreSettings) -> bytes:
    """What a thief would find: the bytes of the file and its journal, or every row of every table."""
    url = make_url(settings.url)
    if url.database and url.get_backend_name() == "sqlite":
        return b"".join(path.read_bytes() for path in Path(url.database).parent.iterdir())
    database = Database(url)
    try:
        rows = [await database.read(lambda c, t=table: c.execute(select(t))) for table in tables.metadata.sorted_tables]
    finally:
        await database.close()
    return "\n".join(repr(tuple(row)) for result in rows for row in result).encode()


async def test_a_change_comes_back_as_it_was_proposed(stores: Stores) -> None:
    change = await propose(stores)

    stored = await stores.changes.get(change.id)

    new = new_change()
    assert stored == change
    assert (change.state, change.writes, change.diffs, change.impact) == (State.PROPOSED, new.writes, new.diffs, new.impact)
    assert (change.created_at, change.expires_at, change.decided_by, change.refused) == (10.0, 910.0, "", (REFUSED,))
    assert await stores.changes.get(change.id + 1) is None


async def test_one_of_many_clicks_wins(stores: Stores) -> None:
    change = await propose(stores)

    async def click(user: str) -> bool:
        return await stores.changes.move(
            change.id, [State.PROPOSED], State.APPROVED, line("approved", by=user), decided_by=user, decided_at=20.0
        )

    won = await asyncio.gather(*(click(f"U{n}") for n in range(10)))

    stored = await stores.changes.get(change.id)
    assert sum(won) == 1
    assert stored is not None
    assert (stored.state, stored.decided_by, stored.decided_at) == (State.APPROVED, f"U{won.index(True)}", 20.0)
    assert await stores.audit.verify() == (2, "")


async def test_no_audit_line_means_no_move(stores: Stores) -> None:
    change = await propose(stores)
    unwritable = AuditLine("approved", "U1", THREAD_ID, {"oops": object()})

    with pytest.raises(TypeError):
        await stores.changes.move(change.id, [State.PROPOSED], State.APPROVED, unwritable)

    assert (await stores.changes.of_thread(THREAD_ID))[0].state is State.PROPOSED
    assert await stores.audit.verify() == (1, "")


async def test_a_move_wakes_the_thread(stores: Stores) -> None:
    change = await propose(stores)
    before = await stores.threads.due(1000.0)

    await stores.changes.move(change.id, [State.PROPOSED], State.DENIED, line("denied"), reason="no")

    assert before == []
    assert await stores.threads.due(1000.0) == [THREAD_ID]


async def test_a_successor_has_the_refusals_of_its_own_command(stores: Stores) -> None:
    change = await propose(stores)
    other = replace(REFUSED, reason="no such\0 namespace \ud800")

    successor = await stores.changes.supersede(
        change.id, [State.PROPOSED], replace(new_change(), refused=(other, REFUSED)), "It was edited.", line("edited")
    )

    old, new = await stores.changes.of_thread(THREAD_ID)
    assert successor == new
    assert (old.refused, [one.reason for one in new.refused]) == ((REFUSED,), ["no such\0 namespace ?", REFUSED.reason])


async def test_superseding_stores_both_or_nothing(stores: Stores) -> None:
    change = await propose(stores)

    successor = await stores.changes.supersede(change.id, [State.PROPOSED], new_change(digest="d2"), "It moved.", line("superseded"))
    late = await stores.changes.supersede(change.id, [State.PROPOSED], new_change(digest="d3"), "It moved.", line("superseded"))

    old, new = await stores.changes.of_thread(THREAD_ID)
    assert late is None
    assert successor == new
    assert (old.state, old.superseded_by, old.reason) == (State.SUPERSEDED, new.id, "It moved.")
    assert (new.state, new.supersedes, new.digest) == (State.PROPOSED, old.id, "d2")
    assert await stores.audit.verify() == (2, "")


async def test_the_ledger_keeps_one_line_per_write(stores: Stores) -> None:
    change = await propose(stores)
    await stores.changes.record_send(change.id, Send(1, SendState.SENT, "11"), line("sent"))
    await stores.changes.record_send(change.id, Send(0, SendState.SENT, "10"), line("sent"))
    await stores.changes.record_send(change.id, Send(0, SendState.LANDED, "10", 200, "ok"), line("landed"))

    stored = await stores.changes.get(change.id)

    assert stored is not None
    assert stored.sends == (Send(0, SendState.LANDED, "10", 200, "ok"), Send(1, SendState.SENT, "11"))


async def test_watched_changes_are_replayed_and_not_settled(stores: Stores) -> None:
    change = await propose(stores)
    before = await stores.threads.watched()
    await stores.changes.move(change.id, sorted(OPEN), State.DONE, line("done"))
    await stores.changes.record_rollout(change.id, "3/5 ready", settled=False)
    during = await stores.threads.watched()
    await stores.changes.record_rollout(change.id, "5/5 ready", settled=True)

    assert before == []
    assert [c.rollout for c in during] == ["3/5 ready"]
    assert await stores.threads.watched() == []


async def test_requests_are_forgotten_when_a_change_is_long_over(stores: Stores) -> None:
    change = await propose(stores)
    open_one = await stores.threads.propose(proposed("other"), new_change(call_id="other"), line("proposed"))
    await stores.changes.move(change.id, [State.PROPOSED], State.DENIED, line("denied"), decided_at=500.0)
    early = await stores.threads.forget_requests(400.0, 400.0)

    late = await stores.threads.forget_requests(600.0, 600.0)

    stored, kept = await stores.changes.of_thread(THREAD_ID)
    assert (early, late) == (0, 1)
    assert (stored.writes, stored.diffs, stored.digest) == ((), change.diffs, change.digest)
    assert kept.writes == open_one.writes


async def test_the_cards_of_what_cannot_be_undone_any_more_are_stale_once(stores: Stores) -> None:
    change, other = await propose(stores), await stores.threads.propose(proposed("other"), new_change(call_id="other"), line("proposed"))
    await stores.changes.move(change.id, [State.PROPOSED], State.DONE, line("done"), decided_at=500.0)
    await stores.changes.move(other.id, [State.PROPOSED], State.DENIED, line("denied"), decided_at=500.0)
    for drawn, version in (await stores.threads.undrawn(THREAD_ID)).changes:
        await stores.threads.drew_change(drawn.id, version)

    ended = [
        await stores.threads.end_undos(after, until) for after, until in ((0.0, 499.0), (499.0, 500.0), (500.0, 600.0), (600.0, 500.0))
    ]

    assert ended == [0, 1, 0, 0]
    assert [stale.id for stale, _ in (await stores.threads.undrawn(THREAD_ID)).changes] == [change.id]


async def test_no_image_of_a_secret_is_kept(stores: Stores) -> None:
    change = await stores.threads.propose(proposed(), new_change(write("secrets"), write()), line("proposed"))

    secret, deployment = change.writes

    assert (secret.before, secret.after, secret.request.body) == (None, None, write("secrets").request.body)
    assert deployment == write()


async def test_bodies_are_not_readable_at_rest(lasting: StoreSettings, time: Time) -> None:
    async with open_store(lasting, time) as store:
        await store.stores.threads.open(thread())
        await store.stores.threads.propose(proposed(), new_change(write(body=b"hunter2-in-the-clear")), line("proposed"))

    content = await read_at_rest(lasting)

    assert b"kubectl scale deploy/web" in content
    assert b"hunter2-in-the-clear" not in content
    assert b"aHVudGVyMi1pbi10aGUtY2xlYXI" not in content  # its base64


async def test_sealed_writes_moved_to_another_change_are_refused(lasting: StoreSettings, time: Time) -> None:
    async with open_store(lasting, time) as store:
        stores = store.stores
        await stores.threads.open(thread())
        one = await stores.threads.propose(proposed("a"), new_change(call_id="a", digest="d1"), line())
        two = await stores.threads.propose(proposed("b"), new_change(call_id="b", digest="d2"), line())
    database = Database(make_url(lasting.url))
    table = tables.changes
    first = table.alias()
    stolen = first.select().with_only_columns(first.c.writes).where(first.c.id == one.id).scalar_subquery()
    await database.write(lambda c: c.execute(update(table).where(table.c.id == two.id).values(writes=stolen)))
    await database.close()

    async with open_store(lasting, time) as store:
        with pytest.raises(StoreError, match="does not match its digest"):
            await store.stores.changes.get(two.id)


async def test_what_an_exec_printed_is_sealed_and_goes_with_the_requests(lasting: StoreSettings) -> None:
    output = Output(7, stdout="canary-stdout\udcff", stderr="canary-stderr", truncated=True, note="in a file")
    async with open_store(lasting, Time(100.0)) as store:
        await store.stores.threads.open(thread())
        change = await propose(store.stores)
        await store.stores.changes.record_send(change.id, Send(0, SendState.LANDED, output=output), line("write_landed"))
        stored = await store.stores.changes.get(change.id)
        await store.stores.changes.move(change.id, [State.PROPOSED], State.FAILED, line("failed"), decided_at=20.0)
        at_rest = await read_at_rest(lasting)
        forgotten = await store.stores.threads.forget_requests(50.0, 50.0)
        later = await store.stores.changes.get(change.id)

    assert stored is not None
    assert stored.sends[0].output == Output(7, stdout="canary-stdout?", stderr="canary-stderr", truncated=True, note="in a file")
    assert b"canary-std" not in at_rest
    assert forgotten == 1
    assert later is not None
    assert (later.writes, later.sends[0].output) == ((), None)


async def test_an_output_cannot_be_moved_to_another_change(stores: Stores) -> None:
    first, second = await propose(stores), await stores.threads.propose(proposed("call-2"), new_change(call_id="call-2"), line())
    for change in (first, second):
        await stores.changes.record_send(change.id, Send(0, SendState.LANDED, output=Output(change.id)), line())
    database: Database = stores.changes._database  # type: ignore[attr-defined]

    async def swap(connection: AsyncConnection) -> None:
        rows = (await connection.execute(select(tables.sends.c.output).order_by(tables.sends.c.change_id))).scalars().all()
        await connection.execute(update(tables.sends).where(tables.sends.c.change_id == first.id).values(output=rows[1]))

    await database.write(swap)

    with pytest.raises(StoreError, match="does not belong"):
        await stores.changes.get(first.id)
