"""The page: its files, the state it starts from, and the live feed."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from bot.devslack.describe import describe_channel, describe_person
from bot.devslack.keys import SLACK
from bot.devslack.local_slack import LocalSlack
from bot.devslack.methods import sessions
from bot.devslack.setup import read_progress
from bot.devslack.uploads import build_download
from bot.devslack.values import Channel, Json, Person

STATIC = Path(__file__).parent / "static"
KEEP_ALIVE_SECONDS = 15.0
CONTENT_SECURITY_POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"


async def handle_index(_request: web.Request) -> web.FileResponse:
    """GET /: the page of a person."""
    return _serve_page("index.html")


async def handle_inspector(_request: web.Request) -> web.FileResponse:
    """GET /traffic: everything that went over the wire between this Slack and the app."""
    return _serve_page("traffic.html")


def _serve_page(name: str) -> web.FileResponse:
    """A page with no right to load or run anything from elsewhere."""
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return web.FileResponse(STATIC / name, headers=headers)


async def handle_archive(request: web.Request) -> web.Response:
    """GET /archives/{channel}/p{ts}: a permalink; opens the message's thread on the page."""
    digits = request.match_info["ts"]
    ts = request.query.get("thread_ts") or f"{digits[:-6]}.{digits[-6:]}"
    return web.Response(status=302, headers={"Location": f"/#{request.match_info['channel']}/{ts}"})


async def handle_file(request: web.Request) -> web.Response:
    """GET /_control/files/{file_id}: a file for the person at the page."""
    return build_download(request)


async def handle_state(request: web.Request) -> web.Response:
    """GET /_control/state?as=U…: all a page needs to draw itself for one person."""
    slack = request.app[SLACK]
    person = _choose_person(request)
    if person is None:
        return web.json_response({"ok": False, "error": "nobody_here"}, status=404)
    return web.json_response({"ok": True} | await build_state(slack, person))


def _choose_person(request: web.Request) -> Person | None:
    """The person the page asks to be; on a first visit, which names nobody, the first of the workspace."""
    slack = request.app[SLACK]
    return slack.find_person(request.query.get("as", "")) or next(iter(slack.people.values()), None)


async def build_state(slack: LocalSlack, person: Person) -> Json:
    """The whole picture one person has."""
    channels = [channel for channel in slack.channels.values() if slack.may_see(person.id, channel.id)]
    return {
        "me": person.id,
        "workspace": {"id": slack.workspace.team_id, "name": slack.workspace.name},
        "app": {
            "id": slack.app.id,
            "name": slack.app.name,
            "description": slack.app.description,
            "user": slack.app.bot_user_id,
            "stops_sessions": sessions.STOPPED in slack.app.events,
            "commands": list(slack.app.slash_commands),
            "shortcuts": [{"callback_id": item.callback_id, "name": item.name} for item in slack.app.shortcuts],
        },
        "people": [describe_person(slack, other) for other in slack.people.values()],
        "user_groups": [
            {"id": group.id, "handle": group.handle, "name": group.name, "users": list(group.users)} for group in slack.user_groups.values()
        ],
        "channels": [_describe_for_page(slack, person, channel) for channel in channels],
        "ephemerals": slack.ephemerals.list_for(person.id),
        "views": slack.views.stack(person.id),
        "home": slack.views.home(person.id),
        "suggestions": slack.suggestions.get(person.id),
        "statuses": [
            {"channel": channel, "thread_ts": ts, "status": status, "seconds": until - slack.config.clock()}
            for (channel, ts), (status, until) in slack.statuses.items()
            if until > slack.config.clock() and slack.may_see(person.id, channel)
        ],
        "sessions": [session for session in slack.sessions.all() if slack.may_see(person.id, session["channel"])],
        "connections": slack.sockets.count,
        "setup": await asyncio.to_thread(read_progress, slack.config.setup_progress),
    }


def _describe_for_page(slack: LocalSlack, person: Person, channel: Channel) -> Json:
    messages = [message for owner, message in slack.messages.all() if owner == channel.id]
    return describe_channel(slack, channel) | {
        "members": [channel.person] if channel.is_im else list(channel.members),
        "messages": [slack.messages.read(channel.id, message) for message in messages],
        "read": slack.reads.get((person.id, channel.id), "0"),
    }


async def handle_feed(request: web.Request) -> web.StreamResponse:
    """GET /_control/feed?as=U…: server-sent events with everything that person may see."""
    slack = request.app[SLACK]
    person = _choose_person(request)
    if person is None:
        return web.json_response({"ok": False, "error": "nobody_here"}, status=404)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    with slack.feed.subscribe(person.id) as updates, suppress(ConnectionError):  # the page was closed or reloaded
        await _send_updates(response, updates)
    return response


async def _send_updates(response: web.StreamResponse, updates: asyncio.Queue[Json | None]) -> None:
    await response.write(b'data: {"type":"hello"}\n\n')
    while True:
        try:
            update = await asyncio.wait_for(updates.get(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            await response.write(b": still here\n\n")
            continue
        if update is None:
            return
        await response.write(f"data: {json.dumps(update)}\n\n".encode())
