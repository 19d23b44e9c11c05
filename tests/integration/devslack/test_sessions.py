"""Agent sessions: what the app's threads are in the middle of, and the titles under which people find them again."""

from __future__ import annotations

import dataclasses

import pytest
from slack_sdk.errors import SlackApiError

from bot.devslack.config import Config
from bot.devslack.driver import Driver, wait_until
from bot.devslack.fixture import EVENTS, build_default_workspace
from bot.devslack.server import run_server
from tests.integration.devslack.shifted import ShiftedClock


async def refusal(call) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


async def sessions(slack, person: str = "ana") -> dict[str, tuple[str, str]]:
    """Status and title by the ts of the thread, as the person's page has them."""
    state = await slack.ask("state", **{"as": person})
    return {session["thread_ts"]: (session["status"], session["title"]) for session in state["sessions"]}


@pytest.fixture
async def place(slack) -> dict[str, str]:
    """Ana's question to the bot, as the methods name it."""
    root = await slack.say("ana", "dm", "why?")
    return {"channel_id": root["channel"], "thread_ts": root["ts"]}


async def test_a_title_counts_only_when_the_session_begins(slack, bolt, place):
    first = await bolt.client.agents_sessions_setStatus(**place, status="processing", title="Why is the shop down?")
    second = await bolt.client.agents_sessions_setStatus(**place, status="active", title="Another")

    assert {name: first[name] for name in ("status", "agent_status", "title")} == {
        "status": "processing",
        "agent_status": "processing",
        "title": "Why is the shop down?",
    }
    assert (second["status"], second["title"]) == ("active", "Why is the shop down?")
    assert await sessions(slack) == {place["thread_ts"]: ("active", "Why is the shop down?")}
    assert await sessions(slack, "ben") == {}


async def test_a_session_without_a_title_says_none_and_can_be_renamed(slack, bolt, place):
    begun = await bolt.client.agents_sessions_setStatus(**place, status="suspended")
    renamed = await bolt.client.agents_sessions_rename(**place, title="Shop")

    assert "title" not in begun.data
    assert renamed["title"] == "Shop"
    assert await sessions(slack) == {place["thread_ts"]: ("suspended", "Shop")}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"title": ""}, "invalid_arguments"),
        ({"title": " \n"}, "invalid_arguments"),
        ({"title": 7}, "invalid_arguments"),
        ({"title": "x" * 201}, "invalid_arguments"),
        ({"title": "🦊" * 101}, "invalid_arguments"),
        ({"title": None}, "invalid_arguments"),
        ({"channel_id": "D01NOBODY"}, "channel_not_found"),
        ({"thread_ts": ""}, "thread_ts_required"),
        ({"thread_ts": "1.000001"}, "invalid_thread_ts"),
        ({"title": "x" * 200}, "session_not_found"),
    ],
)
async def test_a_rename_that_does_not_fit_is_refused(slack, bolt, place, change, error):
    refused = await refusal(bolt.client.api_call("agents.sessions.rename", json=place | {"title": "Shop"} | change))

    assert refused == error
    assert await sessions(slack) == {}


@pytest.mark.parametrize("change", [{"status": "busy"}, {"title": "x" * 201}, {"title": ""}])
async def test_a_status_that_does_not_fit_begins_no_session(slack, bolt, place, change):
    refused = await refusal(bolt.client.api_call("agents.sessions.setStatus", json=place | {"status": "active"} | change))

    assert refused == "invalid_arguments"
    assert await sessions(slack) == {}


async def test_titles_need_the_scope_to_write(start_slack, build_app):
    workspace = build_default_workspace()
    app = dataclasses.replace(workspace.app, scopes=tuple(scope for scope in workspace.app.scopes if scope != "chat:write"))
    slack = await start_slack(Config(workspace=dataclasses.replace(workspace, app=app)))
    bolt, root = await build_app(slack), await slack.say("ana", "dm", "why?")

    assert await refusal(bolt.client.agents_sessions_rename(channel_id=root["channel"], thread_ts=root["ts"], title="Shop")) == (
        "missing_scope"
    )


async def test_a_stream_makes_its_thread_a_session_that_is_being_worked_on(slack, bolt, place):
    channel, thread_ts = place["channel_id"], place["thread_ts"]
    streams = [await bolt.client.chat_startStream(channel=channel, thread_ts=thread_ts, markdown_text="It is") for _ in range(2)]
    begun = await sessions(slack)

    await bolt.client.api_call("chat.stopStream", json={"channel": channel, "ts": streams[0]["ts"], "session_status": "suspended"})
    suspended = await sessions(slack)
    odd = await refusal(bolt.client.api_call("chat.stopStream", json={"channel": channel, "ts": streams[1]["ts"], "session_status": "x"}))
    await bolt.client.chat_stopStream(channel=channel, ts=streams[1]["ts"])

    assert (begun, suspended) == ({thread_ts: ("processing", "")}, {thread_ts: ("suspended", "")})
    assert odd == "invalid_arguments"
    assert await sessions(slack) == {thread_ts: ("active", "")}


async def test_a_stream_whose_time_is_over_leaves_the_session_active(start_slack, build_app):
    clock = ShiftedClock()
    slack = await start_slack(Config(clock=clock, sleep=clock.sleep))
    bolt, root = await build_app(slack), await slack.say("ana", "dm", "why?")
    await bolt.client.chat_startStream(channel=root["channel"], thread_ts=root["ts"], markdown_text="It is")
    while clock.passed < 300:
        await clock.step()

    await slack.wait_for_message("D01ANA", "completed", root["ts"])

    assert await sessions(slack) == {root["ts"]: ("active", "")}


async def test_an_app_that_listens_is_told_what_a_person_renamed(start_slack, build_app):
    workspace = build_default_workspace()
    app = dataclasses.replace(workspace.app, events=(*EVENTS, "agent_session_title_changed"))
    slack = await start_slack(Config(workspace=dataclasses.replace(workspace, app=app)))
    bolt, root = await build_app(slack), await slack.say("ana", "dm", "why?")
    heard: list[dict] = []

    @bolt.app.event("agent_session_title_changed")
    async def on_renamed(event):
        heard.append(event)

    await bolt.connect()
    place = {"channel": "dm", "thread_ts": root["ts"], "as": "ana"}
    unknown = await slack.act("rename-session", title="Shop", **place)
    await bolt.client.agents_sessions_setStatus(channel_id=root["channel"], thread_ts=root["ts"], status="active")
    for title in ("Shop", "Shop, again"):
        await slack.act("rename-session", title=title, **place)

    async def both() -> bool:
        return len(heard) == 2

    await wait_until(both)
    heard.sort(key=lambda event: event["event_ts"])
    assert unknown["renamed"] is False
    assert ["previous_title" in event for event in heard] == [False, True]
    assert (heard[1]["title"], heard[1]["previous_title"], heard[1]["user"]) == ("Shop, again", "Shop", "U01ANA")
    assert await sessions(slack) == {root["ts"]: ("active", "Shop, again")}


async def test_titles_survive_a_restart(tmp_path, build_app):
    config = Config(journal=tmp_path / "slack.jsonl")
    async with run_server(config) as url, Driver(url) as slack:
        bolt, root = await build_app(slack), await slack.say("ana", "dm", "why?")
        place = {"channel_id": root["channel"], "thread_ts": root["ts"]}
        await bolt.client.agents_sessions_setStatus(**place, status="processing", title="Why?")
        await bolt.client.agents_sessions_rename(**place, title="Shop")

    for _ in range(2):  # from what was written along the way, and from the journal that was rewritten of it
        async with run_server(config) as url, Driver(url) as slack:
            assert await sessions(slack) == {root["ts"]: ("processing", "Shop")}
