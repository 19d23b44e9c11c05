"""What Slack does on a bad day, on demand: limits, dead connections, lost bytes; and looking at the wire."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bot.devslack.config import Config
from bot.devslack.driver import wait_until
from bot.errors import SurfaceError
from tests.integration.devslack.shifted import ShiftedClock


async def test_rates_are_enforced_when_they_are_turned_on(slack, bolt):
    await slack.act("rates", enforced=True)
    await bolt.client.chat_postMessage(channel="C01ONCALL", text="one")

    with pytest.raises(SlackApiError) as raised:
        await bolt.client.chat_postMessage(channel="C01ONCALL", text="two, at once")

    assert raised.value.response.status_code == 429
    assert raised.value.response.headers["Retry-After"] == "1"
    assert raised.value.response["error"] == "ratelimited"
    assert [message["text"] for message in await slack.messages("oncall")] == ["one"]


async def test_rates_can_be_turned_off_again(slack, bolt):
    await slack.act("rates", enforced=True)
    await slack.act("rates", enforced=False)

    for number in range(3):
        await bolt.client.chat_postMessage(channel="C01ONCALL", text=str(number))

    assert len(await slack.messages("oncall")) == 3


async def open_socket(bolt, stack_of_one: list) -> aiohttp.ClientWebSocketResponse:
    answer = await bolt.client.apps_connections_open(app_token="xapp-local")
    socket = await bolt.client.session.ws_connect(answer["url"], autoping=False)
    stack_of_one.append(socket)
    assert (await socket.receive_json())["type"] == "hello"
    return socket


async def test_a_half_open_socket_answers_no_ping_and_delivers_nothing(slack, bolt):
    opened: list = []
    socket = await open_socket(bolt, opened)
    await socket.ping(b"are you there")
    pong = await socket.receive()

    await slack.act("disconnect", reason="half_open")
    await socket.ping(b"and now")
    await slack.say("ana", "oncall", "hello?")

    assert pong.type is aiohttp.WSMsgType.PONG
    with pytest.raises(TimeoutError):
        await socket.receive(timeout=0.2)
    assert not socket.closed
    await slack.act("disconnect", reason="abort")
    await socket.close()


async def test_one_of_several_connections_can_be_ended(slack, bolt):
    opened: list = []
    first, second = await open_socket(bolt, opened), await open_socket(bolt, opened)

    answer = await slack.act("disconnect", reason="warning", connection=2)

    message = await second.receive_json()
    assert answer["disconnected"] == 1
    assert (message["type"], message["reason"]) == ("disconnect", "warning")
    with pytest.raises(TimeoutError):
        await first.receive(timeout=0.2)
    for socket in opened:
        await socket.close()


async def test_a_way_to_end_sockets_that_slack_does_not_have_is_refused(slack):
    with pytest.raises(SurfaceError, match="half_open"):
        await slack.act("disconnect", reason="earthquake")


async def test_bytes_of_a_file_can_be_lost_before_and_after_they_arrived(slack, bolt):
    place = await bolt.client.files_getUploadURLExternal(filename="a.txt", length=3)
    for kind in ("close_before", "close_after"):
        await slack.act("fault", method="files.upload", kind=kind)
        with pytest.raises(aiohttp.ClientError):
            async with bolt.client.session.post(place["upload_url"], data=b"abc") as response:
                await response.read()

    shared = await bolt.client.files_completeUploadExternal(files=[{"id": place["file_id"]}], channel_id="C01ONCALL")

    assert shared["files"][0]["size"] == 3


async def test_everything_on_the_wire_can_be_read_but_no_token(slack, bolt):
    @bolt.app.event("message")
    async def on_message():
        pass

    await bolt.connect()
    await slack.say("ana", "oncall", "hello")
    await slack.wait_until_settled()
    await bolt.client.chat_postMessage(channel="C01ONCALL", text="hello, Ana")
    await slack.act("fault", method="chat.postMessage", kind="status")
    with pytest.raises(SlackApiError):
        await bolt.client.chat_postMessage(channel="C01ONCALL", text="never")

    traffic = await slack.traffic()
    later = await slack.traffic(after=traffic[-1]["number"])
    seen = {(entry["way"], entry["line"], entry["name"]) for entry in traffic}
    assert {
        ("to app", "socket 1", "hello"),
        ("to app", "socket 1", "events_api"),
        ("from app", "socket 1", "ack"),
        ("from app", "web api", "chat.postMessage"),
        ("to app", "web api", "chat.postMessage"),
    } <= seen
    assert any(entry["status"] == "meets status" for entry in traffic)
    assert [entry["number"] for entry in traffic] == list(range(1, len(traffic) + 1))
    assert "xoxb-" not in str(traffic)
    assert "xapp-" not in str(traffic)
    assert later == []


async def test_many_messages_can_be_said_at_a_pace(slack):
    answer = await slack.act("say_many", channel="oncall", text="event", count=5, per_second=50, **{"as": "ana"})

    assert [message["text"] for message in await slack.messages("oncall")] == [f"event {number}" for number in range(5)]
    assert answer["seconds"] >= 4 / 50


async def test_the_inspector_is_a_page_of_its_own(slack, bolt):
    async with bolt.client.session.get(f"{slack.base_url}/traffic") as response:
        page = await response.text()

        assert response.status == 200
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert "/static/js/traffic.js" in page


async def test_an_event_is_delivered_again_at_once_after_a_minute_and_after_five(start_slack, build_app):
    clock = ShiftedClock()
    slack = await start_slack(Config(clock=clock, sleep=clock.sleep))
    bolt = await build_app(slack)
    seen: list[tuple[str, float]] = []

    @bolt.app.middleware
    async def refuse(request, next):
        seen.append((request.headers["x-slack-retry-num"][0], clock.passed))
        raise RuntimeError("nothing is acknowledged")

    await bolt.connect()

    await slack.say("ana", "oncall", "hello")
    for attempt, steps in enumerate((1, 2, 2, 1)):  # the deadline, and the pause before the later retries
        await wait_until(lambda least=attempt + 1: _has(seen, least))
        for _ in range(steps):
            await clock.step()

    await slack.wait_until_settled()
    assert seen == [("0", 0), ("1", 3), ("2", 66), ("3", 369)]


async def _has(items: list, least: int) -> bool:
    return len(items) >= least
