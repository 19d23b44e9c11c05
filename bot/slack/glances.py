"""Payloads about windows on whole texts → what is asked for: opened from a message, turned or filtered in the window. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bot.slack.rendering.answers import OUTPUT
from bot.slack.rendering.outputs import ALL, FILTER_BLOCK, FILTER_INPUT, NEXT, OUTPUT_CALLBACK, PREVIOUS, render_filtering
from bot.slack.rendering.progress import STEP_OUTPUT
from bot.threads.inbound.incoming import Glance
from bot.values.people import ThreadKey

Payload = Mapping[str, Any]

OPENING = frozenset({OUTPUT, STEP_OUTPUT})
TURNING = frozenset({PREVIOUS, NEXT, ALL})


def read_opening(body: Payload, team_id: str, *, is_external: bool) -> tuple[str, Glance]:
    """The key of the delivery and the glance, from the press of a button or the choice of a menu below a message."""
    action, message, user = body["actions"][0], body["message"], body["user"]["id"]
    key = action["value"] if action["action_id"] == OUTPUT else action["selected_option"]["value"]
    place = ThreadKey(team_id, body["channel"]["id"], message.get("thread_ts") or message["ts"])
    glance = Glance(team_id, user, place.id, str(key), trigger_id=body.get("trigger_id") or "", is_external=is_external)
    return f"glance:{user}:{message['ts']}:{action['action_ts']}", glance


def read_turning(body: Payload, team_id: str, *, is_external: bool) -> tuple[str, Glance]:
    """The same from a button in the window."""
    action, view, user = body["actions"][0], body["view"], body["user"]["id"]
    place = orjson.loads(view["private_metadata"])
    words = "" if action["action_id"] == ALL else str(place["words"])
    glance = Glance(
        team_id, user, _thread_of(place), str(place["key"]), int(action["value"]), words, view_id=view["id"], is_external=is_external
    )
    return f"glance:{user}:{view['id']}:{action['action_ts']}", glance


def read_filter(body: Payload, team_id: str, *, is_external: bool) -> tuple[str, Glance, Payload]:
    """The same from the press of Filter, with the acknowledgement that keeps the window open."""
    view, user = body["view"], body["user"]["id"]
    place = orjson.loads(view["private_metadata"])
    words = str(view["state"]["values"][FILTER_BLOCK][FILTER_INPUT].get("value") or "").strip()
    glance = Glance(team_id, user, _thread_of(place), str(place["key"]), 0, words, view_id=view["id"], is_external=is_external)
    waiting = render_filtering(view["private_metadata"], words)
    return f"view:{view['id']}:{view.get('hash', '')}", glance, {"response_action": "update", "view": waiting}


def is_window(view: Payload) -> bool:
    return view.get("callback_id") == OUTPUT_CALLBACK


def _thread_of(place: Payload) -> str:
    """Raises ValueError for what is no thread's id."""
    return ThreadKey.of(str(place["thread"])).id
