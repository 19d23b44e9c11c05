"""Buttons, modals, commands, shortcuts and private messages, with a real Bolt app behind them."""

from __future__ import annotations

import asyncio

import pytest
from slack_sdk.errors import SlackApiError

from bot.devslack.config import Config
from bot.devslack.fixture import build_workspace
from bot.devslack.values import SLACKBOT
from bot.errors import SurfaceError


def button(action_id: str, text: str, **more) -> dict:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": text}, **more}


def card(text: str, *buttons: dict) -> list[dict]:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return [section, {"type": "actions", "block_id": "decide", "elements": list(buttons)}] if buttons else [section]


def modal(title: str, *blocks: dict, **more) -> dict:
    submit = {"submit": {"type": "plain_text", "text": "Send"}}
    return {"type": "modal", "title": {"type": "plain_text", "text": title}, "blocks": list(blocks)} | submit | more


REASON = {
    "type": "input",
    "block_id": "why",
    "label": {"type": "plain_text", "text": "Reason"},
    "element": {"type": "plain_text_input", "action_id": "reason"},
}


async def test_a_click_becomes_block_actions_and_the_app_updates_the_message(slack, bolt):
    seen: list[dict] = []

    @bolt.app.action("approve")
    async def on_approve(ack, body, client):
        await ack()
        seen.append(body)
        await client.chat_update(channel=body["channel"]["id"], ts=body["message"]["ts"], text="done", blocks=card("Approved"))

    await bolt.connect()
    posted = await bolt.client.chat_postMessage(
        channel="C01ONCALL", text="change", blocks=card("Scale web", button("approve", "Approve", value="42:abc"))
    )

    acknowledged = await slack.click("ben", "oncall", posted["ts"], "approve")
    updated = await slack.wait_for_message("oncall", "Approved")

    assert acknowledged
    assert updated["ts"] == posted["ts"]
    body = seen[0]
    assert body["user"]["id"] == "U01BEN"
    assert body["user"]["team_id"] == body["team"]["id"] == "T01LOCAL"
    assert body["container"] == {
        "type": "message",
        "message_ts": posted["ts"],
        "channel_id": "C01ONCALL",
        "is_ephemeral": False,
    }
    action = body["actions"][0]
    assert (action["action_id"], action["block_id"], action["value"]) == ("approve", "decide", "42:abc")
    assert action["action_ts"]
    assert body["trigger_id"]
    assert body["response_url"].startswith(slack.base_url)


async def test_a_press_that_was_begun_before_its_message_was_drawn_anew_counts(slack, bolt):
    pressed = []

    @bolt.app.action("stop")
    async def on_stop(ack, body):
        pressed.append(body["actions"][0]["value"])
        await ack()

    await bolt.connect()
    blocks = [{"type": "actions", "elements": [button("stop", "Stop", value="7")]}]
    posted = await bolt.client.chat_postMessage(channel="C01ONCALL", text="one", blocks=blocks)
    seen = (await slack.messages("oncall"))[0]["blocks"][0]["block_id"]
    await bolt.client.chat_update(channel="C01ONCALL", ts=posted["ts"], text="two", blocks=blocks)
    press = {"as": "ana", "channel": "oncall", "ts": posted["ts"], "action_id": "stop", "block_id": seen}

    await slack.act("click", value="7", **press)
    with pytest.raises(SurfaceError, match="There is no stop to press any more"):
        await slack.act("click", value="8", **press)

    assert pressed == ["7"]


async def test_a_button_that_is_gone_cannot_be_pressed(slack, bolt):
    posted = await bolt.client.chat_postMessage(channel="C01ONCALL", text="change", blocks=card("Done"))

    with pytest.raises(SurfaceError, match="the message has changed"):
        await slack.click("ben", "oncall", posted["ts"], "approve")


async def test_a_click_the_app_does_not_answer_in_time_is_not_sent_again(slack, bolt):
    calls: list[str] = []

    @bolt.app.action("approve")
    async def on_approve(ack, body):
        calls.append(body["trigger_id"])
        await asyncio.sleep(0.5)
        await ack()

    await bolt.connect()
    posted = await bolt.client.chat_postMessage(channel="C01ONCALL", text="change", blocks=card("Scale web", button("approve", "Approve")))

    acknowledged = await slack.click("ben", "oncall", posted["ts"], "approve")
    await slack.say("ben", "oncall", "hm")

    assert not acknowledged
    assert len(calls) == 1


async def test_a_modal_opens_from_a_click_and_its_submission_arrives(slack, bolt):
    submitted: list[dict] = []

    @bolt.app.action("deny")
    async def on_deny(ack, body, client):
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal("Deny", REASON, callback_id="deny_reason"))

    @bolt.app.view("deny_reason")
    async def on_reason(ack, view):
        submitted.append(view["state"]["values"])
        await ack()

    await bolt.connect()
    posted = await bolt.client.chat_postMessage(channel="C01ONCALL", text="change", blocks=card("Scale web", button("deny", "Deny…")))

    await slack.click("ben", "oncall", posted["ts"], "deny")
    view = await slack.wait_for_view("ben", "Reason")
    outcome = await slack.submit("ben", view["id"], {"reason": "not in the rush hour"})

    assert outcome["outcome"] == "closed"
    assert submitted == [{"why": {"reason": {"type": "plain_text_input", "value": "not in the rush hour"}}}]
    assert await slack.views("ben") == []
    assert await slack.views("ana") == []


async def test_an_empty_required_input_does_not_reach_the_app(slack, bolt):
    view = await open_modal(slack, bolt, modal("Deny", REASON))

    outcome = await slack.submit("ben", view["id"], {"reason": ""})

    assert outcome["outcome"] == "invalid"
    assert outcome["errors"] == {"why": "Please complete this required field."}


async def test_the_app_can_refuse_a_submission_with_errors(slack, bolt):
    @bolt.app.view("deny_reason")
    async def on_reason(ack):
        await ack(response_action="errors", errors={"why": "Say more."})

    view = await open_modal(slack, bolt, modal("Deny", REASON, callback_id="deny_reason"))

    outcome = await slack.submit("ben", view["id"], {"reason": "no"})

    assert (outcome["outcome"], outcome["errors"]) == ("invalid", {"why": "Say more."})
    assert len(await slack.views("ben")) == 1


async def test_the_app_can_answer_a_submission_with_another_view(slack, bolt):
    @bolt.app.view("first")
    async def on_first(ack):
        await ack(response_action="update", view=modal("Second", REASON))

    view = await open_modal(slack, bolt, modal("First", REASON, callback_id="first"))

    outcome = await slack.submit("ben", view["id"], {"reason": "go on"})
    after = await slack.wait_for_view("ben", "Second")

    assert outcome["outcome"] == "changed"
    assert after["id"] == view["id"]
    assert after["hash"] != view["hash"]


async def test_closing_a_modal_is_told_if_the_app_asked_for_it(slack, bolt):
    closed: list[dict] = []

    @bolt.app.view_closed("details")
    async def on_closed(ack, body):
        closed.append(body)
        await ack()

    view = await open_modal(slack, bolt, modal("Details", *card("all of it"), callback_id="details", notify_on_close=True))

    await slack.act("close_view", view_id=view["id"], **{"as": "ben"})

    assert closed[0]["is_cleared"] is False
    assert await slack.views("ben") == []


async def test_a_slash_command_answers_privately_in_its_ack(slack, bolt):
    commands: list[dict] = []

    @bolt.app.command("/kubectl-ai")
    async def on_command(ack, command):
        commands.append(command)
        await ack("looking into it")

    await bolt.connect()

    acknowledged = await slack.slash("ana", "oncall", "/kubectl-ai why is the shop down?")
    note = await slack.wait_for_ephemeral("ana", "looking into it")

    assert acknowledged
    assert note["user"] == "U01KUBECTL"
    assert (commands[0]["command"], commands[0]["text"]) == ("/kubectl-ai", "why is the shop down?")
    assert (commands[0]["channel_id"], commands[0]["channel_name"]) == ("C01ONCALL", "oncall")
    assert await slack.messages("oncall") == []


async def test_an_unanswered_slash_command_says_so_to_the_person(slack, bolt):
    await bolt.connect()

    acknowledged = await slack.slash("ana", "oncall", "/kubectl-ai hello")
    note = await slack.wait_for_ephemeral("ana", "operation_timeout")

    assert not acknowledged
    assert note["user"] == SLACKBOT


async def test_a_slash_command_without_any_app_fails_at_once(slack):
    await slack.slash("ana", "oncall", "/kubectl-ai hello")

    assert await slack.wait_for_ephemeral("ana", "dispatch_failed")


async def test_slash_commands_are_refused_in_threads(slack, bolt):
    await bolt.connect()
    root = await slack.say("ana", "oncall", "the shop is down")

    await slack.act("slash", channel="oncall", line="/kubectl-ai why", thread_ts=root["ts"], **{"as": "ana"})

    assert await slack.wait_for_ephemeral("ana", "/kubectl-ai is not supported in threads. Sorry!")
    assert [each for each in await slack.deliveries() if each["type"] == "slash_commands"] == []


async def test_a_response_url_works_five_times(slack, bolt):
    urls: list[str] = []

    @bolt.app.command("/kubectl-ai")
    async def on_command(ack, command):
        urls.append(command["response_url"])
        await ack()

    await bolt.connect()
    await slack.slash("ana", "oncall", "/kubectl-ai hello")

    codes = []
    for number in range(6):
        async with bolt.client.session.post(urls[0], json={"text": f"answer {number}"}) as response:
            codes.append(response.status)

    assert codes == [200] * 5 + [404]
    assert len(await slack.ephemerals("ana")) == 5


async def test_respond_replaces_a_private_message_that_update_cannot_find(slack, bolt):
    @bolt.app.action("retry")
    async def on_retry(ack, respond):
        await ack()
        await respond(text="Tried again.", replace_original=True)

    await bolt.connect()
    whisper = await bolt.client.chat_postEphemeral(
        channel="C01ONCALL", user="U01ANA", text="No.", blocks=card("Not allowed", button("retry", "Retry"))
    )

    with pytest.raises(SlackApiError, match="message_not_found"):
        await bolt.client.chat_update(channel="C01ONCALL", ts=whisper["message_ts"], text="x")
    await slack.click("ana", "oncall", whisper["message_ts"], "retry")
    replaced = await slack.wait_for_ephemeral("ana", "Tried again.")

    assert replaced["ts"] == whisper["message_ts"]
    assert len(await slack.ephemerals("ana")) == 1
    assert await slack.ephemerals("ben") == []


async def test_an_external_clicker_keeps_their_own_team(slack, bolt):
    bodies: list[dict] = []

    @bolt.app.action("approve")
    async def on_approve(ack, body):
        bodies.append(body)
        await ack()

    await bolt.connect()
    await slack.act("person", person={"id": "U09EVE", "handle": "eve", "real_name": "Eve Else", "team_id": "T09ELSE"})
    await slack.act("channel", channel={"id": "C01ONCALL", "members": ["U01ANA", "U09EVE"], "is_ext_shared": True})
    posted = await bolt.client.chat_postMessage(channel="C01ONCALL", text="change", blocks=card("Scale web", button("approve", "Approve")))

    await slack.click("eve", "oncall", posted["ts"], "approve")

    assert (bodies[0]["team"]["id"], bodies[0]["user"]["team_id"]) == ("T01LOCAL", "T09ELSE")


async def test_a_message_shortcut_carries_the_message(start_slack, build_app):
    shortcut = {"callback_id": "investigate", "name": "Investigate"}
    slack = await start_slack(Config(workspace=build_workspace({"app": {"shortcuts": [shortcut]}})))
    bolt = await build_app(slack)
    seen: list[dict] = []

    @bolt.app.message_shortcut("investigate")
    async def on_shortcut(ack, body):
        seen.append(body)
        await ack()

    @bolt.app.event("message")
    async def on_message():
        pass

    await bolt.connect()
    said = await slack.say("ana", "oncall", "PodCrashLooping shop/web")

    await slack.act("shortcut", channel="oncall", ts=said["ts"], callback_id="investigate", **{"as": "ben"})

    assert seen[0]["message"]["text"] == "PodCrashLooping shop/web"
    assert seen[0]["user"]["id"] == "U01BEN"


async def open_modal(slack, bolt, view: dict) -> dict:
    """Open a modal before Ben through a button, the only way there is."""

    @bolt.app.action("open")
    async def on_open(ack, body, client):
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    await bolt.connect()
    posted = await bolt.client.chat_postMessage(channel="C01ONCALL", text="x", blocks=card("x", button("open", "Open")))
    await slack.click("ben", "oncall", posted["ts"], "open")
    return await slack.wait_for_view("ben")
