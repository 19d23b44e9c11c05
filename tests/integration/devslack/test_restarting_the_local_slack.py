"""The journal: a local Slack that is started again has the same conversation and still delivers what it owes."""

from __future__ import annotations

from bot.devslack.config import Config
from bot.devslack.driver import Driver, wait_until
from bot.devslack.server import run_server


async def test_messages_reads_and_files_survive_a_restart(tmp_path, build_app):
    config = Config(journal=tmp_path / "slack.jsonl")
    async with run_server(config) as url, Driver(url) as slack:
        bolt = await build_app(slack)
        root = await slack.say("ana", "oncall", "why?")
        posted = await bolt.client.chat_postMessage(channel="C01ONCALL", thread_ts=root["ts"], text="looking")
        await bolt.client.chat_update(channel="C01ONCALL", ts=posted["ts"], text="found it")
        gone = await bolt.client.chat_postMessage(channel="C01ONCALL", text="oops")
        await bolt.client.chat_delete(channel="C01ONCALL", ts=gone["ts"])
        before = await slack.messages("oncall", root["ts"])

    async with run_server(config) as url, Driver(url) as slack:
        after = await slack.messages("oncall", root["ts"])
        channel = await slack.messages("oncall")
        later = await slack.say("ben", "oncall", "good")

    assert after == before
    assert after[1]["text"] == "found it"
    assert [message["ts"] for message in channel] == [root["ts"]]
    assert later["ts"] > posted["ts"]


async def test_an_event_nobody_acknowledged_is_delivered_after_a_restart(tmp_path, build_app):
    config = Config(journal=tmp_path / "slack.jsonl")
    async with run_server(config) as url, Driver(url) as slack:
        await slack.say("ana", "oncall", "anybody?")

    heard: list[str] = []
    async with run_server(config) as url, Driver(url) as slack:
        bolt = await build_app(slack)

        @bolt.app.event("message")
        async def on_message(event):
            heard.append(event["text"])

        await bolt.connect()

        async def settled() -> bool:
            return not (await slack.ask("log"))["pending"]

        await wait_until(settled)
        await bolt.close()

    assert heard == ["anybody?"]


async def test_a_record_cut_short_by_a_crash_is_left_out(tmp_path):
    path = tmp_path / "slack.jsonl"
    async with run_server(Config(journal=path)) as url, Driver(url) as slack:
        await slack.say("ana", "oncall", "whole")
    with path.open("a") as file:
        file.write('{"op":"message","channel":"C01ONC')

    async with run_server(Config(journal=path)) as url, Driver(url) as slack:
        messages = await slack.messages("oncall")

    assert [message["text"] for message in messages] == ["whole"]
