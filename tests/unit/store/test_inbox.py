"""The inbox: every event once, handed out until it is done."""

from __future__ import annotations

import asyncio

from bot.threads.inbound.incoming import Click, Command, Reason
from bot.threads.stores import Stores
from tests.fakes import Time
from tests.unit.store.values import message


async def test_a_redelivery_is_known(stores: Stores) -> None:
    first = await stores.inbox.put("Ev1", message())
    second = await stores.inbox.put("Ev1", message("other"))

    assert (first, second) == (True, False)
    assert [d.incoming for d in await stores.inbox.take(60)] == [message()]


async def test_the_same_key_twice_at_once_is_new_once(stores: Stores) -> None:
    results = await asyncio.gather(*(stores.inbox.put(f"Ev{n % 40}", message(str(n))) for n in range(120)))

    assert sorted(n for n, is_new in enumerate(results) if is_new) == list(range(40))


async def test_every_kind_of_event_comes_back_equal_and_in_order(stores: Stores) -> None:
    events = [
        message("a \U0001f600 <b>"),
        Command("T1", "C1", "U1", "why?"),
        Click("T1", "C1", "U1", "approve", "1.1", "1.2", "trigger", 42, "digest"),
        Reason("T1", "U1", 42, "digest", "too late"),
    ]
    for number, event in enumerate(events):
        await stores.inbox.put(f"Ev{number}", event)

    taken = await stores.inbox.take(60)

    assert [d.incoming for d in taken] == events
    assert [d.attempts for d in taken] == [1, 1, 1, 1]


async def test_an_event_is_handed_out_again_when_its_lease_is_over(stores: Stores, time: Time) -> None:
    await stores.inbox.put("Ev1", message())
    await stores.inbox.take(60)
    while_leased = await stores.inbox.take(60)
    time.now += 61

    again = await stores.inbox.take(60)

    assert while_leased == []
    assert [(d.key, d.attempts) for d in again] == [("Ev1", 2)]


async def test_a_failed_event_comes_back_after_its_pause(stores: Stores, time: Time) -> None:
    await stores.inbox.put("Ev1", message())
    [delivery] = await stores.inbox.take(60)
    await stores.inbox.failed(delivery.id, "Slack is down", 10)
    early = await stores.inbox.take(60)
    time.now += 11

    later = await stores.inbox.take(60)

    assert early == []
    assert [d.key for d in later] == ["Ev1"]


async def test_done_and_dead_events_stay_away(stores: Stores, time: Time) -> None:
    await stores.inbox.put("Ev1", message())
    await stores.inbox.put("Ev2", message())
    one, two = await stores.inbox.take(60)
    await stores.inbox.done(one.id)
    await stores.inbox.failed(two.id, "cannot be handled", None)
    time.now += 1000

    left = await stores.inbox.take(60)

    assert left == []
    assert await stores.inbox.put("Ev1", message()) is False


async def test_pruning_forgets_done_events_only(stores: Stores, time: Time) -> None:
    for key in ("Ev1", "Ev2"):
        await stores.inbox.put(key, message())
    [one, _] = await stores.inbox.take(1)
    await stores.inbox.done(one.id)
    time.now += 100

    pruned = await stores.inbox.prune(time.now - 50)

    assert pruned == 1
    assert [d.key for d in await stores.inbox.take(60)] == ["Ev2"]


async def test_a_cancelled_put_does_not_take_the_others_with_it(stores: Stores) -> None:
    first = asyncio.create_task(stores.inbox.put("Ev1", message()))
    second = asyncio.create_task(stores.inbox.put("Ev2", message()))
    await asyncio.sleep(0)
    first.cancel()

    assert await second is True
    assert await stores.inbox.put("Ev2", message()) is False


async def test_text_that_is_no_unicode_is_stored_all_the_same(stores: Stores) -> None:
    await stores.inbox.put("Ev1", message("half \ud83d and NUL \0"))

    [delivery] = await stores.inbox.take(60)

    assert delivery.incoming == message("half \ud83d and NUL \0")
