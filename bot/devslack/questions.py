"""GET /_control/*: what there is at this Slack, for tests and for the inspector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from bot.devslack.keys import SLACK
from bot.devslack.local_slack import LocalSlack
from bot.devslack.values import Json, Person


def add_routes(router: web.UrlDispatcher) -> None:
    """Every question is a GET."""
    router.add_get("/_control/messages", handle_messages)
    router.add_get("/_control/ephemerals", handle_ephemerals)
    router.add_get("/_control/views", handle_views)
    router.add_get("/_control/log", handle_log)
    router.add_get("/_control/pending", handle_pending)
    router.add_get("/_control/traffic", handle_traffic)


async def handle_pending(request: web.Request) -> web.Response:
    """GET /_control/pending: ids of the events that are neither acknowledged nor given up."""
    return web.json_response({"ok": True, "pending": [payload["event_id"] for payload in request.app[SLACK].deliveries.pending]})


async def handle_traffic(request: web.Request) -> web.Response:
    """GET /_control/traffic[?after=…]: frames, requests and answers with a higher number, oldest first."""
    after = request.query.get("after") or "0"
    if not after.isdecimal():
        return web.json_response({"ok": False, "error": "`after` is the number of an entry."}, status=400)
    return web.json_response({"ok": True, "traffic": request.app[SLACK].traffic.read(int(after))})


async def handle_messages(request: web.Request) -> web.Response:
    """GET /_control/messages?channel=…[&thread_ts=…]: kept messages with metadata, oldest first."""
    slack = request.app[SLACK]
    channel = slack.find_channel(request.query.get("channel", ""))
    if channel is None:
        return web.json_response({"ok": False, "error": "There is no such channel."}, status=404)
    thread_ts = request.query.get("thread_ts")
    found: list[Json] = slack.messages.list_replies(channel.id, thread_ts) if thread_ts else slack.messages.list_top_level(channel.id)
    return web.json_response({"ok": True, "messages": found})


async def handle_ephemerals(request: web.Request) -> web.Response:
    """GET /_control/ephemerals?as=…: what only that person sees."""
    return _list_for_person(request, "ephemerals", lambda slack, person: slack.ephemerals.list_for(person.id))


async def handle_views(request: web.Request) -> web.Response:
    """GET /_control/views?as=…: the person's open modals, the topmost last."""
    return _list_for_person(request, "views", lambda slack, person: slack.views.stack(person.id))


async def handle_log(request: web.Request) -> web.Response:
    """GET /_control/log[?method=…]: Web API calls, deliveries to the app, sockets, faults that are still to come, events on their way."""
    slack = request.app[SLACK]
    method = request.query.get("method")
    requests = [record for record in slack.requests if method in {None, record["method"]}]
    return web.json_response(
        {
            "ok": True,
            "requests": requests,
            "deliveries": list(slack.deliveries.records),
            "connections": slack.sockets.count,
            "faults": slack.faults.list_planned(),
            "pending": [payload["event_id"] for payload in slack.deliveries.pending],
        }
    )


def _list_for_person(request: web.Request, name: str, find: Callable[[LocalSlack, Person], Any]) -> web.Response:
    slack = request.app[SLACK]
    person = slack.find_person(request.query.get("as", ""))
    if person is None:
        return web.json_response({"ok": False, "error": "There is nobody of that name."}, status=404)
    return web.json_response({"ok": True, name: find(slack, person)})
