"""Finding a message of ours again, by the key in its metadata: what tells a lost post from a lost answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.slack import limits
from bot.slack.parse import Bot
from bot.slack.text import is_user_id
from bot.slack.web import Refused, WebApi, refused

EVENT_TYPE = "kubectl_ai"


@dataclass(frozen=True, slots=True)
class Found:
    """Where a message is."""

    channel: str
    ts: str


def make_metadata(key: str) -> dict[str, Any]:
    """What every message of ours carries."""
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}}


async def find_message(web: WebApi, bot: Bot, channel: str, thread_ts: str, key: str, *, file_name: str = "") -> Found | None:
    """Our message with this key, or with a file of this name (messages of files carry no metadata), in the thread (or, without one,
    among the channel's latest). `channel` may be a person: then it is looked for in their direct messages.
    Raises SurfaceUnavailableError if Slack cannot be asked: then nobody knows, and nothing may be posted."""
    if is_user_id(channel) and not (channel := await _find_direct(web, channel)):
        return None
    method = "conversations.replies" if thread_ts else "conversations.history"
    arguments: dict[str, Any] = {"channel": channel, "include_all_metadata": True, "limit": limits.HISTORY_PAGE}
    if thread_ts:
        arguments["ts"] = thread_ts
    for _ in range(limits.HISTORY_PAGES if thread_ts else 2):
        reply = await web.ask(method, arguments)
        if isinstance(reply, Refused):
            if reply.error == "thread_not_found":
                return None
            raise refused(method, reply)
        for message in reply.data.get("messages") or []:
            if _is_ours(message, bot) and (_key_of(message) == key or (file_name and file_name in _files_of(message))):
                return Found(channel, str(message["ts"]))
        cursor = (reply.data.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            break
        arguments["cursor"] = cursor
    return None


async def _find_direct(web: WebApi, user_id: str) -> str:
    """The id of a person's direct messages with the bot: a post names only the person. '' if there are none."""
    method = "conversations.list"
    arguments: dict[str, Any] = {"types": "im", "limit": limits.HISTORY_PAGE}
    while True:
        reply = await web.ask(method, arguments)
        if isinstance(reply, Refused):
            raise refused(method, reply)
        for channel in reply.data.get("channels") or []:
            if channel.get("user") == user_id:
                return str(channel["id"])
        cursor = (reply.data.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return ""
        arguments["cursor"] = cursor


def _is_ours(message: Mapping[str, Any], bot: Bot) -> bool:
    return message.get("bot_id") == bot.bot_id or message.get("user") == bot.user_id


def _files_of(message: Mapping[str, Any]) -> set[object]:
    return {file.get("name") for file in message.get("files") or [] if isinstance(file, dict)}


def _key_of(message: Mapping[str, Any]) -> object:
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    return payload.get("key") if isinstance(payload, dict) else None
