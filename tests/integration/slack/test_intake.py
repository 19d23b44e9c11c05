"""From the local Slack into the inbox: stored before acknowledged, nothing lost, nothing else let in."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from bot.changes.change import Send, SendState, State
from bot.devslack.driver import wait_until
from bot.slack.parse import INVESTIGATE
from bot.threads.inbound.incoming import Click, Command, Message, Reason
from bot.threads.inbound.overview import Overview
from tests.unit.slack.rows import make_change, make_thread, make_write


async def stored(desk, kind: type, seconds: float = 5.0):
    async def look():
        return [value for value in desk.inbox.values if isinstance(value, kind)]

    return (await wait_until(look, seconds))[0]


async def test_mention_is_stored_with_its_thread_and_without_the_mention(desk):
    running = await desk.start(connect=True)

    said = await desk.driver.say("ana", "oncall", "@kubectl-ai kubectl get pods -l app.kubernetes.io/name=web && echo 'a<b'")

    message = await stored(desk, Message)
    assert message.text == "kubectl get pods -l app.kubernetes.io/name=web && echo 'a<b'"
    assert (message.user_id, message.channel_id, message.ts, message.thread_ts) == ("U01ANA", "C01ONCALL", said["ts"], said["ts"])
    assert message.is_mention
    assert not message.is_external
    await asyncio.wait_for(running.woken.wait(), 5)


async def test_direct_message_is_stored_as_direct(desk):
    await desk.start(connect=True)

    await desk.driver.say("ana", "dm", "why is the shop down?")

    message = await stored(desk, Message)
    assert message.is_direct
    assert message.text == "why is the shop down?"


async def test_event_is_not_acknowledged_before_it_is_stored(desk):
    desk.inbox.hold = asyncio.Event()
    await desk.start(connect=True, connections=1)

    await desk.driver.say("ana", "random", "@kubectl-ai hello")
    await wait_until(lambda: _count_puts(desk, 1))
    before = await desk.driver.ask("log")
    desk.inbox.hold.set()

    await stored(desk, Message)
    await wait_until(lambda: _is_settled(desk))
    assert before["pending"]
    assert not any(delivery["acknowledged"] for delivery in before["deliveries"])


async def _is_settled(desk) -> bool:
    return not (await desk.driver.ask("log"))["pending"]


async def _count_puts(desk, least: int) -> bool:
    return desk.inbox.puts >= least


async def test_event_that_could_not_be_stored_is_delivered_again_and_stored_once(desk):
    desk.inbox.refuse = True
    await desk.start(connect=True)

    await desk.driver.say("ana", "dm", "hello")
    await wait_until(lambda: _count_puts(desk, 2))
    desk.inbox.refuse = False

    await stored(desk, Message)
    await asyncio.sleep(0.5)
    assert len(desk.inbox.stored) == 1


async def test_events_of_a_killed_connection_arrive_at_the_next_one(desk):
    await desk.start(connect=True, connections=1)
    desk.inbox.hold = asyncio.Event()
    await desk.driver.say("ana", "dm", "do not lose me")
    await wait_until(lambda: _count_puts(desk, 1))

    await desk.driver.act("disconnect", reason="abort")
    desk.inbox.hold = None

    message = await stored(desk, Message)
    assert message.text == "do not lose me"


async def test_acknowledgements_lost_on_the_way_lead_to_one_row(desk):
    await desk.start(connect=True)
    await desk.driver.act("drop_acks", count=1)

    await desk.driver.say("ana", "dm", "twice told")

    await wait_until(lambda: _count_puts(desk, 2))
    assert len(desk.inbox.stored) == 1


async def test_slash_command_is_acknowledged_and_stored(desk):
    await desk.start(connect=True)

    is_acknowledged = await desk.driver.slash("ana", "oncall", "/kubectl-ai why is the shop down?")

    assert is_acknowledged
    command = await stored(desk, Command)
    assert (command.text, command.user_id, command.channel_id) == ("why is the shop down?", "U01ANA", "C01ONCALL")


async def test_slash_command_that_could_not_be_stored_is_answered_honestly(desk):
    desk.inbox.refuse = True
    await desk.start(connect=True)

    await desk.driver.slash("ana", "oncall", "/kubectl-ai status")

    told = await desk.driver.wait_for_ephemeral("ana", "nothing was done")
    assert "Try again" in told["text"]


async def test_button_becomes_a_click_with_change_and_digest(desk):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "please"))
    change = make_change(thread, digest="d1g3st")
    await running.surface.show_change(thread, change)
    card = await desk.driver.wait_for_message("oncall", "Change 42", thread.thread_ts)

    is_acknowledged = await desk.driver.click("ben", "oncall", card["ts"], "approve")

    assert is_acknowledged
    click = await stored(desk, Click)
    assert (click.action, click.change_id, click.digest, click.user_id) == ("approve", 42, "d1g3st", "U01BEN")
    assert (click.thread_ts, click.message_ts) == (thread.thread_ts, card["ts"])
    assert click.trigger_id


async def test_undo_on_a_done_card_becomes_a_click(desk):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "please"))
    deployment = {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3}}
    write = make_write(before=deployment, after={**deployment, "spec": {"replicas": 5}})
    decided = {"state": State.DONE, "decided_by": "U01BEN", "decided_at": time.time()}
    await running.surface.show_change(thread, make_change(thread, writes=(write,), sends=(Send(0, SendState.LANDED, "1", 200),), **decided))
    card = await desk.driver.wait_for_message("oncall", "undo until", thread.thread_ts)

    await desk.driver.click("ana", "oncall", card["ts"], "undo")

    click = await stored(desk, Click)
    assert (click.action, click.change_id, click.digest, click.user_id) == ("undo", 42, "abc123", "U01ANA")


async def test_click_that_could_not_be_stored_is_told_to_the_clicker(desk):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "please"))
    await running.surface.show_change(thread, make_change(thread))
    card = await desk.driver.wait_for_message("oncall", "Change 42", thread.thread_ts)
    desk.inbox.refuse = True

    await desk.driver.click("ben", "oncall", card["ts"], "approve")

    await desk.driver.wait_for_ephemeral("ben", "nothing was done")


@pytest.mark.parametrize("is_member", [True, False])
async def test_shortcut_that_could_not_be_stored_is_told_to_the_person(desk, is_member):
    await desk.start(connect=True)
    said = await desk.driver.say("ana", "random", "the shop is down")
    desk.inbox.refuse = True
    await desk.driver.act("channel", channel={"id": "C01RANDOM", "has_bot": is_member})

    used = await desk.driver.act("shortcut", channel="random", ts=said["ts"], callback_id=INVESTIGATE, **{"as": "ben"})

    assert used["acknowledged"]
    if is_member:
        await desk.driver.wait_for_ephemeral("ben", "nothing was done")
    else:
        await desk.driver.wait_for_message("D01BEN", "nothing was done")


async def test_details_open_as_a_modal_and_the_reason_comes_back(desk):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "please"))
    change = make_change(thread)
    await running.surface.show_change(thread, change)
    card = await desk.driver.wait_for_message("oncall", "Change 42", thread.thread_ts)

    await desk.driver.click("ben", "oncall", card["ts"], "details")
    click = await stored(desk, Click)
    await running.surface.show_details(click.trigger_id, change)
    details = await desk.driver.wait_for_view("ben", "Request 1 of 1")
    desk.inbox.stored.clear()
    await desk.driver.click("ben", "oncall", card["ts"], "deny")
    click = await stored(desk, Click)
    await running.surface.ask_reason(click.trigger_id, change)
    asked = await desk.driver.wait_for_view("ben", "Why?")
    outcome = await desk.driver.submit("ben", asked["id"], {"text": "not during the sale"})

    assert "PATCH /apis/apps/v1/namespaces/shop/deployments/web/scale" in str(details)
    assert outcome["outcome"] == "closed"
    reason = await stored(desk, Reason)
    assert (reason.change_id, reason.text, reason.user_id) == (42, "not during the sale", "U01BEN")


async def test_a_press_in_the_home_and_the_reason_it_leads_to(desk):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "please"))
    change = make_change(thread, expires_at=time.time() + 900)
    await running.surface.show_change(thread, change)
    card = await desk.driver.wait_for_message("oncall", "Change 42", thread.thread_ts)

    view = await show_home(desk, running, change)
    links = [element["url"] for block in view["blocks"] for element in block.get("elements", []) if "url" in element]
    await desk.driver.act("click", view_id=view["id"], action_id="deny", block_id="home-42", **{"as": "ben"})
    click = await stored(desk, Click)
    await running.surface.ask_reason(click.trigger_id, change, is_home=True)
    window = await desk.driver.wait_for_view("ben", "Why?")
    await desk.driver.submit("ben", window["id"], {"text": "no"})

    assert (click.is_home, click.action, click.change_id, click.digest, click.channel_id) == (True, "deny", 42, "abc123", "")
    assert (await stored(desk, Reason)).is_home
    ts = card["ts"].replace(".", "")
    assert links == [f"{desk.driver.base_url}/archives/C01ONCALL/p{ts}?thread_ts={thread.thread_ts}&cid=C01ONCALL"]


async def test_a_press_in_the_home_that_could_not_be_stored_is_told_in_direct_messages(desk):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "please"))
    view = await show_home(desk, running, make_change(thread, expires_at=time.time() + 900))
    desk.inbox.refuse = True

    await desk.driver.act("click", view_id=view["id"], action_id="details", block_id="home-42", **{"as": "ben"})

    await desk.driver.wait_for_message("D01BEN", "nothing was done")


async def show_home(desk, running, change) -> dict:
    """Ben's Home with this change in it."""
    await running.surface.show_home("U01BEN", Overview(time.time(), deciding=(change,)))
    return (await desk.driver.ask("state", **{"as": "ben"}))["home"]


async def test_submission_that_could_not_be_stored_keeps_the_modal_and_says_so(desk):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "please"))
    change = make_change(thread)
    await running.surface.show_change(thread, change)
    card = await desk.driver.wait_for_message("oncall", "Change 42", thread.thread_ts)
    await desk.driver.click("ben", "oncall", card["ts"], "deny")
    await running.surface.ask_reason((await stored(desk, Click)).trigger_id, change)
    view = await desk.driver.wait_for_view("ben", "Why?")
    desk.inbox.refuse = True

    outcome = await desk.driver.submit("ben", view["id"], {"text": "no"})

    assert outcome["outcome"] == "invalid"
    assert "nothing was done" in str(outcome["errors"])


async def test_what_people_say_is_in_no_log(desk, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "@kubectl-ai the launch code is 0000"))
    await stored(desk, Message)

    await running.surface.show_text(thread, "a", "the launch code is 0000")
    await running.connections.close()

    logged = caplog.text + capsys.readouterr().out
    assert "incoming_stored" in logged
    assert "launch code" not in logged


async def test_own_messages_are_acknowledged_and_ignored(desk):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "please"))
    await stored(desk, Message)

    await running.surface.show_text(thread, "a", "an answer that comes back as an event")
    await asyncio.sleep(0.7)

    assert len(desk.inbox.stored) == 1
    assert all(delivery["acknowledged"] for delivery in await desk.driver.deliveries())


async def test_people_of_shared_channels_are_marked_external(desk):
    await desk.start(connect=True)
    await desk.driver.act("channel", channel={"id": "C01RANDOM", "is_ext_shared": True})

    await desk.driver.say("ana", "random", "@kubectl-ai hello")

    assert (await stored(desk, Message)).is_external


async def test_refreshed_connections_lose_nothing(desk):
    await desk.start(connect=True)

    for number in range(5):
        await desk.driver.say("ana", "dm", f"message {number}")
        await desk.driver.act("disconnect", reason="refresh_requested")
        await desk.driver.say("ana", "dm", f"more {number}")

    await wait_until(lambda: _count_stored(desk, 10))
    assert len({value.text for value in desk.inbox.values}) == 10


async def _count_stored(desk, least: int) -> bool:
    return len(desk.inbox.stored) >= least


async def test_closing_acknowledges_what_is_being_stored(desk):
    desk.inbox.hold = asyncio.Event()
    running = await desk.start(connect=True)
    await desk.driver.say("ana", "dm", "almost")
    await wait_until(lambda: _count_puts(desk, 1))

    closing = asyncio.create_task(running.connections.close())
    await asyncio.sleep(0.05)
    desk.inbox.hold.set()
    await closing

    assert len(desk.inbox.stored) == 1
    assert (await desk.driver.ask("log"))["pending"] == []
