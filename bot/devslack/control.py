"""/_control/*: being a person, and steering this Slack from a test."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.devslack import events
from bot.devslack.acts import modals, pressing, speaking
from bot.devslack.acts.refusals import ActRefusedError
from bot.devslack.faults import KINDS, Fault
from bot.devslack.keys import SLACK
from bot.devslack.local_slack import LocalSlack
from bot.devslack.methods import sessions
from bot.devslack.sockets import DISCONNECT_REASONS
from bot.devslack.values import Channel, Json, Person, UserGroup
from bot.errors import SurfaceError

Act = Callable[[LocalSlack, Json], Awaitable[Json]]


def add_routes(router: web.UrlDispatcher) -> None:
    """Every act is a POST with a JSON object."""
    for name, act in ACTS.items():
        router.add_post(f"/_control/{name}", _build_handler(act))


def _build_handler(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        # A JSON body needs a preflight from another site, which the origin guard refuses.
        if request.content_type != "application/json":
            return web.json_response({"ok": False, "error": "Send JSON with Content-Type: application/json."}, status=415)
        try:
            body = json.loads(await request.text() or "{}")
            return web.json_response({"ok": True} | await act(request.app[SLACK], body))
        except ActRefusedError as refusal:
            return web.json_response({"ok": False, "error": str(refusal)}, status=409)
        except (KeyError, TypeError, ValueError) as exc:
            return web.json_response({"ok": False, "error": f"The request does not fit: {exc!r}."}, status=400)

    return handle


def _person(slack: LocalSlack, body: Json) -> Person:
    person = slack.find_person(str(body["as"]))
    if person is None:
        raise ActRefusedError(f"There is nobody called {body['as']}; use an id, a handle or a full name.")
    return person


def _channel(slack: LocalSlack, body: Json, person: Person | None = None) -> Channel:
    """The channel of a request; `dm` is the person's direct message with the app."""
    name = str(body["channel"])
    channel = slack.open_dm(person) if person and name == "dm" else slack.find_channel(name)
    if channel is None:
        raise ActRefusedError(f"There is no channel {name}; use an id, a name or dm.")
    return channel


async def _say(slack: LocalSlack, body: Json) -> Json:
    person = _person(slack, body)
    channel = _channel(slack, body, person)
    text = body["typed"] if "typed" in body else body["text"]
    message = speaking.say(slack, person, channel, text, body.get("thread_ts") or "", is_typed="typed" in body)
    return {"channel": channel.id, "ts": message["ts"], "message": slack.messages.read(channel.id, message)}


async def _say_many(slack: LocalSlack, body: Json) -> Json:
    """Say `count` messages, `per_second` of them each second; answers when all are said."""
    person = _person(slack, body)
    channel, loop = _channel(slack, body, person), asyncio.get_running_loop()
    count, per_second = int(body["count"]), float(body["per_second"])
    began = loop.time()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / per_second - loop.time()))
        speaking.say(slack, person, channel, f"{body['text']} {number}")
    return {"seconds": loop.time() - began}


async def _slash(slack: LocalSlack, body: Json) -> Json:
    person = _person(slack, body)
    line = body["line"]
    return {"acknowledged": await speaking.run_command(slack, person, _channel(slack, body, person), line, body.get("thread_ts") or "")}


async def _click(slack: LocalSlack, body: Json) -> Json:
    person = _person(slack, body)
    what: dict[str, str] = {name: body.get(name) or "" for name in ("block_id", "value")} | {"action_id": body["action_id"]}
    if "view_id" in body:
        acknowledged = await pressing.press_in_view(slack, person, body["view_id"], **what)
    else:
        acknowledged = await pressing.press(slack, person, _channel(slack, body, person), body["ts"], **what)
    return {"acknowledged": acknowledged}


async def _shortcut(slack: LocalSlack, body: Json) -> Json:
    person = _person(slack, body)
    return {"acknowledged": await pressing.use_shortcut(slack, person, _channel(slack, body, person), body["ts"], body["callback_id"])}


async def _submit(slack: LocalSlack, body: Json) -> Json:
    submission = await modals.submit(slack, _person(slack, body), body["view_id"], body.get("values") or {})
    return {"outcome": submission.outcome, "errors": dict(submission.errors)}


async def _close_view(slack: LocalSlack, body: Json) -> Json:
    await modals.close(slack, _person(slack, body), body["view_id"], all_of_them=bool(body.get("all")))
    return {}


async def _open_home(slack: LocalSlack, body: Json) -> Json:
    person = _person(slack, body)
    payload = events.build_home_opened(slack, person, body.get("tab") or "messages")
    if payload is not None:
        slack.deliveries.send_event(payload)
    return {"channel": slack.open_dm(person).id}


async def _read(slack: LocalSlack, body: Json) -> Json:
    person = _person(slack, body)
    slack.mark_read(person.id, _channel(slack, body, person).id, str(body["ts"]))
    return {}


async def _stop_session(slack: LocalSlack, body: Json) -> Json:
    person = _person(slack, body)
    return {"stopped": sessions.stop(slack, person, _channel(slack, body, person), str(body["thread_ts"]))}


async def _rename_session(slack: LocalSlack, body: Json) -> Json:
    person = _person(slack, body)
    channel = _channel(slack, body, person)
    return {"renamed": sessions.retitle(slack, person, channel, str(body["thread_ts"]), str(body["title"]))}


async def _dismiss(slack: LocalSlack, body: Json) -> Json:
    return {"dismissed": slack.ephemerals.remove(_person(slack, body).id, str(body["ts"]))}


async def _disconnect(slack: LocalSlack, body: Json) -> Json:
    """End every connection, or that of `connection`: `{reason, connection}`."""
    reason = body.get("reason") or "refresh_requested"
    known = DISCONNECT_REASONS | {"abort", "half_open"}
    if reason not in known:
        raise ActRefusedError(f"Sockets do not end with {reason}; use one of {', '.join(sorted(known))}.")
    return {"disconnected": await slack.sockets.disconnect(reason, int(body.get("connection") or 0))}


async def _drop_acks(slack: LocalSlack, body: Json) -> Json:
    """Lose the next `count` acknowledgements, however they come."""
    slack.sockets.acks_to_drop = slack.http.answers_to_lose = int(body["count"])
    return {}


async def _rates(slack: LocalSlack, body: Json) -> Json:
    """Turn Slack's rates on or off: `{enforced}`."""
    slack.rates.is_enforced = bool(body["enforced"])
    return {}


async def _deliver(slack: LocalSlack, body: Json) -> Json:
    """Deliver to a request URL, signed, instead of over Socket Mode: `{url, signing_secret}`; an empty URL goes back."""
    try:
        await slack.http.use(str(body["url"]), str(body.get("signing_secret") or ""))
    except SurfaceError as exc:
        raise ActRefusedError(str(exc)) from exc
    return {}


async def _fault(slack: LocalSlack, body: Json) -> Json:
    fields = {field.name: body[field.name] for field in dataclasses.fields(Fault) if field.name in body}
    fault = Fault(**fields)
    if fault.kind not in KINDS:
        raise ActRefusedError(f"There is no fault {fault.kind}; use one of {', '.join(sorted(KINDS))}.")
    slack.faults.plan(body["method"], fault, int(body.get("times", 1)))
    return {}


async def _clear_faults(slack: LocalSlack, _body: Json) -> Json:
    slack.faults.clear()
    slack.sockets.acks_to_drop = slack.http.answers_to_lose = 0
    return {}


async def _person_changes(slack: LocalSlack, body: Json) -> Json:
    """Add a person, or change fields of one: `{person: {id, …}}`."""
    fields = body["person"]
    known = slack.people.get(fields["id"])
    person = dataclasses.replace(known, **fields) if known else Person(**fields)
    slack.people[person.id] = person
    slack.open_dm(person)
    slack.feed.publish({"type": "reload"})
    return {}


async def _channel_changes(slack: LocalSlack, body: Json) -> Json:
    """Add a channel, or change fields of one: `{channel: {id, …}}`."""
    fields = _freeze_lists(body["channel"])
    known = slack.channels.get(fields["id"])
    slack.channels[fields["id"]] = dataclasses.replace(known, **fields) if known else Channel(**fields)
    slack.feed.publish({"type": "reload"})
    return {}


async def _user_group_changes(slack: LocalSlack, body: Json) -> Json:
    """Add a user group, or change fields of one: `{user_group: {id, …}}`."""
    fields = _freeze_lists(body["user_group"])
    known = slack.user_groups.get(fields["id"])
    slack.user_groups[fields["id"]] = dataclasses.replace(known, **fields) if known else UserGroup(**fields)
    slack.feed.publish({"type": "reload"})
    return {}


def _freeze_lists(fields: Json) -> Json:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


ACTS: dict[str, Act] = {
    "say": _say,
    "say_many": _say_many,
    "slash": _slash,
    "click": _click,
    "shortcut": _shortcut,
    "submit": _submit,
    "close_view": _close_view,
    "open_home": _open_home,
    "read": _read,
    "dismiss": _dismiss,
    "stop-session": _stop_session,
    "rename-session": _rename_session,
    "disconnect": _disconnect,
    "drop_acks": _drop_acks,
    "rates": _rates,
    "deliver": _deliver,
    "fault": _fault,
    "clear_faults": _clear_faults,
    "person": _person_changes,
    "channel": _channel_changes,
    "user_group": _user_group_changes,
}
