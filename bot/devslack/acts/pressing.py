"""Pressing buttons, choosing options and using message shortcuts."""

from __future__ import annotations

from typing import Any

from bot.devslack.acts.interaction import build_channel_reference, build_interaction
from bot.devslack.acts.refusals import ActRefusedError
from bot.devslack.blockkit.messages import elements_of
from bot.devslack.local_slack import LocalSlack
from bot.devslack.values import Channel, Json, Person

COPIED = ("action_id", "text", "value", "style")


async def press(
    slack: LocalSlack, person: Person, channel: Channel, ts: str, *, action_id: str, block_id: str = "", value: str = ""
) -> bool:
    """Press a button (or choose `value` of a select) in a message; false if the app did not answer in time.

    Raises ActRefusedError if the person cannot see the message or it has no such element now.
    """
    if not slack.may_see(person.id, channel.id):
        raise ActRefusedError(f"{person.real_name} is not in that channel; act as somebody who is.")
    ephemeral = slack.ephemerals.get(person.id, ts)
    stored = ephemeral or slack.messages.get(channel.id, ts)
    if stored is None:
        raise ActRefusedError("That message is not there any more; look for a newer one.")
    block, element = _find_element(stored.get("blocks", []), action_id, block_id, value)
    message = stored if ephemeral else slack.messages.read(channel.id, stored)
    thread_ts = str(stored.get("thread_ts") or "")
    name = slack.response_urls.issue(person.id, channel.id, thread_ts=thread_ts, message_ts=ts, is_ephemeral=ephemeral is not None)
    container = {"type": "message", "message_ts": ts, "channel_id": channel.id, "is_ephemeral": ephemeral is not None}
    payload = build_interaction(slack, "block_actions", person) | {
        "container": container | ({"thread_ts": thread_ts} if thread_ts else {}),
        "channel": build_channel_reference(channel),
        "message": message,
        "state": {"values": {}},
        "response_url": f"{slack.base_url}/actions/response/{name}",
        "actions": [_build_action(slack, block, element, value)],
    }
    return await slack.deliveries.send_interaction("interactive", payload) is not None


async def press_in_view(slack: LocalSlack, person: Person, view_id: str, *, action_id: str, block_id: str = "", value: str = "") -> bool:
    """Press a button in a modal or the Home tab; false if the app did not answer in time. Raises ActRefusedError."""
    view = slack.views.find(person.id, view_id)
    if view is None:
        raise ActRefusedError("That window is not open any more; open it again.")
    block, element = _find_element(view["blocks"], action_id, block_id, value)
    payload = build_interaction(slack, "block_actions", person) | {
        "container": {"type": "view", "view_id": view_id},
        "view": view,
        "actions": [_build_action(slack, block, element, value)],
    }
    return await slack.deliveries.send_interaction("interactive", payload) is not None


async def use_shortcut(slack: LocalSlack, person: Person, channel: Channel, ts: str, callback_id: str) -> bool:
    """Use a message shortcut; false if the app did not answer in time. Raises ActRefusedError."""
    if callback_id not in {shortcut.callback_id for shortcut in slack.app.shortcuts}:
        raise ActRefusedError(f"The app has no message shortcut {callback_id}; use one of its own.")
    message = slack.messages.get(channel.id, ts)
    if message is None or not slack.may_see(person.id, channel.id):
        raise ActRefusedError("That message is not there any more; look for a newer one.")
    name = slack.response_urls.issue(person.id, channel.id, thread_ts=str(message.get("thread_ts") or ""))
    payload = build_interaction(slack, "message_action", person) | {
        "callback_id": callback_id,
        "action_ts": slack.messages.next_ts(),
        "message_ts": ts,
        "message": slack.messages.read(channel.id, message),
        "channel": build_channel_reference(channel),
        "response_url": f"{slack.base_url}/commands/response/{name}",
    }
    return await slack.deliveries.send_interaction("interactive", payload) is not None


def _find_element(blocks: list[Json], action_id: str, block_id: str, value: str) -> tuple[Json, Json]:
    """What is drawn anew has other block ids: a press that was begun before counts, if it is clear which element it means."""
    found = [(block, element) for block in blocks for element in elements_of(block) if element.get("action_id") == action_id]
    for block, element in found:
        if block_id in ("", block["block_id"]):
            return block, element
    same = [(block, element) for block, element in found if element["type"] == "button" and element.get("value", "") == value]
    if len(same) == 1:
        return same[0]
    raise ActRefusedError(f"There is no {action_id} to press any more; the message has changed.")


def _build_action(slack: LocalSlack, block: Json, element: Json, value: str) -> Json:
    action: Json = {
        "type": element["type"],
        "block_id": block["block_id"],
        "action_ts": slack.messages.next_ts(),
        **{name: element[name] for name in COPIED if name in element},
    }
    if element["type"] != "button":
        action["selected_option"] = find_option(element, value)
    return action


def find_option(element: Json, value: str) -> Any:
    """The option of a select with this value. Raises ActRefusedError if there is none."""
    for option in element.get("options", []):
        if option["value"] == value:
            return option
    raise ActRefusedError(f"There is no option {value!r}; choose one of the list.")
