"""The Web API as the official client meets it: answers, refusals, limits, faults."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.devslack.config import Config
from bot.devslack.fixture import build_workspace


@pytest.fixture
def client(bolt) -> AsyncWebClient:
    return bolt.client


def section(text: str, **more) -> dict:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


async def refusal(call) -> SlackApiError:
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value


async def test_auth_test_names_the_bot_and_its_scopes(client):
    answer = await client.auth_test()

    assert (answer["user_id"], answer["bot_id"], answer["team_id"]) == ("U01KUBECTL", "B01KUBECTL", "T01LOCAL")
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        ("", "auth.test", "not_authed"),
        ("nonsense", "auth.test", "invalid_auth"),
        ("xapp-local", "auth.test", "not_allowed_token_type"),
        ("xoxb-local", "apps.connections.open", "not_allowed_token_type"),
        ("xoxb-local", "chat.teleport", "unknown_method"),
    ],
)
async def test_a_wrong_token_or_method_is_refused_with_slacks_code(slack, token, method, error):
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with session.post(f"{slack.api_url}{method}", headers=headers) as response:
            answer = await response.json()

    assert response.status == 200
    assert (answer["ok"], answer["error"]) == (False, error)


async def test_metadata_is_found_through_replies_when_asked_for(slack, client):
    root = await slack.say("ana", "oncall", "why?")
    metadata = {"event_type": "change_card", "event_payload": {"change": 42}}
    await client.chat_postMessage(channel=root["channel"], thread_ts=root["ts"], text="card", metadata=metadata)

    plain = await client.conversations_replies(channel=root["channel"], ts=root["ts"])
    full = await client.conversations_replies(channel=root["channel"], ts=root["ts"], include_all_metadata=True)

    assert "metadata" not in plain["messages"][1]
    assert full["messages"][1]["metadata"] == metadata


async def test_replies_begin_with_the_root_and_history_leaves_replies_out(slack, client):
    root = await slack.say("ana", "oncall", "why?")
    reply = await client.chat_postMessage(channel=root["channel"], thread_ts=root["ts"], text="because")
    other = await slack.say("ben", "oncall", "lunch?")

    replies = await client.conversations_replies(channel=root["channel"], ts=root["ts"])
    history = await client.conversations_history(channel=root["channel"])

    assert [message["ts"] for message in replies["messages"]] == [root["ts"], reply["ts"]]
    assert replies["messages"][0]["reply_count"] == 1
    assert [message["ts"] for message in history["messages"]] == [other["ts"], root["ts"]]


async def test_history_can_be_paged_and_bounded(slack, client):
    said = [await slack.say("ana", "oncall", f"message {number}") for number in range(5)]

    first = await client.conversations_history(channel="C01ONCALL", limit=2)
    second = await client.conversations_history(channel="C01ONCALL", limit=2, cursor=first["response_metadata"]["next_cursor"])
    since = await client.conversations_history(channel="C01ONCALL", oldest=said[2]["ts"])
    with_it = await client.conversations_history(channel="C01ONCALL", oldest=said[2]["ts"], inclusive=True)

    assert first["has_more"] is True
    assert [message["text"] for message in second["messages"]] == ["message 2", "message 1"]
    assert [message["text"] for message in since["messages"]] == ["message 4", "message 3"]
    assert len(with_it["messages"]) == 3


async def test_private_messages_are_in_no_history(slack, client):
    await client.chat_postEphemeral(channel="C01ONCALL", user="U01ANA", text="only you")

    history = await client.conversations_history(channel="C01ONCALL")

    assert history["messages"] == []
    assert [entry["message"]["text"] for entry in await slack.ephemerals("ana")] == ["only you"]
    assert await slack.ephemerals("ben") == []


async def test_a_message_to_a_person_goes_to_their_direct_message(slack, client):
    opened = await client.conversations_open(users=["U01ANA"])

    posted = await client.chat_postMessage(channel="U01ANA", text="hello")

    assert posted["channel"] == opened["channel"]["id"] == "D01ANA"


async def test_the_app_changes_and_deletes_only_its_own_messages(slack, client):
    said = await slack.say("ana", "oncall", "mine")
    posted = await client.chat_postMessage(channel="C01ONCALL", text="ours")

    change = await refusal(client.chat_update(channel="C01ONCALL", ts=said["ts"], text="x"))
    delete = await refusal(client.chat_delete(channel="C01ONCALL", ts=said["ts"]))
    await client.chat_delete(channel="C01ONCALL", ts=posted["ts"])

    assert change.response["error"] == "cant_update_message"
    assert delete.response["error"] == "cant_delete_message"
    assert [message["ts"] for message in await slack.messages("oncall")] == [said["ts"]]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "blocks": [section("x" * 3_001)]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("x")] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("x", block_id="a"), section("y", block_id="a")]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "hologram"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("x" * 2_900)] * 5}, "msg_blocks_too_long"),
        ({"text": "x", "blocks": [{"type": "markdown", "text": "x" * 6_500}] * 2}, "msg_blocks_too_long"),
        ({"text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_format"),
        ({"text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"text": "x", "channel": "C09NOWHERE"}, "channel_not_found"),
    ],
)
async def test_what_slack_would_refuse_is_refused(client, arguments, error):
    caught = await refusal(client.api_call("chat.postMessage", json={"channel": "C01ONCALL"} | arguments))

    assert caught.response["error"] == error


async def test_invalid_blocks_say_what_is_wrong_and_where(client):
    blocks = [section("fine"), section("x" * 3_001)]

    caught = await refusal(client.chat_postMessage(channel="C01ONCALL", text="x", blocks=blocks))

    assert caught.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"
    ]


async def test_an_update_takes_far_less_text_than_a_post(client):
    posted = await client.chat_postMessage(channel="C01ONCALL", text="x" * 5_000)

    caught = await refusal(client.chat_update(channel="C01ONCALL", ts=posted["ts"], text="x" * 5_000))

    assert caught.response["error"] == "msg_too_long"


async def test_an_update_keeps_what_it_does_not_send_and_removes_what_it_sends_empty(slack, client):
    metadata = {"event_type": "change_card", "event_payload": {"change": 42}}
    posted = await client.chat_postMessage(channel="C01ONCALL", text="x", blocks=[section("x")], metadata=metadata)

    await client.chat_update(channel="C01ONCALL", ts=posted["ts"], text="y")
    kept = (await slack.messages("oncall"))[0]
    await client.chat_update(channel="C01ONCALL", ts=posted["ts"], text="z", blocks=[])
    removed = (await slack.messages("oncall"))[0]

    assert (kept["text"], kept["blocks"][0]["text"]["text"], kept["metadata"]) == ("y", "x", metadata)
    assert removed["text"] == "z"
    assert "blocks" not in removed
    assert removed["metadata"] == metadata


async def test_a_modal_needs_a_known_trigger(client):
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Hello"}, "blocks": []}

    caught = await refusal(client.views_open(trigger_id="made.up", view=view))

    assert caught.response["error"] == "invalid_trigger_id"


async def test_roles_and_the_user_group_are_visible(client):
    guest = await client.users_info(user="U01GIL")
    member = await client.users_info(user="U01ANA")
    groups = await client.usergroups_list(include_users=True)
    users = await client.usergroups_users_list(usergroup="S01ONCALL")

    assert guest["user"]["is_restricted"] is True
    assert member["user"]["is_restricted"] is False
    assert [group["handle"] for group in groups["usergroups"]] == ["oncall"]
    assert users["users"] == ["U01ANA", "U01BEN"]


async def test_reactions_tolerate_no_repetition(slack, client):
    said = await slack.say("ana", "oncall", "look")
    where = {"channel": "C01ONCALL", "timestamp": said["ts"], "name": "eyes"}

    await client.reactions_add(**where)
    again = await refusal(client.reactions_add(**where))
    shown = (await slack.messages("oncall"))[0]["reactions"]
    await client.reactions_remove(**where)
    gone = await refusal(client.reactions_remove(**where))

    assert again.response["error"] == "already_reacted"
    assert shown == [{"name": "eyes", "users": ["U01KUBECTL"], "count": 1}]
    assert gone.response["error"] == "no_reaction"


async def test_a_file_is_uploaded_in_three_steps_and_read_back_with_the_token(slack, client):
    root = await slack.say("ana", "oncall", "show me the log")

    answer = await client.files_upload_v2(
        channel="C01ONCALL", thread_ts=root["ts"], filename="web.log", content="line one\n", initial_comment="The log"
    )
    info = await client.files_info(file=answer["file"]["id"])
    shared = await slack.wait_for_message("oncall", "web.log", thread_ts=root["ts"])
    headers = {"Authorization": f"Bearer {client.token}"}
    async with client.session.get(info["file"]["url_private"], headers=headers) as response:
        content = await response.text()

    assert shared["text"] == "The log"
    assert content == "line one\n"


async def test_form_bodies_with_encoded_blocks_are_understood(slack):
    form = {"channel": "C01ONCALL", "text": "x", "blocks": '[{"type":"divider"}]'}
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer xoxb-local"}) as session,
        session.post(f"{slack.api_url}chat.postMessage", data=form) as response,
    ):
        answer = await response.json()

    assert answer["message"]["blocks"][0]["type"] == "divider"
    assert answer["message"]["blocks"][0]["block_id"]


async def test_a_planned_rate_limit_answers_429_once(slack, client):
    await slack.act("fault", method="chat.postMessage", kind="ratelimited", retry_after=7)

    caught = await refusal(client.chat_postMessage(channel="C01ONCALL", text="one"))
    second = await client.chat_postMessage(channel="C01ONCALL", text="two")

    assert caught.response.status_code == 429
    assert caught.response.headers["Retry-After"] == "7"
    assert second["ok"]


async def test_a_connection_closed_after_the_effect_makes_the_default_client_post_twice(slack):
    client = AsyncWebClient(token="xoxb-local", base_url=slack.api_url)
    await slack.act("fault", method="chat.postMessage", kind="close_after")

    await client.chat_postMessage(channel="C01ONCALL", text="hello")

    assert [message["text"] for message in await slack.messages("oncall")] == ["hello", "hello"]
    assert len(await slack.requests("chat.postMessage")) == 2


async def test_a_missing_scope_is_named(start_slack, build_app):
    slack = await start_slack(Config(workspace=build_workspace({"app": {"scopes": ["users:read"]}})))
    client = (await build_app(slack)).client

    caught = await refusal(client.chat_postMessage(channel="C01ONCALL", text="x"))

    assert (caught.response["error"], caught.response["needed"]) == ("missing_scope", "chat:write")


async def test_a_permalink_leads_to_the_thread_on_the_page(slack, client):
    root = await slack.say("ana", "oncall", "why?")
    reply = await client.chat_postMessage(channel="C01ONCALL", thread_ts=root["ts"], text="because")

    link = (await client.chat_getPermalink(channel="C01ONCALL", message_ts=reply["ts"]))["permalink"]
    async with client.session.get(link, allow_redirects=False) as response:
        location = response.headers["Location"]

    assert location == f"/#C01ONCALL/{root['ts']}"
