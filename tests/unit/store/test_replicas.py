"""Two replicas on one database, each with connections of its own: nothing is done twice, nothing waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import structlog

from bot.changes.change import State
from bot.changes.freeze import Freeze
from bot.settings import StoreSettings
from bot.store.opening import open_store
from bot.threads.stores import Stores
from tests.fakes import Time
from tests.unit.store.values import THREAD_ID, asked, line, message, new_change, proposed, thread

OTHER_THREAD = "T1:C1:200.1"


@pytest.fixture
async def replicas(lasting: StoreSettings, time: Time) -> AsyncIterator[Sequence[Stores]]:
    async with AsyncExitStack() as stack:
        opened = [(await stack.enter_async_context(open_store(lasting, time))).stores for _ in range(2)]
        for thread_id in (THREAD_ID, OTHER_THREAD):
            await opened[0].threads.open(thread(thread_id))
        yield opened


async def gather_without_conflicts(*work: Awaitable[object]) -> list[object]:
    """Fails if the database had to break a deadlock: replicas that lock in one order never need that."""
    with structlog.testing.capture_logs() as logs:
        done = await asyncio.gather(*work)
    assert [entry for entry in logs if entry["event"] == "transaction_conflict"] == []
    return done


async def propose(stores: Stores, call: str, **kwargs):
    return await stores.threads.propose(proposed(call), new_change(call_id=call, **kwargs), line("proposed"))


async def test_a_thread_is_leased_to_one_replica(replicas: Sequence[Stores]) -> None:
    for number in range(10):
        won = await asyncio.gather(*(stores.threads.lease(THREAD_ID, f"{i}-{number}", 30) for i, stores in enumerate(replicas * 4)))
        holder = f"{won.index(True)}-{number}"

        assert sum(won) == 1
        await replicas[0].threads.release(THREAD_ID, holder)


async def test_an_event_is_handed_to_one_replica(replicas: Sequence[Stores]) -> None:
    await asyncio.gather(*(stores.inbox.put(f"Ev{n}", message(ts=f"{n}.0")) for n in range(60) for stores in replicas))

    batches = await asyncio.gather(*(stores.inbox.take(60, limit=10) for stores in replicas * 6))

    taken = [delivery.key for batch in batches for delivery in batch]
    rest = [delivery.key for delivery in await replicas[0].inbox.take(60, limit=100)]
    assert len(taken) == len(set(taken))
    assert sorted(taken + rest) == sorted(f"Ev{n}" for n in range(60))


async def test_the_same_event_at_both_replicas_is_new_once(replicas: Sequence[Stores]) -> None:
    keys = [f"Ev{n}" for n in range(40)]
    there = asyncio.gather(*(replicas[0].inbox.put(key, message()) for key in keys))
    back = asyncio.gather(*(replicas[1].inbox.put(key, message()) for key in reversed(keys)))

    results = [*(await there), *(await back)]

    assert sum(results) == len(keys)


async def test_one_of_two_clicks_at_different_replicas_wins(replicas: Sequence[Stores]) -> None:
    for number in range(10):
        change = await propose(replicas[0], f"call-{number}")
        moves = (stores.changes.move(change.id, [State.PROPOSED], State.APPROVED, line("approved")) for stores in replicas * 3)

        assert sum(await gather_without_conflicts(*moves)) == 1

    assert await replicas[0].audit.verify() == (20, "")


async def test_turns_begun_at_both_replicas_have_no_gaps_and_no_doubles(replicas: Sequence[Stores]) -> None:
    begun = (stores.threads.begin_turn(THREAD_ID, asked(), key=f"asked:{n}") for n in range(15) for stores in replicas)

    numbers = [number for number in await gather_without_conflicts(*begun) if number is not None]

    assert sorted(numbers) == list(range(1, 16))
    assert [entry.turn for entry in await replicas[1].threads.transcript(THREAD_ID)] == list(range(1, 16))


async def test_a_call_is_proposed_by_one_replica(replicas: Sequence[Stores]) -> None:
    found = await gather_without_conflicts(*(propose(stores, "call-1") for stores in replicas * 4))

    assert len({change.id for change in found}) == 1
    assert len(await replicas[0].changes.of_thread(THREAD_ID)) == 1


async def test_the_log_verifies_while_the_other_replica_writes_it(replicas: Sequence[Stores]) -> None:
    async def write() -> None:
        for number in range(40):
            await replicas[0].audit.write(line("click", number=number))

    async def verify() -> list[str]:
        return [(await replicas[1].audit.verify())[1] for _ in range(40)]

    _, faults = await asyncio.gather(write(), verify())

    assert faults == [""] * 40
    assert await replicas[1].audit.verify() == (40, "")


async def test_a_replacement_and_a_click_on_what_it_replaces_do_not_lock_each_other_out(replicas: Sequence[Stores]) -> None:
    for number in range(8):
        old = await propose(replicas[0], f"old-{number}")
        newer = replace(new_change(call_id=f"new-{number}"), supersedes=old.id)
        one = replicas[0].threads.propose(proposed(f"new-{number}"), newer, line("proposed"), superseding=line("superseded"))
        other = replicas[1].changes.move(old.id, [State.PROPOSED], State.APPROVED, line("approved"))

        successor, approved = await gather_without_conflicts(one, other)

        after = await replicas[0].changes.get(old.id)
        assert after is not None
        assert after.state is (State.APPROVED if approved else State.SUPERSEDED)
        assert successor.supersedes == (None if approved else old.id)


async def test_an_undo_and_its_original_do_not_lock_each_other_out(replicas: Sequence[Stores]) -> None:
    for number in range(8):
        original, undo = await propose(replicas[0], f"old-{number}"), await propose(replicas[0], f"undo-{number}")
        await replicas[0].changes.move(original.id, [State.PROPOSED], State.DONE, line("done"))
        await replicas[0].changes.move(undo.id, [State.PROPOSED], State.REPLAYING, line("replaying"))

        await gather_without_conflicts(
            replicas[0].changes.complete_undo(undo.id, original.id, "", line("done"), line("undone")),
            replicas[1].changes.record_rollout(original.id, "3/5 ready", settled=False),
        )

        states = [change.state for change in (await replicas[0].changes.of_thread(THREAD_ID))[-2:]]
        assert states == [State.UNDONE, State.DONE]


async def test_freezes_begun_at_both_replicas_are_lifted_together(replicas: Sequence[Stores]) -> None:
    for number in range(10):
        begun = await gather_without_conflicts(
            *(s.freezes.begin(f"k{i}-{number}", Freeze("prod", "U2", "sale", 30.0), line("frozen")) for i, s in enumerate(replicas))
        )
        await replicas[0].freezes.lift(f"lift-{number}", "prod", "U2", line("lifted"))

        assert begun == [True, True]
        assert await replicas[1].freezes.active("prod") is None
    assert await replicas[0].audit.verify() == (30, "")


async def test_a_freeze_and_work_on_the_changes_it_stops_do_not_lock_each_other_out(replicas: Sequence[Stores]) -> None:
    changes = [await propose(replicas[0], f"call-{n}", thread_id=(THREAD_ID, OTHER_THREAD)[n % 2]) for n in range(10)]
    frozen = (replicas[0].freezes.begin(f"k{n}", Freeze("prod", "U2", "sale", 30.0), line("frozen")) for n in range(5))
    moves = (replicas[1].changes.move(change.id, [State.PROPOSED], State.APPROVED, line("approved")) for change in reversed(changes))

    done = await gather_without_conflicts(*frozen, *moves)

    assert all(done)


async def test_two_replicas_write_one_log(replicas: Sequence[Stores]) -> None:
    async def work(stores: Stores, name: str) -> None:
        for number in range(20):
            await stores.threads.append(THREAD_ID, [], key="")
            await stores.audit.write(line(name, number=number))

    await asyncio.gather(work(replicas[0], "a"), work(replicas[1], "b"))

    assert await replicas[0].audit.verify() == (40, "")
