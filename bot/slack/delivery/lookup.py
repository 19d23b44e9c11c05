"""Finding a message of ours again, by the key in its metadata: what tells a lost post from a lost answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.slack import limits
from bot.slack.door.web import Refused, WebApi, refused
from bot.slack.parse import Bot
from bot.slack.rendering.text import is_user_id

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

    def matches(message: Mapping[str, Any]) -> bool:
        return _key_of(message) == key or bool(file_name and file_name in _files_of(message))

    return await _search(web, bot, channel, thread_ts, matches)


async def find_stray(web: WebApi, bot: Bot, channel: str, thread_ts: str, *, oldest: str, mark: str) -> Found | None:
    """Our message in the thread that is not older than `oldest`, has these words (`mark_words` of them) and belongs to nothing: streams
    begin without metadata. Raises as `find_message` does."""

    def matches(message: Mapping[str, Any]) -> bool:
        return _key_of(message) is None and not _files_of(message) and mark_words(str(message.get("text") or "")) == mark

    return await _search(web, bot, channel, thread_ts, matches, oldest=oldest)


def mark_words(text: str) -> str:
    """Equal for equal words, whatever Slack makes of the markup between them."""
    return hashlib.sha256("".join(filter(str.isalnum, text)).encode()).hexdigest()[:32]


async def _search(
    web: WebApi, bot: Bot, channel: str, thread_ts: str, matches: Callable[[Mapping[str, Any]], bool], *, oldest: str = ""
) -> Found | None:
    method = "conversations.replies" if thread_ts else "conversations.history"
    arguments: dict[str, Any] = {"channel": channel, "include_all_metadata": True, "limit": limits.HISTORY_PAGE}
    if thread_ts:
        arguments["ts"] = thread_ts
    if oldest:
        arguments["oldest"] = oldest
    for _ in range(limits.HISTORY_PAGES if thread_ts else 2):
        reply = await web.ask(method, arguments)
        if isinstance(reply, Refused):
            if reply.error == "thread_not_found":
                return None
            raise refused(method, reply)
        for message in reply.data.get("messages") or []:
            if _is_ours(message, bot) and matches(message):
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
