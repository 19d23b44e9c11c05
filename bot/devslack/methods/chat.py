"""chat.*: posting, changing, deleting, whispering, and links to messages."""

from __future__ import annotations

from bot.devslack.arguments import is_true, require
from bot.devslack.blockkit.messages import check_content
from bot.devslack.composing import compose_app_message, compose_content
from bot.devslack.methods.call import Call
from bot.devslack.methods.streams import refuse_while_streaming
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Channel, Json

CONTENT = ("text", "blocks", "attachments", "metadata", "markdown_text")


async def post_message(call: Call) -> Json:
    """chat.postMessage: to a channel (id or name) or to a person's direct message."""
    channel = _find_destination(call)
    check_content(call.arguments)
    thread_ts = _find_thread(call, channel)
    message = compose_app_message(call.slack, call.arguments, thread_ts)
    if thread_ts and is_true(call.arguments.get("reply_broadcast")):
        message["subtype"] = "thread_broadcast"
    call.slack.post(channel, message)
    return {"ok": True, "channel": channel.id, "ts": message["ts"], "message": message}


async def update(call: Call) -> Json:
    """chat.update: changes one of the app's own messages. Ephemeral ones cannot be found.

    As Slack documents it, blocks, attachments and metadata that are not sent stay, and empty ones remove what was there:
    new text alone changes nothing that people see of a message with blocks.
    """
    channel, old = call.own_message("cant_update_message")
    refuse_while_streaming(call, channel, old["ts"])
    arguments = {name: value for name, value in call.arguments.items() if value is not None}
    sent = {name for name in CONTENT if name in arguments}
    if not sent:
        raise ApiRefusalError("no_text")
    check_content({name: old.get(name) for name in CONTENT if name not in sent} | arguments, is_update=True)
    replaced = sent | ({"text", "blocks"} if "markdown_text" in sent else set())
    kept = {name: value for name, value in old.items() if name not in replaced}
    edited = {"user": call.slack.app.bot_user_id, "ts": call.slack.messages.next_ts()}
    message = kept | compose_content(arguments) | {"edited": edited}
    if "text" not in sent and "markdown_text" not in sent:
        message["text"] = old["text"]
    call.slack.replace(channel.id, message)
    return {"ok": True, "channel": channel.id, "ts": message["ts"], "text": message["text"], "message": message}


async def delete(call: Call) -> Json:
    """chat.delete."""
    channel, message = call.own_message("cant_delete_message")
    call.slack.remove(channel.id, message)
    return {"ok": True, "channel": channel.id, "ts": message["ts"]}


async def post_ephemeral(call: Call) -> Json:
    """chat.postEphemeral: for one member of the channel, kept in no history."""
    channel = _find_destination(call)
    person = call.person()
    if not call.slack.may_see(person.id, channel.id):
        raise ApiRefusalError("user_not_in_channel")
    check_content(call.arguments)
    message = compose_app_message(call.slack, call.arguments, _find_thread(call, channel)) | {"is_ephemeral": True}
    call.slack.ephemerals.show(person.id, channel.id, message)
    return {"ok": True, "message_ts": message["ts"]}


async def get_permalink(call: Call) -> Json:
    """chat.getPermalink: the page opens these."""
    channel = call.channel()
    message = call.slack.messages.get(channel.id, require(call.arguments, "message_ts", "message_not_found"))
    if message is None:
        raise ApiRefusalError("message_not_found")
    link = f"{call.slack.base_url}/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    if message.get("thread_ts") not in {None, message["ts"]}:
        link += f"?thread_ts={message['thread_ts']}&cid={channel.id}"
    return {"ok": True, "channel": channel.id, "permalink": link}


def _find_destination(call: Call) -> Channel:
    name = require(call.arguments, "channel", "channel_not_found")
    person = call.slack.people.get(name)
    channel = call.slack.open_dm(person) if person else call.slack.find_channel(name)
    if channel is None or (channel.is_private and not call.slack.has_bot(channel)):
        raise ApiRefusalError("channel_not_found")
    if not call.slack.has_bot(channel):
        raise ApiRefusalError("not_in_channel")
    if channel.is_archived:
        raise ApiRefusalError("is_archived")
    return channel


def _find_thread(call: Call, channel: Channel) -> str:
    """The root's `ts`. A reply's `ts` is taken for its root, as Slack's clients do; an unknown one is refused."""
    thread_ts = call.text("thread_ts")
    if not thread_ts:
        return ""
    root = call.slack.messages.get(channel.id, thread_ts)
    if root is None:
        raise ApiRefusalError("thread_not_found")
    return str(root.get("thread_ts") or thread_ts)
