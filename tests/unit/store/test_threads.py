"""Threads: leases, wake marks that are never lost, transcripts without gaps or doubles."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.changes.change import State
from bot.errors import StoreError
from bot.store.codec import dump_entry, load_entry
from bot.threads.stores import Notice, Stores
from bot.values.transcript import Answered, Ended, Entry, Happened, Replied, ToolCall, ToolResult
from tests.fakes import Time
from tests.unit.store.values import THREAD_ID, asked, line, new_change, proposed, thread


async def test_opening_a_known_thread_keeps_what_is_stored(stores: Stores) -> None:
    again = await stores.threads.open(replace(thread(), owner="U9"))

    assert again.owner == "U1"
    assert await stores.threads.get("T1:C1:other") is None


async def test_the_threads_of_a_channel_come_with_the_last_active_first(stores: Stores, time: Time) -> None:
    for name, channel in (("new", thread().channel_id), ("elsewhere", "C9"), ("newest", thread().channel_id)):
        time.now += 1
        await stores.threads.open(replace(thread(), id=name, channel_id=channel, thread_ts=name))

    found = await stores.threads.of_channel("T1", thread().channel_id, 2)

    assert [one.id for one in found] == ["newest", "new"]


async def test_a_lease_excludes_others_until_it_is_over(stores: Stores, time: Time) -> None:
    first = await stores.threads.lease(THREAD_ID, "a", 30)
    renewed = await stores.threads.lease(THREAD_ID, "a", 30)
    other = await stores.threads.lease(THREAD_ID, "b", 30)
    time.now += 31
    after = await stores.threads.lease(THREAD_ID, "b", 30)
    await stores.threads.release(THREAD_ID, "a")

    assert (first, renewed, other, after) == (True, True, False, True)
    assert await stores.threads.lease(THREAD_ID, "c", 30) is False


async def test_the_earlier_wake_mark_stays(stores: Stores) -> None:
    await stores.threads.wake(THREAD_ID, 1100.0)
    await stores.threads.wake(THREAD_ID, 1200.0)

    assert await stores.threads.due(1099.0) == []
    assert await stores.threads.due(1100.0) == [THREAD_ID]


async def test_a_leased_thread_is_not_due(stores: Stores) -> None:
    await stores.threads.wake(THREAD_ID, 1000.0)
    await stores.threads.lease(THREAD_ID, "a", 30)

    assert await stores.threads.due(1010.0) == []
    assert await stores.threads.due(1031.0) == [THREAD_ID]


async def test_a_wake_during_the_work_is_not_settled_away(stores: Stores) -> None:
    await stores.threads.lease(THREAD_ID, "a", 30)
    seen = (await _get(stores)).wakes
    await stores.threads.wake(THREAD_ID, 1000.0)

    settled = await stores.threads.settle(THREAD_ID, "a", None, seen=seen)
    settled_after_looking = await stores.threads.settle(THREAD_ID, "a", 1500.0, seen=seen + 1)

    assert (settled, settled_after_looking) == (False, True)
    await stores.threads.release(THREAD_ID, "a")
    assert await stores.threads.due(1400.0) == []
    assert await stores.threads.due(1500.0) == [THREAD_ID]


async def test_only_the_holder_settles(stores: Stores) -> None:
    await stores.threads.lease(THREAD_ID, "a", 30)

    assert await stores.threads.settle(THREAD_ID, "b", None, seen=0) is False


async def test_turns_are_numbered_one_by_one_and_each_key_begins_one(stores: Stores) -> None:
    numbers = await asyncio.gather(*(stores.threads.begin_turn(THREAD_ID, asked(str(n)), key=f"asked:{n % 4}") for n in range(12)))

    assert sorted(n for n in numbers if n is not None) == [1, 2, 3, 4]
    assert sorted(e.turn for e in await stores.threads.transcript(THREAD_ID)) == [1, 2, 3, 4]
    assert await stores.threads.due(1000.0) == [THREAD_ID]


async def test_a_key_appends_once(stores: Stores) -> None:
    reply = Replied(1, "m", "{}", "hello")
    first = await stores.threads.append(THREAD_ID, [reply], key="replied:1:0", audit=line("replied"))
    second = await stores.threads.append(THREAD_ID, [reply], key="replied:1:0", audit=line("replied"))
    other = await stores.threads.append(THREAD_ID, [reply], key="replied:1:1")

    assert (first, second, other) == (True, False, True)
    assert await stores.threads.transcript(THREAD_ID) == [reply, reply]
    assert await stores.audit.verify() == (1, "")


async def test_a_call_is_answered_once_and_a_turn_ends_once(stores: Stores) -> None:
    answer, ended = Answered(1, "c", ToolResult("ok")), Ended(1, "answered")
    await stores.threads.append(THREAD_ID, [answer])

    with_end = await stores.threads.append(THREAD_ID, [Answered(1, "c", ToolResult("stopped")), ended])
    alone = await stores.threads.append(THREAD_ID, [ended])
    again = await stores.threads.append(THREAD_ID, [Ended(1, "stopped")])

    assert (with_end, alone, again) == (False, True, False)
    assert await stores.threads.transcript(THREAD_ID) == [answer, ended]


async def test_concurrent_appends_keep_one_order(stores: Stores) -> None:
    answer = ToolResult("ok")
    await asyncio.gather(*(stores.threads.append(THREAD_ID, [Answered(n, "x", answer), Ended(n, "y")]) for n in range(20)))

    turns = [e.turn for e in await stores.threads.transcript(THREAD_ID)]
    assert turns[::2] == turns[1::2]
    assert sorted(turns[::2]) == list(range(20))


async def test_a_thread_that_was_not_opened_takes_no_entries(stores: Stores) -> None:
    with pytest.raises(StoreError, match="open it"):
        await stores.threads.append("T1:C1:9.9", [Ended(1, "x")])


async def test_proposing_twice_gives_the_same_change(stores: Stores) -> None:
    first = await stores.threads.propose(proposed(), new_change(), line("proposed"))
    second = await stores.threads.propose(proposed(), new_change(), line("proposed"))

    assert first == second
    assert [getattr(e, "change_id", None) for e in await stores.threads.transcript(THREAD_ID)] == [first.id]
    assert await stores.audit.verify() == (1, "")


async def test_a_stop_is_for_the_turns_there_are(stores: Stores) -> None:
    await stores.threads.begin_turn(THREAD_ID, asked(), key="1")
    await stores.threads.request_stop(THREAD_ID, "U2")
    await stores.threads.begin_turn(THREAD_ID, asked(), key="2")

    stored = await _get(stores)

    assert (stored.stop_requested_by, stored.stop_turn) == ("U2", 1)


async def test_only_idle_threads_that_hold_a_sandbox_are_idle(stores: Stores, time: Time) -> None:
    await stores.threads.open(thread("T1:C1:200.1"))
    await stores.threads.update(THREAD_ID, sandbox_pod="pod-1", holds_sandbox=True)
    early = await stores.threads.idle_since(time.now)
    time.now += 100

    late = await stores.threads.idle_since(time.now - 50)
    await stores.threads.append(THREAD_ID, [Ended(1, "x")])
    after_activity = await stores.threads.idle_since(time.now - 50)

    assert early == []
    assert [(t.id, t.sandbox_pod) for t in late] == [(THREAD_ID, "pod-1")]
    assert after_activity == []


async def test_a_notice_is_undrawn_until_it_was_drawn_once(stores: Stores) -> None:
    notice = Notice("files:pod-2", "Files were lost.")
    await stores.threads.notify(THREAD_ID, notice)
    await stores.threads.notify(THREAD_ID, notice)

    before = await stores.threads.undrawn(THREAD_ID)
    await stores.threads.drew_notice(THREAD_ID, notice.key)
    await stores.threads.notify(THREAD_ID, notice)

    assert before.notices == (notice,)
    assert (await stores.threads.undrawn(THREAD_ID)).notices == ()


async def test_a_change_is_undrawn_until_its_newest_version_was_drawn(stores: Stores) -> None:
    change = await stores.threads.propose(proposed(), new_change(), line("proposed"))
    [(_, version)] = (await stores.threads.undrawn(THREAD_ID)).changes
    await stores.changes.move(change.id, [State.PROPOSED], State.APPROVED, line("approved"))

    await stores.threads.drew_change(change.id, version)
    [(stale, newer)] = (await stores.threads.undrawn(THREAD_ID)).changes
    await stores.threads.drew_change(change.id, newer)

    assert stale.state is State.APPROVED
    assert (await stores.threads.undrawn(THREAD_ID)).changes == ()


_text = st.text(st.characters(codec="utf-8"), max_size=40)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _text, lambda x: st.lists(x) | st.dictionaries(_text, x), max_leaves=8
)
_calls = st.builds(ToolCall, _text, _text, st.dictionaries(_text, _json))
_results = st.builds(ToolResult, _text, _text, st.none() | st.integers(0, 255), _text, _text, _text, st.floats(0, 1e6), st.booleans())
_entries = (
    st.builds(Replied, st.integers(1, 9), _text, _text, _text, st.lists(_calls).map(tuple))
    | st.builds(Answered, st.integers(1, 9), _text, _results)
    | st.builds(Happened, st.integers(1, 9), _text, st.none() | st.integers(1, 9), _text)
    | st.builds(Ended, st.integers(1, 9), _text, _text)
)


@given(_entries)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_entries_come_back_as_they_were(entry: Entry) -> None:
    assert load_entry(*dump_entry(entry)) == entry


def test_an_unpaired_surrogate_is_stored_as_a_question_mark() -> None:
    assert load_entry(*dump_entry(asked("half \ud83d!"))) == asked("half ?!")


async def _get(stores: Stores):
    stored = await stores.threads.get(THREAD_ID)
    assert stored is not None
    return stored
