from __future__ import annotations

import asyncio

from bot.slack.door.throttle import Priority, Throttle, Ticket
from bot.slack.limits import Rate


async def test_a_burst_goes_out_at_once_and_the_rest_waits():
    throttle = Throttle({"m": Rate(60, 3)})

    tasks = [asyncio.create_task(throttle.wait("m", "", Ticket(Priority.CARD))) for _ in range(5)]
    await asyncio.sleep(0.05)

    assert [task.done() for task in tasks] == [True, True, True, False, False]
    assert throttle.count_waiting() == 2
    for task in tasks:
        task.cancel()


async def test_cards_go_before_answers_and_answers_before_progress():
    throttle = Throttle({"m": Rate(6_000, 1)})
    order: list[str] = []

    async def go(name: str, ticket: Ticket) -> None:
        await throttle.wait("m", "", ticket)
        order.append(name)

    await throttle.wait("m", "", Ticket(Priority.CARD))
    tickets = [Ticket(Priority.PROGRESS), Ticket(Priority.ANSWER), Ticket(Priority.CARD)]
    async with asyncio.TaskGroup() as group:
        for name, ticket in zip(("progress", "answer", "card"), tickets, strict=True):
            group.create_task(go(name, ticket))

    assert order == ["card", "answer", "progress"]


async def test_what_waits_can_become_urgent():
    throttle = Throttle({"m": Rate(6_000, 1)})
    order: list[str] = []

    async def go(name: str, ticket: Ticket) -> None:
        await throttle.wait("m", "", ticket)
        order.append(name)

    await throttle.wait("m", "", Ticket(Priority.CARD))
    late = Ticket(Priority.PROGRESS)
    async with asyncio.TaskGroup() as group:
        group.create_task(go("answer", Ticket(Priority.ANSWER)))
        group.create_task(go("progress", late))
        await asyncio.sleep(0)
        late.raise_to(Priority.CARD)

    assert order == ["progress", "answer"]


async def test_what_becomes_urgent_does_not_wait_for_the_reserve_it_may_use_now():
    throttle = Throttle({"m": Rate(0.1, 6)})  # one call in ten minutes
    await throttle.wait("m", "", Ticket(Priority.CARD))
    ticket = Ticket(Priority.PROGRESS)
    waiting = asyncio.create_task(throttle.wait("m", "", ticket))
    await asyncio.sleep(0)
    assert not waiting.done()

    ticket.raise_to(Priority.CARD)

    await asyncio.wait_for(waiting, 20)


async def test_nothing_bursts_out_after_a_pause():
    throttle = Throttle({"m": Rate(600, 10)})  # one in a tenth of a second
    began = asyncio.get_running_loop().time()
    throttle.pause("m", "", 0.3)

    for _ in range(3):
        await throttle.wait("m", "", Ticket(Priority.CARD))

    assert asyncio.get_running_loop().time() - began >= 0.5


async def test_progress_takes_less_of_a_rate_that_others_use_up_too():
    throttle = Throttle({"m": Rate(600, 10)})  # one in a tenth of a second
    loop = asyncio.get_running_loop()
    throttle.pause("m", "", 0.0)
    throttle.pause("m", "", 0.1)
    began = loop.time()

    for _ in range(2):
        await throttle.wait("m", "", Ticket(Priority.PROGRESS))

    # From one token to the nine of a call that counts as four above the reserve, and four more for the next.
    assert loop.time() - began >= 0.1 + 0.8 + 0.4


async def test_progress_leaves_a_reserve_for_what_matters():
    throttle = Throttle({"m": Rate(60, 7)})

    progress = [asyncio.create_task(throttle.wait("m", "", Ticket(Priority.PROGRESS))) for _ in range(7)]
    await asyncio.sleep(0.05)
    await asyncio.wait_for(throttle.wait("m", "", Ticket(Priority.CARD)), 0.5)

    assert sum(task.done() for task in progress) == 2
    for task in progress:
        task.cancel()


async def test_channels_do_not_wait_for_each_other():
    throttle = Throttle({"chat.postMessage": Rate(6_000, 50)}, Rate(1, 1))
    await throttle.wait("chat.postMessage", "C1", Ticket(Priority.CARD))

    busy = asyncio.create_task(throttle.wait("chat.postMessage", "C1", Ticket(Priority.CARD)))
    await asyncio.wait_for(throttle.wait("chat.postMessage", "C2", Ticket(Priority.CARD)), 1)

    assert not busy.done()
    busy.cancel()


async def test_pause_holds_everything_of_the_method_back():
    throttle = Throttle({"m": Rate(6_000, 50), "other": Rate(6_000, 50)})
    loop = asyncio.get_running_loop()
    throttle.pause("m", "", 0.2)
    began = loop.time()

    await throttle.wait("other", "", Ticket(Priority.CARD))
    unaffected = loop.time() - began
    await throttle.wait("m", "", Ticket(Priority.CARD))

    assert unaffected < loop.time() - began
    assert loop.time() - began >= 0.2


async def test_whoever_gives_up_waiting_does_not_hold_the_others():
    throttle = Throttle({"m": Rate(600, 1)})
    await throttle.wait("m", "", Ticket(Priority.CARD))
    quitter = asyncio.create_task(throttle.wait("m", "", Ticket(Priority.CARD)))
    await asyncio.sleep(0)

    quitter.cancel()
    await asyncio.wait_for(throttle.wait("m", "", Ticket(Priority.PROGRESS)), 5)

    assert throttle.count_waiting() == 0
