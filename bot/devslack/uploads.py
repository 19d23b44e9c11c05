"""The bytes of files: in from the app, out to the app (with its token)."""

from __future__ import annotations

from aiohttp import web

from bot.devslack.arguments import bearer_token
from bot.devslack.faulting import cut, meet_before
from bot.devslack.keys import SLACK


async def handle_upload(request: web.Request) -> web.StreamResponse:
    """POST /upload/v1/{id}: raw bytes or one multipart file, of the promised length. Its faults are planned as `files.upload`."""
    fault = request.app[SLACK].faults.take("files.upload")
    if fault is not None and (early := await meet_before(request, fault)) is not None:
        return early
    file = request.app[SLACK].files.get(request.match_info["file_id"])
    if file is None or file.is_complete:
        return web.Response(status=404, text="There is no such upload.")
    content = b""
    if request.content_type.startswith("multipart/"):
        for field in (await request.post()).values():
            if isinstance(field, web.FileField):
                content = field.file.read()
    else:
        content = await request.read()
    if len(content) != file.length:
        return web.Response(status=400, text=f"Expected {file.length} bytes and got {len(content)}.")
    file.content = content
    if fault is not None:
        cut(request)
    return web.Response(text=f"OK - {len(content)}")


async def handle_download(request: web.Request) -> web.Response:
    """GET /files-pri/{id}/{name}: as Slack, only with the bot's token."""
    if not bearer_token(request, {}).startswith("xoxb-"):
        return web.Response(status=302, headers={"Location": "/"})
    return build_download(request)


def build_download(request: web.Request) -> web.Response:
    """The file as an attachment, never as a page."""
    file = request.app[SLACK].files.get(request.match_info["file_id"])
    if file is None or not file.is_complete:
        return web.Response(status=404, text="There is no such file.")
    name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in file.name)
    return web.Response(
        body=file.content,
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
    )
