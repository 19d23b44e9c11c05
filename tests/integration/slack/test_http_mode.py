"""HTTP mode: what Slack posts takes the same way as over a socket, and what Slack did not post takes none."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import logging
import socket
import time
from urllib.parse import urlencode

import aiohttp
import pytest
from pydantic import SecretStr

from bot.devslack.driver import wait_until
from bot.errors import ConfigError, SurfaceError
from bot.settings import SlackHttpSettings
from bot.slack.door.signin import sign_in
from bot.threads.inbound.incoming import Click, Command, Message, Reason
from tests.integration.slack.conftest import SIGNING_SECRET
from tests.unit.slack.rows import make_change, make_thread

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


async def stored(desk, kind: type):
    async def look():
        return [value for value in desk.inbox.values if isinstance(value, kind)]

    return (await wait_until(look))[0]


def make_event(text: str = "why is the shop down?") -> bytes:
    event = {"type": "message", "channel_type": "im", "channel": "D01ANA", "user": "U01ANA", "text": text, "ts": "1790000000.000100"}
    return json.dumps({"type": "event_callback", "team_id": "T01LOCAL", "event_id": "Ev01", "event": event}).encode()


def sign(body: bytes, at: float | None = None, secret: str = SIGNING_SECRET) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


async def post(running, body: bytes, headers: dict[str, str], content_type: str = JSON) -> tuple[int, str]:
    url = f"http://127.0.0.1:{running.connections.port}/slack/events"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers={"Content-Type": content_type, **headers}) as response,
    ):
        return response.status, await response.text()


async def test_event_command_click_and_submission_arrive(desk):
    running = await desk.start(connect=True, mode="http")
    thread = make_thread(await desk.driver.say("ana", "oncall", "@kubectl-ai why is the shop down?"))
    change = make_change(thread)
    await running.surface.show_change(thread, change)
    card = await desk.driver.wait_for_message("oncall", "Change 42", thread.thread_ts)

    is_command_acknowledged = await desk.driver.slash("ana", "oncall", "/kubectl-ai status")
    is_click_acknowledged = await desk.driver.click("ben", "oncall", card["ts"], "deny")
    await running.surface.ask_reason((await stored(desk, Click)).trigger_id, change)
    view = await desk.driver.wait_for_view("ben", "Why?")
    outcome = await desk.driver.submit("ben", view["id"], {"text": "not during the sale"})

    assert is_command_acknowledged
    assert is_click_acknowledged
    assert outcome["outcome"] == "closed"
    assert (await stored(desk, Message)).text == "why is the shop down?"
    assert (await stored(desk, Command)).text == "status"
    assert (await stored(desk, Reason)).text == "not during the sale"
    assert (await desk.driver.ask("log"))["connections"] == 0


async def test_nothing_is_acknowledged_before_it_is_stored(desk):
    desk.inbox.hold = asyncio.Event()
    await desk.start(connect=True, mode="http")

    await desk.driver.say("ana", "dm", "hello")
    await wait_until(lambda: _has_puts(desk, 1))
    before = await desk.driver.ask("log")
    desk.inbox.hold.set()

    await desk.driver.wait_until_settled()
    assert before["pending"]
    assert not any(delivery["acknowledged"] for delivery in before["deliveries"])
    assert len(desk.inbox.stored) == 1


async def _has_puts(desk, least: int) -> bool:
    return desk.inbox.puts >= least


async def test_event_that_could_not_be_stored_comes_again(desk):
    desk.inbox.refuse = True
    await desk.start(connect=True, mode="http")

    await desk.driver.say("ana", "dm", "hello")
    await wait_until(lambda: _has_puts(desk, 2))
    desk.inbox.refuse = False

    await desk.driver.wait_until_settled()
    assert len(desk.inbox.stored) == 1


async def test_answers_that_are_lost_lead_to_one_row(desk):
    await desk.start(connect=True, mode="http")
    await desk.driver.act("drop_acks", count=2)

    await desk.driver.say("ana", "dm", "hello")
    await desk.driver.wait_until_settled()

    assert [delivery["attempt"] for delivery in await desk.driver.deliveries()] == [0, 1, 2]
    assert len(desk.inbox.stored) == 1


async def test_the_same_request_sent_again_changes_nothing(desk):
    running = await desk.start(connect=True, mode="http")
    body = make_event()
    headers = sign(body)

    answers = [await post(running, body, headers) for _ in range(3)]

    assert [status for status, _ in answers] == [200, 200, 200]
    assert len(desk.inbox.stored) == 1


async def test_the_challenge_is_returned_to_slack_only(desk):
    running = await desk.start(connect=True, mode="http")
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB10FEMAGAZd4FyFQ", "token": "x"}).encode()

    status, answer = await post(running, body, sign(body))
    refused, nothing = await post(running, body, sign(body, secret="another secret altogether"))

    assert status == 200
    assert json.loads(answer) == {"challenge": "3eZbrw1aB10FEMAGAZd4FyFQ"}
    assert refused == 401
    assert "3eZbrw1aB10FEMAGAZd4FyFQ" not in nothing


@pytest.mark.parametrize("seconds", [-301, 600, -86_400])
async def test_a_signature_older_or_newer_than_five_minutes_is_refused(desk, seconds):
    running = await desk.start(connect=True, mode="http")
    body = make_event()

    status, _ = await post(running, body, sign(body, at=time.time() + seconds))

    assert status == 401
    assert desk.inbox.stored == {}


FORGERIES = {
    "none": lambda body: {},
    "no timestamp": lambda body: {"X-Slack-Signature": sign(body)["X-Slack-Signature"]},
    "no signature": lambda body: {"X-Slack-Request-Timestamp": sign(body)["X-Slack-Request-Timestamp"]},
    "another secret": lambda body: sign(body, secret="a secret that somebody guessed"),
    "another body": lambda body: sign(body + b" "),
    "later timestamp": lambda body: sign(body) | {"X-Slack-Request-Timestamp": str(int(time.time()) + 1)},
    "timestamp is no number": lambda body: sign(body) | {"X-Slack-Request-Timestamp": "now"},
    "timestamp is endless": lambda body: sign(body) | {"X-Slack-Request-Timestamp": "9" * 5_000},
    "empty signature": lambda body: sign(body) | {"X-Slack-Signature": ""},
    "signature is not ASCII": lambda body: sign(body) | {"X-Slack-Signature": "v0=ä"},
    "signature without version": lambda body: {name: value.removeprefix("v0=") for name, value in sign(body).items()},
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_slack_did_not_sign_is_refused(desk, forgery):
    running = await desk.start(connect=True, mode="http")
    body = make_event()

    status, _ = await post(running, body, FORGERIES[forgery](body))

    assert status == 401
    assert desk.inbox.puts == 0


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (urlencode({"payload": "{"}).encode(), FORM),
        (urlencode({"payload": "[1]"}).encode(), FORM),
        (b"", FORM),
        (b"&".join(b"a%d=1" % number for number in range(200)), FORM),
    ],
)
async def test_what_is_no_payload_is_refused_even_when_signed(desk, body, content_type):
    running = await desk.start(connect=True, mode="http")

    status, _ = await post(running, body, sign(body), content_type)

    assert status == 400
    assert desk.inbox.puts == 0


async def test_bytes_that_are_no_text_are_refused(desk):
    running = await desk.start(connect=True, mode="http")

    status, _ = await post(running, b"\xff\xfe", sign(b"\xff\xfe"), FORM)

    assert status == 401


async def test_a_body_larger_than_any_of_slacks_is_refused(desk):
    running = await desk.start(connect=True, mode="http")
    body = make_event("x" * 1_100_000)

    status, _ = await post(running, body, sign(body))

    assert status == 413
    assert desk.inbox.puts == 0


async def test_refused_requests_leave_no_words_in_the_log(desk, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    running = await desk.start(connect=True, mode="http")

    await post(running, make_event("the launch code is 0000"), {})

    logged = caplog.text + capsys.readouterr().out
    assert "request_refused" in logged
    assert "launch code" not in logged


async def test_closing_acknowledges_what_is_being_stored_and_refuses_the_rest(desk):
    desk.inbox.hold = asyncio.Event()
    running = await desk.start(connect=True, mode="http")
    await desk.driver.say("ana", "dm", "almost")
    await wait_until(lambda: _has_puts(desk, 1))

    closing = asyncio.create_task(running.connections.close())
    await asyncio.sleep(0)
    while_closing, _ = await post(running, make_event(), sign(make_event()))
    desk.inbox.hold.set()
    await closing

    await desk.driver.wait_until_settled()
    assert while_closing == 503
    assert len(desk.inbox.stored) == 1
    assert "not open" in running.connections.find_trouble()


async def test_an_address_that_is_taken_is_one_sentence(desk):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"127.0.0.1:{port} .*change slack.http"):
            await desk.start(connect=True, mode="http", http=SlackHttpSettings(port=port))


async def test_slack_does_not_deliver_where_nobody_returns_the_challenge(desk):
    with pytest.raises(SurfaceError, match="challenge"):
        await desk.driver.act("deliver", url="http://127.0.0.1:9/slack/events", signing_secret=SIGNING_SECRET)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"signing_secret": SecretStr("")}, "Set SLACK_SIGNING_SECRET for slack.mode http"),
        ({"signing_secret": SecretStr(" "), "bot_token": SecretStr("")}, "Set SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET"),
        ({"signing_secret": SecretStr("xapp-1-A01-2-abcdef0123456789")}, "not a token"),
        ({"signing_secret": SecretStr("short")}, "32 hexadecimal digits"),
        ({"bot_token": SecretStr("xoxp-1")}, "begins with xoxb-"),
    ],
)
async def test_wrong_secrets_are_one_sentence(desk, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        await sign_in(desk.settings(mode="http", **changes))


async def test_http_mode_needs_no_app_level_token(desk):
    signed_in = await sign_in(desk.settings(mode="http", app_token=SecretStr("")))

    assert signed_in.bot.user_id == "U01KUBECTL"
    await signed_in.close()
