"""views.*: modals and the Home tab."""

from __future__ import annotations

from bot.devslack.arguments import require
from bot.devslack.blockkit.views import check_view
from bot.devslack.methods.call import Call
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Json


async def open_modal(call: Call) -> Json:
    """views.open."""
    view = check_view(call.arguments.get("view"))
    person = _redeem(call)
    return {"ok": True, "view": call.slack.views.open(person, view)}


async def push(call: Call) -> Json:
    """views.push."""
    view = check_view(call.arguments.get("view"))
    person = _redeem(call)
    return {"ok": True, "view": call.slack.views.push(person, view)}


async def update(call: Call) -> Json:
    """views.update, by `view_id` or `external_id`, guarded by `hash` if given."""
    view_id, external_id = call.text("view_id"), call.text("external_id")
    if not view_id and not external_id:
        raise ApiRefusalError("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: view_id"]})
    view = check_view(call.arguments.get("view"))
    return {"ok": True, "view": call.slack.views.update(view_id, external_id, view, call.text("hash"))}


async def publish(call: Call) -> Json:
    """views.publish: the Home tab of one person."""
    person = call.person("user_id")
    view = check_view(call.arguments.get("view"), frozenset({"home"}))
    return {"ok": True, "view": call.slack.views.publish(person.id, view, call.text("hash"))}


def _redeem(call: Call) -> str:
    trigger_id = call.text("trigger_id") or call.text("interactivity_pointer")
    return call.slack.triggers.redeem(trigger_id or require(call.arguments, "trigger_id"))
