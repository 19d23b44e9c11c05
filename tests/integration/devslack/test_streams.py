"""Messages that grow while the app writes them, with the refusals that real Slack is known for."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError

from bot.devslack.config import Config
from tests.integration.devslack.shifted import ShiftedClock


async def refusal(call) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


async def test_a_stream_grows_and_ends_as_an_ordinary_message(slack, bolt):
    root = await slack.say("ana", "dm", "why?")
    place = {"channel": root["channel"]}

    started = await bolt.client.chat_startStream(**place, thread_ts=root["ts"], markdown_text="It is ")
    await bolt.client.chat_appendStream(**place, ts=started["ts"], markdown_text="the **probe**")
    refused = await refusal(bolt.client.chat_update(**place, ts=started["ts"], text="another"))
    await bolt.client.chat_stopStream(**place, ts=started["ts"], markdown_text=".")
    after = await refusal(bolt.client.chat_appendStream(**place, ts=started["ts"], markdown_text="?"))
    await bolt.client.chat_update(**place, ts=started["ts"], text="It is the probe, for certain.", blocks=[])

    message = (await slack.messages("D01ANA", root["ts"]))[-1]
    assert (refused, after) == ("cant_update_message", "message_not_in_streaming_state")
    assert (message["text"], message["streaming_state"]) == ("It is the probe, for certain.", "completed")


async def test_a_stream_ends_by_itself_after_its_time(start_slack, build_app):
    clock = ShiftedClock()
    slack = await start_slack(Config(clock=clock, sleep=clock.sleep))
    client = (await build_app(slack)).client
    root = await slack.say("ana", "dm", "why?")
    started = await client.chat_startStream(channel=root["channel"], thread_ts=root["ts"], markdown_text="It is")
    while clock.passed < 300:
        await clock.step()

    ended = await slack.wait_for_message("D01ANA", "completed", root["ts"])
    refused = await refusal(client.chat_appendStream(channel=root["channel"], ts=started["ts"], markdown_text=" late"))

    assert (ended["text"], clock.passed) == ("It is", 300)
    assert refused == "message_not_in_streaming_state"


async def test_a_stream_that_was_ended_or_deleted_is_not_ended_again_later(start_slack, build_app):
    clock = ShiftedClock()
    slack = await start_slack(Config(clock=clock, sleep=clock.sleep))
    client = (await build_app(slack)).client
    roots = [await slack.say("ana", "dm", text) for text in ("why?", "since when?")]
    place = {"channel": roots[0]["channel"]}
    gone, ended, last = [
        await client.chat_startStream(**place, thread_ts=root["ts"], markdown_text=text)
        for root, text in ((roots[0], "gone"), (roots[0], "ended"), (roots[1], "last"))
    ]
    await client.chat_delete(**place, ts=gone["ts"])
    await client.api_call("chat.stopStream", json=place | {"ts": ended["ts"], "session_status": "suspended"})

    while clock.passed < 300:
        await clock.step()
    await slack.wait_for_message("D01ANA", lambda message: message["ts"] == last["ts"] and "completed" in str(message), roots[1]["ts"])

    sessions = (await slack.ask("state", **{"as": "ana"}))["sessions"]
    assert {session["thread_ts"]: session["status"] for session in sessions} == {roots[0]["ts"]: "suspended", roots[1]["ts"]: "active"}
    assert [message["text"] for message in await slack.messages("D01ANA", roots[0]["ts"])] == ["why?", "ended"]


async def test_a_stream_is_a_reply_and_has_a_recipient_in_channels(slack, bolt):
    root = await slack.say("ana", "oncall", "why?")
    direct = await slack.say("ana", "dm", "why?")

    nobody = await refusal(bolt.client.api_call("chat.startStream", json={"channel": root["channel"], "thread_ts": root["ts"]}))
    nowhere = await refusal(bolt.client.api_call("chat.startStream", json={"channel": direct["channel"]}))
    long = await refusal(bolt.client.chat_startStream(channel=direct["channel"], thread_ts=direct["ts"], markdown_text="x" * 12_001))

    assert (nobody, nowhere, long) == ("missing_recipient_team_id", "invalid_thread_ts", "msg_too_long")
