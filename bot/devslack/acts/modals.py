"""Submitting and closing modals."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.devslack import limits
from bot.devslack.acts.interaction import build_interaction
from bot.devslack.acts.pressing import find_option
from bot.devslack.acts.refusals import ActRefusedError
from bot.devslack.blockkit.views import check_view
from bot.devslack.local_slack import LocalSlack
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Json, Person

REQUIRED = "Please complete this required field."


class Outcome(enum.StrEnum):
    """What a submission came to."""

    CLOSED = "closed"
    CHANGED = "changed"
    """The app put another view in its place or on top of it."""
    INVALID = "invalid"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Submission:
    """`errors` by block id, only with INVALID."""

    outcome: Outcome
    errors: Mapping[str, str] = field(default_factory=dict)


async def submit(slack: LocalSlack, person: Person, view_id: str, values: Mapping[str, Any]) -> Submission:
    """Press a modal's submit button with `values` by action id. Raises ActRefusedError if it is not open."""
    view = _find(slack, person, view_id)
    state, errors = _fill_in(view, values)
    if errors:
        return Submission(Outcome.INVALID, errors)
    payload = build_interaction(slack, "view_submission", person) | {
        "view": view | {"state": {"values": state}},
        "response_urls": [],
    }
    answer = await slack.deliveries.send_interaction("interactive", payload)
    if answer is None:
        return Submission(Outcome.TIMED_OUT)
    return _follow(slack, person, view_id, answer)


async def close(slack: LocalSlack, person: Person, view_id: str, *, all_of_them: bool = False) -> None:
    """Close a modal (or the whole stack); the app hears of it if it asked to."""
    view = _find(slack, person, view_id)
    if all_of_them:
        slack.views.clear(person.id)
    else:
        slack.views.close_top(person.id)
    if view["notify_on_close"]:
        payload = build_interaction(slack, "view_closed", person) | {"view": view, "is_cleared": all_of_them}
        payload.pop("trigger_id")
        await slack.deliveries.send_interaction("interactive", payload)


def _find(slack: LocalSlack, person: Person, view_id: str) -> Json:
    stack = slack.views.stack(person.id)
    if not stack or stack[-1]["id"] != view_id:
        raise ActRefusedError("That window is not open any more; open it again.")
    return stack[-1]


def _follow(slack: LocalSlack, person: Person, view_id: str, answer: Json) -> Submission:
    """Do what the ack's `response_action` says. A view Slack would refuse is an error for the person, as in Slack."""
    action = answer.get("response_action")
    try:
        match action:
            case "errors":
                return Submission(Outcome.INVALID, answer.get("errors") or {})
            case "update":
                slack.views.update(view_id, "", check_view(answer.get("view")), "")
                return Submission(Outcome.CHANGED)
            case "push":
                slack.views.push(person.id, check_view(answer.get("view")))
                return Submission(Outcome.CHANGED)
            case "clear":
                slack.views.clear(person.id)
            case _:
                if any(view["id"] == view_id for view in slack.views.stack(person.id)):
                    slack.views.close_top(person.id)
    except ApiRefusalError:
        return Submission(Outcome.TIMED_OUT)
    return Submission(Outcome.CLOSED)


def _fill_in(view: Json, values: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    state: Json = {}
    errors: dict[str, str] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element, block_id = block["element"], block["block_id"]
        given = values.get(element["action_id"])
        if given in (None, "", []) and not block.get("optional"):
            errors[block_id] = REQUIRED
        elif problem := _check_length(element, given):
            errors[block_id] = problem
        state[block_id] = {element["action_id"]: _build_value(element, given)}
    return state, errors


def _check_length(element: Json, given: Any) -> str:
    if element["type"] != "plain_text_input" or not given:
        return ""
    least, most = element.get("min_length") or 0, element.get("max_length") or limits.INPUT_TEXT
    if len(str(given)) < least:
        return f"Please enter at least {least} characters."
    if len(str(given)) > most:
        return f"Please enter at most {most} characters."
    return ""


def _build_value(element: Json, given: Any) -> Json:
    kind = element["type"]
    match kind:
        case "static_select" | "radio_buttons":
            return {"type": kind, "selected_option": find_option(element, given) if given else None}
        case "multi_static_select" | "checkboxes":
            return {"type": kind, "selected_options": [find_option(element, item) for item in given or []]}
        case _:
            return {"type": kind, "value": given or None}
