"""Bad days on the way in: no event is lost, none is taken twice, and dead connections are noticed and replaced."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from bot.devslack.config import Config
from bot.devslack.driver import wait_until
from bot.slack.door.connect import Connections
from tests.integration.devslack.shifted import ShiftedClock

PERSISTENT = Config(ack_seconds=0.5, retry_delays_seconds=(0.1,) * 100)
"""Slack's retries last for minutes; these last for one, so that a slow machine has time to notice a dead connection."""


async def has_puts(desk, least: int) -> bool:
    return desk.inbox.puts >= least


def texts(desk) -> list[str]:
    return sorted(value.text for value in desk.inbox.values)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_event_that_could_be_stored_only_six_minutes_later_is_not_lost(start_desk, mode):
    clock = ShiftedClock()
    desk = await start_desk(Config(clock=clock, sleep=clock.sleep))
    desk.inbox.refuse = True
    await desk.start(connect=True, mode=mode, clock=clock)

    await desk.driver.say("ana", "dm", "nobody wrote this down")
    # Over a socket a refusal is silence until the deadline; over HTTP it is an answer.
    for attempt, steps in enumerate((1, 2, 2) if mode == "socket" else (0, 1, 1), start=1):
        await wait_until(lambda least=attempt: has_puts(desk, least))
        desk.inbox.refuse = attempt < 3
        for _ in range(steps):
            await clock.step()

    await desk.driver.wait_until_settled(60)
    assert texts(desk) == ["nobody wrote this down"]
    assert clock.passed == (369 if mode == "socket" else 360)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_event_that_was_stored_is_not_stored_again_six_minutes_later(start_desk, mode):
    clock = ShiftedClock()
    desk = await start_desk(Config(clock=clock, sleep=clock.sleep))
    await desk.start(connect=True, mode=mode, clock=clock)
    await desk.driver.act("drop_acks", count=3)

    await desk.driver.say("ana", "dm", "written down at once")
    for attempt, steps in enumerate((1, 2, 2), start=1):
        await wait_until(lambda least=attempt: has_puts(desk, least))
        for _ in range(steps):
            await clock.step()

    await desk.driver.wait_until_settled(60)
    deliveries = await desk.driver.deliveries()
    assert [(each["attempt"], each["acknowledged"]) for each in deliveries] == [(0, False), (1, False), (2, False), (3, True)]
    assert (texts(desk), desk.inbox.puts) == (["written down at once"], 4)
    assert clock.passed == 369


@pytest.mark.parametrize("reason", ["abort", "refresh_requested", "warning", "half_open", "link_disabled", "too_many_websockets"])
@pytest.mark.parametrize("connections", [1, 2])
async def test_connection_that_goes_while_an_event_is_being_stored_loses_nothing(start_desk, reason, connections):
    desk = await start_desk(PERSISTENT)
    await desk.start(connect=True, connections=connections, ping_seconds=0.2)
    desk.inbox.hold = asyncio.Event()
    await desk.driver.say("ana", "dm", "in the middle")
    await wait_until(lambda: has_puts(desk, 1))

    await desk.driver.act("disconnect", reason=reason)
    desk.inbox.hold.set()

    await desk.driver.wait_until_settled(60)
    assert texts(desk) == ["in the middle"]


async def test_events_are_split_over_both_connections_and_the_other_takes_over_from_a_dead_one(start_desk):
    desk = await start_desk(PERSISTENT)
    running = await desk.start(connect=True, ping_seconds=2.0)
    for number in range(10):
        await desk.driver.say("ana", "dm", f"split {number}")
    await desk.driver.wait_until_settled()
    first = {each["connection"] for each in await desk.driver.deliveries()}

    await desk.driver.act("disconnect", reason="half_open", connection=1)
    for number in range(10):
        await desk.driver.say("ana", "dm", f"after {number}")
    trouble = running.connections.find_trouble()
    await desk.driver.wait_until_settled(60)

    assert first == {1, 2}
    assert trouble == ""
    assert texts(desk) == sorted([f"split {number}" for number in range(10)] + [f"after {number}" for number in range(10)])


async def is_replaced(desk, count: int) -> bool:
    """Whether that many connections opened after the dead ones answered a ping or an envelope."""
    openings = [entry for entry in await desk.driver.traffic() if entry["name"] == "hello"]
    return len(openings) >= count


async def test_half_open_connections_are_noticed_and_replaced(start_desk):
    desk = await start_desk(PERSISTENT)
    running = await desk.start(connect=True, ping_seconds=0.2)

    await desk.driver.act("disconnect", reason="half_open")
    await wait_until(lambda: is_replaced(desk, 4))
    await desk.driver.wait_for_connections(2)

    await desk.driver.say("ana", "dm", "are you back?")
    await desk.driver.wait_until_settled(60)
    assert texts(desk) == ["are you back?"]
    await wait_until(lambda: answers(running))


async def answers(running) -> bool:
    return running.connections.find_trouble() == ""


async def test_watchdog_replaces_a_connection_whose_own_watch_has_ended(start_desk):
    desk = await start_desk(PERSISTENT)
    running = await desk.start(connect=True, ping_seconds=0.2, connections=1)
    [link] = running.connections._links
    link.handler.client.current_session_monitor.cancel()
    link.handler.client.auto_reconnect_enabled = False

    await desk.driver.act("disconnect", reason="half_open")
    await wait_until(lambda: is_replaced(desk, 2))

    await desk.driver.say("ana", "dm", "are you back?")
    await desk.driver.wait_until_settled(60)
    assert texts(desk) == ["are you back?"]


async def test_it_is_said_when_no_connection_answers(start_desk):
    desk = await start_desk(PERSISTENT)
    running = await desk.start(connect=True, ping_seconds=0.2)
    await desk.driver.act("fault", method="apps.connections.open", kind="status", times=1_000)

    await desk.driver.act("disconnect", reason="half_open")

    async def is_said() -> bool:
        return "No Socket Mode connection" in running.connections.find_trouble()

    await wait_until(is_said)
    await desk.driver.act("clear_faults")
    await desk.driver.act("disconnect", reason="abort")
    await wait_until(lambda: answers(running))


async def test_socket_mode_that_was_turned_off_is_named_and_events_come_once_it_is_on_again(start_desk):
    desk = await start_desk(PERSISTENT)
    running = await desk.start(connect=True, ping_seconds=0.2)
    await desk.driver.act("fault", method="apps.connections.open", kind="error", error="not_allowed", times=1_000)

    await desk.driver.act("disconnect", reason="link_disabled")
    await desk.driver.wait_for_connections(0)
    await desk.driver.say("ana", "dm", "while it was off")

    async def is_named() -> bool:
        return "on in the app's settings" in running.connections.find_trouble()

    await wait_until(is_named)
    assert running.connections.find_trouble().startswith("No Socket Mode connection to Slack answers")
    await desk.driver.act("clear_faults")
    await wait_until(lambda: answers(running))
    await desk.driver.wait_until_settled(60)
    assert texts(desk) == ["while it was off"]


async def test_one_connection_too_many_is_left_out_and_the_others_take_the_events(start_desk):
    desk = await start_desk(replace(PERSISTENT, max_connections=1))
    running = await desk.start()
    connections = Connections(running.signed_in, desk.settings(connections=2), running.listeners, ping_seconds=0.2)

    async def waits_for_its_turn() -> bool:
        return running.signed_in.app_web.throttle.count_waiting() > 0

    await connections.open()
    desk.stack.push_async_callback(connections.close)
    await desk.driver.wait_for_connections(1)
    for number in range(5):
        await desk.driver.say("ana", "dm", f"event {number}")

    await desk.driver.wait_until_settled(60)
    assert connections.find_trouble() == ""
    assert texts(desk) == [f"event {number}" for number in range(5)]
    await wait_until(waits_for_its_turn, 20)  # the SDK would open another at once, for ever


@pytest.mark.parametrize("seed", range(3))
async def test_a_bad_hour_loses_no_event_and_doubles_none(start_desk, seed):
    luck = random.Random(seed)
    desk = await start_desk(PERSISTENT)
    await desk.start(connect=True, ping_seconds=0.2)

    for number in range(40):
        await desk.driver.say("ana", "dm", f"event {number}")
        match luck.randrange(8):
            case 0:
                await desk.driver.act("disconnect", reason=luck.choice(["abort", "refresh_requested", "warning"]))
            case 1:
                await desk.driver.act("drop_acks", count=luck.randrange(1, 4))
            case 2:
                desk.inbox.refuse = not desk.inbox.refuse
            case 3:
                await asyncio.sleep(0.05)
    desk.inbox.refuse = False
    await desk.driver.act("clear_faults")

    await desk.driver.wait_until_settled(60)
    assert texts(desk) == sorted(f"event {number}" for number in range(40))
