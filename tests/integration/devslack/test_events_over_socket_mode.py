"""Events as a real Bolt app receives them over Socket Mode."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.devslack.config import Config
from bot.devslack.driver import wait_until

QUICK = Config(ack_seconds=0.3, retry_delays_seconds=(0.0, 0.05, 0.1))


def collect(app) -> list[dict]:
    """Bodies of everything Bolt gets, before its listeners and its ack."""
    bodies: list[dict] = []

    @app.middleware
    async def keep(body, next):
        bodies.append(body)
        await next()

    @app.event("message")
    async def on_message():
        pass

    @app.event("app_mention")
    async def on_mention():
        pass

    @app.event("app_home_opened")
    async def on_home():
        pass

    return bodies


async def wait_for_count(items: list, count: int) -> None:
    async def look() -> bool:
        return len(items) >= count

    await wait_until(look)


async def test_a_mention_arrives_as_message_and_as_app_mention(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect()

    said = await slack.say("ana", "oncall", "@kubectl-ai why is the shop down?")
    await wait_for_count(bodies, 2)

    assert {body["event"]["type"] for body in bodies} == {"message", "app_mention"}
    assert {body["event"]["ts"] for body in bodies} == {said["ts"]}
    assert {body["event"]["text"] for body in bodies} == {"<@U01KUBECTL> why is the shop down?"}
    assert len({body["event_id"] for body in bodies}) == 2


async def test_a_direct_message_is_an_im_message_only(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect()

    await slack.say("ana", "dm", "@kubectl-ai hello")
    await wait_for_count(bodies, 1)
    log = await slack.ask("log")

    assert [(body["event"]["type"], body["event"]["channel_type"]) for body in bodies] == [("message", "im")]
    assert log["pending"] == []


async def test_a_thread_reply_names_its_root_and_the_roots_author(slack, bolt):
    bodies = collect(bolt.app)
    root = await slack.say("ana", "oncall", "the shop is down")
    await bolt.connect()
    await wait_for_count(bodies, 1)

    await slack.say("ben", "oncall", "looking", thread_ts=root["ts"])
    await wait_for_count(bodies, 2)

    assert bodies[1]["event"]["thread_ts"] == root["ts"]
    assert bodies[1]["event"]["parent_user_id"] == "U01ANA"


async def test_events_of_a_shared_channel_say_so(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect()
    await slack.act("channel", channel={"id": "C01ONCALL", "is_ext_shared": True})

    await slack.say("ana", "oncall", "hello")
    await wait_for_count(bodies, 1)

    assert bodies[0]["is_ext_shared_channel"] is True


async def test_a_channel_without_the_bot_is_silent_for_it(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect()
    await slack.act("channel", channel={"id": "C01RANDOM", "has_bot": False})

    await slack.say("ana", "random", "@kubectl-ai are you here?")
    await slack.say("ana", "oncall", "and here?")
    await wait_for_count(bodies, 1)

    assert [body["event"]["channel"] for body in bodies] == ["C01ONCALL"]


async def test_opening_the_apps_messages_is_an_event(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect()

    await slack.act("open_home", tab="messages", **{"as": "ana"})
    await wait_for_count(bodies, 1)

    assert (bodies[0]["event"]["type"], bodies[0]["event"]["tab"]) == ("app_home_opened", "messages")


async def test_each_envelope_goes_to_exactly_one_connection(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect(sockets=2)

    for number in range(6):
        await slack.say("ana", "oncall", f"message {number}")
    await wait_for_count(bodies, 6)
    deliveries = await slack.deliveries()

    assert len({body["event_id"] for body in bodies}) == 6
    assert len(bodies) == 6
    assert {delivery["connection"] for delivery in deliveries} == {1, 2}


async def test_an_event_whose_ack_is_lost_comes_again_with_its_id_on_another_connection(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect(sockets=2)
    await slack.act("drop_acks", count=2)

    await slack.say("ana", "oncall", "hello")
    await wait_for_count(bodies, 3)

    async def settled() -> bool:
        return not (await slack.ask("log"))["pending"]

    await wait_until(settled)
    deliveries = await slack.deliveries()
    assert {body["event_id"] for body in bodies} == {bodies[0]["event_id"]}
    assert [(each["attempt"], each["acknowledged"]) for each in deliveries] == [(0, False), (1, False), (2, True)]
    assert deliveries[0]["connection"] != deliveries[1]["connection"]


async def test_bolt_sees_the_retry_number(slack, bolt):
    numbers: list[str] = []

    @bolt.app.middleware
    async def keep(request, next):
        numbers.append(request.headers["x-slack-retry-num"][0])
        await next()

    @bolt.app.event("message")
    async def on_message():
        pass

    await bolt.connect()
    await slack.act("drop_acks", count=1)

    await slack.say("ana", "oncall", "hello")
    await wait_for_count(numbers, 2)

    assert numbers == ["0", "1"]


async def test_an_event_that_is_never_acknowledged_is_given_up_after_three_retries(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect()
    await slack.act("drop_acks", count=100)

    await slack.say("ana", "oncall", "hello")
    await wait_for_count(bodies, 4)

    async def settled() -> bool:
        return not (await slack.ask("log"))["pending"]

    await wait_until(settled)
    assert [each["attempt"] for each in await slack.deliveries()] == [0, 1, 2, 3]


async def test_a_middleware_that_raises_leaves_the_event_unacknowledged(slack, bolt):
    attempts: list[str] = []

    @bolt.app.middleware
    async def fail_once(body, next):
        attempts.append(body["event_id"])
        if len(attempts) == 1:
            raise RuntimeError("the store is down")
        await next()

    @bolt.app.event("message")
    async def on_message():
        pass

    await bolt.connect()

    await slack.say("ana", "oncall", "hello")
    await wait_for_count(attempts, 2)

    assert attempts[0] == attempts[1]


async def test_events_said_while_no_app_is_connected_wait_for_it(slack, bolt):
    bodies = collect(bolt.app)
    await slack.say("ana", "oncall", "is anybody there?")

    await bolt.connect()
    await wait_for_count(bodies, 1)

    assert bodies[0]["event"]["text"] == "is anybody there?"


async def test_events_without_a_connection_can_be_dropped_as_slack_does_by_default(start_slack, build_app):
    slack = await start_slack(replace(QUICK, keep_undelivered_events=False))
    bolt = await build_app(slack)
    bodies = collect(bolt.app)
    await slack.say("ana", "oncall", "lost")

    await bolt.connect()
    await slack.say("ana", "oncall", "heard")
    await wait_for_count(bodies, 1)

    assert [body["event"]["text"] for body in bodies] == ["heard"]


async def test_the_app_reconnects_when_it_is_asked_to_go(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect()

    await slack.act("disconnect", reason="refresh_requested")
    await slack.say("ana", "oncall", "after the refresh")
    await wait_for_count(bodies, 1)

    assert bodies[0]["event"]["text"] == "after the refresh"


async def test_an_event_sent_into_a_dying_socket_is_not_lost(slack, bolt):
    bodies = collect(bolt.app)
    await bolt.connect()

    await asyncio.gather(slack.act("disconnect", reason="abort"), slack.say("ana", "oncall", "said while the cable was cut"))
    await wait_for_count(bodies, 1)

    assert bodies[0]["event"]["text"] == "said while the cable was cut"


async def test_a_ticket_opens_one_connection(slack, bolt):
    answer = await bolt.client.apps_connections_open(app_token="xapp-local")

    async with bolt.client.session.ws_connect(answer["url"]) as socket:
        hello = await socket.receive_json()
        second = await bolt.client.session.get(answer["url"].replace("ws://", "http://"))

    assert (hello["type"], hello["num_connections"]) == ("hello", 1)
    assert second.status == 401


async def test_the_eleventh_connection_is_sent_away(slack, bolt):
    sockets = []
    for _ in range(11):
        answer = await bolt.client.apps_connections_open(app_token="xapp-local")
        sockets.append(await bolt.client.session.ws_connect(answer["url"]))

    first = [await socket.receive_json() for socket in sockets]

    assert [message["type"] for message in first] == ["hello"] * 10 + ["disconnect"]
    assert first[10]["reason"] == "too_many_websockets"
    for socket in sockets:
        await socket.close()


@pytest.mark.parametrize("channel", ["oncall", "dm"])
async def test_the_apps_own_posts_come_back_and_bolt_ignores_them(slack, bolt, channel):
    heard: list[dict] = []

    @bolt.app.event("message")
    async def on_message(event):
        heard.append(event)

    await bolt.connect()
    said = await slack.say("ana", channel, "hello")
    await bolt.client.chat_postMessage(channel=said["channel"], text="hello, Ana")
    await slack.say("ana", channel, "bye")
    await wait_for_count(heard, 2)

    async def settled() -> bool:
        return not (await slack.ask("log"))["pending"]

    await wait_until(settled)
    deliveries = [each for each in await slack.deliveries() if each["acknowledged"]]
    assert [event["text"] for event in heard] == ["hello", "bye"]
    assert len(deliveries) == 3
