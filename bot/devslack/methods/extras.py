"""reactions.*, assistant.threads.setStatus, apps.connections.open."""

from __future__ import annotations

from typing import Any

from bot.devslack import limits
from bot.devslack.arguments import require
from bot.devslack.methods.call import Call
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Channel, Json


async def connections_open(call: Call) -> Json:
    """apps.connections.open: a URL that opens one socket, once."""
    host = call.slack.base_url.removeprefix("http://")
    return {
        "ok": True,
        "url": f"ws://{host}/link/?ticket={call.slack.sockets.issue_ticket()}&app_id={call.slack.app.id}",
    }


async def add_reaction(call: Call) -> Json:
    """reactions.add."""
    channel, message, name = _find_reaction(call)
    me = call.slack.app.bot_user_id
    reactions = {reaction["name"]: list(reaction["users"]) for reaction in message.get("reactions", [])}
    if me in reactions.get(name, []):
        raise ApiRefusalError("already_reacted")
    reactions.setdefault(name, []).append(me)
    _store(call, channel, message, reactions)
    return {"ok": True}


async def remove_reaction(call: Call) -> Json:
    """reactions.remove."""
    channel, message, name = _find_reaction(call)
    me = call.slack.app.bot_user_id
    reactions = {reaction["name"]: list(reaction["users"]) for reaction in message.get("reactions", [])}
    if me not in reactions.get(name, []):
        raise ApiRefusalError("no_reaction")
    reactions[name].remove(me)
    _store(call, channel, message, reactions)
    return {"ok": True}


async def set_status(call: Call) -> Json:
    """assistant.threads.setStatus: shown under the thread until the app posts there, or for two minutes."""
    channel = call.slack.channels.get(require(call.arguments, "channel_id", "channel_not_found"))
    if channel is None or not call.slack.has_bot(channel):
        raise ApiRefusalError("channel_not_found")
    thread_ts = require(call.arguments, "thread_ts", "invalid_thread_ts")
    if call.slack.messages.get(channel.id, thread_ts) is None:
        raise ApiRefusalError("invalid_thread_ts")
    status: Any = call.arguments.get("status")
    if not isinstance(status, str):
        raise ApiRefusalError("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: status"]})
    call.slack.set_status(channel.id, thread_ts, status)
    return {"ok": True}


async def set_suggested_prompts(call: Call) -> Json:
    """assistant.threads.setSuggestedPrompts: up to four questions that a person's direct messages offer."""
    channel = call.slack.channels.get(require(call.arguments, "channel_id", "channel_not_found"))
    if channel is None or not channel.is_im:
        raise ApiRefusalError("channel_not_found")
    prompts: Any = call.arguments.get("prompts")
    is_list = isinstance(prompts, list) and 0 < len(prompts) <= limits.SUGGESTED_PROMPTS
    if not is_list or not all(isinstance(item, dict) and item.get("title") and item.get("message") for item in prompts):
        complaint = f"[ERROR] prompts must be a list of one to {limits.SUGGESTED_PROMPTS} objects with title and message"
        raise ApiRefusalError("invalid_arguments", response_metadata={"messages": [complaint]})
    kept = [{"title": str(item["title"]), "message": str(item["message"])} for item in prompts]
    call.slack.suggest(channel, call.text("title"), kept)
    return {"ok": True}


def _find_reaction(call: Call) -> tuple[Channel, Json, str]:
    channel = call.channel(must_be_in=True)
    message = call.slack.messages.get(channel.id, require(call.arguments, "timestamp", "no_item_specified"))
    if message is None:
        raise ApiRefusalError("message_not_found")
    name = require(call.arguments, "name", "invalid_name").strip(":")
    return channel, message, name


def _store(call: Call, channel: Channel, message: Json, reactions: dict[str, list[str]]) -> None:
    kept = [{"name": name, "users": users, "count": len(users)} for name, users in reactions.items() if users]
    call.slack.replace(channel.id, message | {"reactions": kept})
