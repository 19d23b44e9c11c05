"""Putting a text file into a thread: ask for a place, send the bytes, share. Slack shows it as a message of ours."""

from __future__ import annotations

from bot.slack.door.throttle import Ticket
from bot.slack.door.web import Answer, Refused, Reply, WebApi
from bot.slack.rendering.answers import File

SHARE = "files.completeUploadExternal"


async def share_file(web: WebApi, file: File, channel: str, thread_ts: str, ticket: Ticket) -> Reply:
    """One attempt. The answer's `ts` is the file's id: Slack does not say which message it made. Until the last of the three
    calls nothing is visible. Raises SurfaceUnavailableError if no place can be had."""
    content = file.content.encode()
    place = await web.ask("files.getUploadURLExternal", {"filename": file.name, "length": len(content)})
    if isinstance(place, Refused):
        return place
    sent = await web.upload(str(place.data["upload_url"]), content)
    if not isinstance(sent, Answer):
        return sent
    turn = await web.take_turn(SHARE, channel, ticket)
    file_id = str(place.data["file_id"])
    body: dict[str, object] = {"files": [{"id": file_id, "title": file.title}], "channel_id": channel}
    reply = await web.call(turn, body | ({"thread_ts": thread_ts} if thread_ts else {}))
    return Answer({"ts": file_id, "channel": channel}, reply.headers) if isinstance(reply, Answer) else reply
