"""files.*: the three steps of an upload (ask, send, complete) and what became of it."""

from __future__ import annotations

from typing import Any

from bot.devslack.arguments import read_count, require
from bot.devslack.blockkit.messages import check_content
from bot.devslack.composing import compose_app_message
from bot.devslack.files import StoredFile
from bot.devslack.methods.call import Call
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Json

MOST_BYTES = 50_000_000
"""Slack takes 1 GB; everything here is in memory."""


async def get_upload_url(call: Call) -> Json:
    """files.getUploadURLExternal."""
    name = require(call.arguments, "filename")
    length = read_count(call.arguments, "length", 0, MOST_BYTES)
    file = call.slack.files.begin(name, length, call.slack.app.bot_user_id, int(call.slack.config.clock()))
    return {"ok": True, "upload_url": f"{call.slack.base_url}/upload/v1/{file.id}", "file_id": file.id}


async def complete_upload(call: Call) -> Json:
    """files.completeUploadExternal: shares the files as one message where a channel is given."""
    files = _find_uploads(call)
    channel_id = call.text("channel_id") or call.text("channels")
    if channel_id:
        _share(call, channel_id, files)
    else:
        for file, title in files:
            call.slack.files.complete(file, title, ())
    return {"ok": True, "files": [file.describe(call.slack.base_url) for file, _ in files]}


async def info(call: Call) -> Json:
    """files.info."""
    file = call.slack.files.get(require(call.arguments, "file", "file_not_found"))
    if file is None or not file.is_complete:
        raise ApiRefusalError("file_not_found")
    return {"ok": True, "file": file.describe(call.slack.base_url), "comments": []}


def _find_uploads(call: Call) -> list[tuple[StoredFile, str]]:
    wanted: Any = call.arguments.get("files")
    if not isinstance(wanted, list) or not wanted:
        raise ApiRefusalError("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: files"]})
    found = []
    for item in wanted:
        file = call.slack.files.get(str(item.get("id", ""))) if isinstance(item, dict) else None
        if file is None or file.content is None or file.is_complete:
            raise ApiRefusalError("file_not_found")
        found.append((file, str(item.get("title") or file.name)))
    return found


def _share(call: Call, channel_id: str, files: list[tuple[StoredFile, str]]) -> None:
    channel = call.slack.channels.get(channel_id)  # ids only: Slack refuses names here
    if channel is None:
        raise ApiRefusalError("channel_not_found")
    if not call.slack.has_bot(channel):
        raise ApiRefusalError("not_in_channel")
    thread_ts = call.text("thread_ts")
    if thread_ts and call.slack.messages.get(channel.id, thread_ts) is None:
        raise ApiRefusalError("thread_not_found")
    content: Json = {"text": call.text("initial_comment"), "blocks": call.arguments.get("blocks")}
    if any(content.values()):
        check_content(content)
    for file, title in files:
        call.slack.files.complete(file, title, (channel.id,))
    message = compose_app_message(call.slack, content, thread_ts) | {
        "files": [file.describe(call.slack.base_url) for file, _ in files],
        "upload": True,
    }
    call.slack.post(channel, message)
