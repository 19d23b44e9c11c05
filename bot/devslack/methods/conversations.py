"""conversations.*: what channels there are, who is in them, what was said."""

from __future__ import annotations

from bot.devslack.arguments import is_true, read_count, require
from bot.devslack.describe import describe_channel
from bot.devslack.methods.call import Call
from bot.devslack.methods.pages import cut_page
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Channel, Json

KINDS = {"public_channel", "private_channel", "im", "mpim"}


async def info(call: Call) -> Json:
    """conversations.info."""
    return {"ok": True, "channel": describe_channel(call.slack, call.channel())}


async def list_all(call: Call) -> Json:
    """conversations.list: by `types`, with cursors."""
    wanted = {kind.strip() for kind in (call.text("types") or "public_channel").split(",")}
    if wanted - KINDS:
        raise ApiRefusalError("invalid_types")
    channels = [channel for channel in call.slack.channels.values() if _kind(channel) in wanted]
    visible = [channel for channel in channels if not channel.is_private or channel.has_bot]
    page, metadata = cut_page(visible, call.text("cursor"), read_count(call.arguments, "limit", 100, 1000))
    return {
        "ok": True,
        "channels": [describe_channel(call.slack, channel) for channel in page],
        "response_metadata": metadata,
    }


async def members(call: Call) -> Json:
    """conversations.members: the bot is one of them."""
    channel = call.channel()
    ids = [channel.person] if channel.is_im else list(channel.members)
    if call.slack.has_bot(channel):
        ids.append(call.slack.app.bot_user_id)
    page, metadata = cut_page(ids, call.text("cursor"), read_count(call.arguments, "limit", 100, 1000))
    return {"ok": True, "members": page, "response_metadata": metadata}


async def open_dm(call: Call) -> Json:
    """conversations.open: the direct message with one person, by `users` or `channel`."""
    if call.text("channel"):
        channel = call.channel()
    else:
        users = require(call.arguments, "users", "not_enough_users").split(",")
        if len(users) > 1:
            raise ApiRefusalError("method_not_supported_for_channel_type")
        person = call.slack.people.get(users[0])
        if person is None:
            raise ApiRefusalError("user_not_found")
        channel = call.slack.open_dm(person)
    described = describe_channel(call.slack, channel) if is_true(call.arguments.get("return_im")) else {"id": channel.id}
    return {"ok": True, "channel": described}


async def history(call: Call) -> Json:
    """conversations.history: newest first, threads' replies left out."""
    channel = call.channel(must_be_in=True)
    messages = [message for message in call.slack.messages.list_top_level(channel.id) if _is_within(call, message)]
    page, metadata = cut_page(messages[::-1], call.text("cursor"), read_count(call.arguments, "limit", 100, 999))
    return _answer(call, page, metadata)


async def replies(call: Call) -> Json:
    """conversations.replies: the root, then its replies, oldest first. A reply's `ts` gives that message alone, as in Slack."""
    channel = call.channel(must_be_in=True)
    ts = require(call.arguments, "ts", "thread_not_found")
    if call.slack.messages.get(channel.id, ts) is None:
        raise ApiRefusalError("thread_not_found")
    messages = call.slack.messages.list_replies(channel.id, ts)
    found = [message for message in messages if message["ts"] == ts or _is_within(call, message)]
    page, metadata = cut_page(found, call.text("cursor"), read_count(call.arguments, "limit", 1000, 1000))
    return _answer(call, page, metadata)


def _answer(call: Call, messages: list[Json], metadata: Json) -> Json:
    if not is_true(call.arguments.get("include_all_metadata")):
        messages = [{name: value for name, value in message.items() if name != "metadata"} for message in messages]
    return {"ok": True, "messages": messages, "has_more": bool(metadata["next_cursor"]), "response_metadata": metadata}


def _is_within(call: Call, message: Json) -> bool:
    oldest, latest = call.text("oldest") or "0", call.text("latest")
    ts = str(message["ts"])
    if is_true(call.arguments.get("inclusive")):
        return _number(ts) >= _number(oldest) and (not latest or _number(ts) <= _number(latest))
    return _number(ts) > _number(oldest) and (not latest or _number(ts) < _number(latest))


def _number(ts: str) -> tuple[int, int]:
    """Time stamps compare as whole numbers: a float has too few digits for the microseconds."""
    seconds, _, micros = ts.partition(".")
    try:
        return int(seconds), int(micros.ljust(6, "0")[:6] or 0)
    except ValueError:
        raise ApiRefusalError("invalid_ts_oldest") from None


def _kind(channel: Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"
