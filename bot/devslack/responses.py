"""Answers through a response URL: five uses, half an hour, to the person or the channel."""

from __future__ import annotations

import json

from aiohttp import web

from bot.devslack.arguments import is_true
from bot.devslack.blockkit.messages import check_content
from bot.devslack.composing import compose_app_message, compose_content
from bot.devslack.keys import SLACK
from bot.devslack.local_slack import LocalSlack
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.tickets import Grant
from bot.devslack.values import Json

STATUS = {"expired_url": 404, "used_url": 404, "invalid_url": 404}


async def handle_response_url(request: web.Request) -> web.Response:
    """POST /commands/response/{name} and /actions/response/{name}."""
    slack = request.app[SLACK]
    try:
        body = json.loads(await request.text())
    except ValueError:
        return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
    try:
        answer_person(slack, slack.response_urls.use(request.match_info["name"]), body)
    except ApiRefusalError as refusal:
        return web.json_response(refusal.answer, status=STATUS.get(refusal.error, 400))
    return web.Response(text="ok")


def answer_person(slack: LocalSlack, grant: Grant, body: Json) -> None:
    """Do what a response asks: delete or replace the message it is about, or say something new. Raises ApiRefusalError."""
    if is_true(body.get("delete_original")):
        _delete_original(slack, grant)
        return
    check_content(body)
    if is_true(body.get("replace_original")) and grant.message_ts:
        _replace_original(slack, grant, body)
        return
    channel = slack.channels[grant.channel]
    message = compose_app_message(slack, body, str(body.get("thread_ts") or grant.thread_ts))
    if body.get("response_type") == "in_channel":
        slack.post(channel, message)
    else:
        slack.ephemerals.show(grant.person, channel.id, message | {"is_ephemeral": True})


def _delete_original(slack: LocalSlack, grant: Grant) -> None:
    if grant.is_ephemeral:
        slack.ephemerals.remove(grant.person, grant.message_ts)
        return
    message = slack.messages.get(grant.channel, grant.message_ts)
    if message is None:
        raise ApiRefusalError("message_not_found")
    slack.remove(grant.channel, message)


def _replace_original(slack: LocalSlack, grant: Grant, body: Json) -> None:
    old = (
        slack.ephemerals.get(grant.person, grant.message_ts) if grant.is_ephemeral else slack.messages.get(grant.channel, grant.message_ts)
    )
    if old is None:
        raise ApiRefusalError("message_not_found")
    kept = {name: value for name, value in old.items() if name not in {"text", "blocks", "attachments"}}
    message = kept | compose_content(body)
    if grant.is_ephemeral:
        slack.ephemerals.show(grant.person, grant.channel, message)
    else:
        slack.replace(grant.channel, message | {"edited": {"user": slack.app.bot_user_id, "ts": slack.messages.next_ts()}})
