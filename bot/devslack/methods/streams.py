"""chat.startStream, chat.appendStream, chat.stopStream: a message that grows while the app writes it.

A stream makes its thread a session that is `processing`; when it ends, that is `active` unless the app says otherwise. As users
found, Slack ends a stream by itself some five minutes after its start, and refuses what comes after that. People besides the
recipient see only the beginning until then; here everybody sees all of it.
"""

from __future__ import annotations

from bot.devslack import limits
from bot.devslack.arguments import require
from bot.devslack.blockkit.messages import check_content, name_blocks
from bot.devslack.composing import compose_app_message
from bot.devslack.methods.call import Call
from bot.devslack.methods.sessions import read_state
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Channel, Json

_NOT_STREAMING = "message_not_in_streaming_state"


async def start(call: Call) -> Json:
    """chat.startStream: always a reply, and outside of direct messages with a recipient."""
    channel = call.channel(must_be_in=True)
    root = call.slack.messages.get(channel.id, require(call.arguments, "thread_ts", "invalid_thread_ts"))
    if root is None:
        raise ApiRefusalError("invalid_thread_ts")
    if not channel.is_im:
        for name in ("recipient_team_id", "recipient_user_id"):
            require(call.arguments, name, f"missing_{name}")
    text = _read_text(call)
    message = compose_app_message(call.slack, {"markdown_text": text}, str(root.get("thread_ts") or root["ts"]))
    call.slack.streams.begin(channel.id, message["ts"])
    call.slack.sessions.begin(channel.id, message["thread_ts"], "processing")
    call.slack.post(channel, message | {"streaming_state": "in_progress"})
    return {"ok": True, "channel": channel.id, "ts": message["ts"]}


async def append(call: Call) -> Json:
    """chat.appendStream."""
    channel, message = _find(call)
    text = _read_text(call)
    if not text:
        raise ApiRefusalError("no_text")
    call.slack.replace(channel.id, _grow(message, text))
    return {"ok": True, "channel": channel.id, "ts": message["ts"]}


async def stop(call: Call) -> Json:
    """chat.stopStream: with last words, and blocks below them."""
    channel, message = _find(call)
    session = read_state(call, "session_status") if call.arguments.get("session_status") else "active"
    blocks = call.arguments.get("blocks")
    if blocks:
        check_content({"text": "…", "blocks": blocks})
    ended = _grow(message, _read_text(call)) | {"streaming_state": "completed"}
    if blocks:
        ended["blocks"] = [*ended.get("blocks", []), *name_blocks(blocks)]
    if call.arguments.get("metadata"):
        ended["metadata"] = call.arguments["metadata"]
    call.slack.streams.end(channel.id, message["ts"])
    call.slack.sessions.begin(channel.id, message["thread_ts"], session)
    call.slack.replace(channel.id, ended)
    return {"ok": True, "channel": channel.id, "ts": message["ts"], "message": ended}


def refuse_while_streaming(call: Call, channel: Channel, ts: str) -> None:
    """What is being streamed cannot be edited. Whether Slack is that strict is not documented; an app does well not to try."""
    if (channel.id, ts) in call.slack.streams:
        raise ApiRefusalError("cant_update_message")


def _find(call: Call) -> tuple[Channel, Json]:
    """The message that is being streamed."""
    channel, message = call.own_message(_NOT_STREAMING)
    if (channel.id, message["ts"]) not in call.slack.streams:
        raise ApiRefusalError(_NOT_STREAMING)
    return channel, message


def _read_text(call: Call) -> str:
    text = call.text("markdown_text")
    if len(text) > limits.MARKDOWN_TOTAL:
        raise ApiRefusalError("msg_too_long")
    return text


def _grow(message: Json, text: str) -> Json:
    if not text:
        return message
    whole = f"{message['text']}{text}"
    if len(whole) > limits.MESSAGE_TEXT:
        raise ApiRefusalError("msg_too_long")
    return message | {"text": whole, "blocks": name_blocks([{"type": "markdown", "text": whole}])}
