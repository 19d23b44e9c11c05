"""Checks of interactive elements: buttons, selects, inputs, and the confirm dialog."""

from __future__ import annotations

from typing import Any

from bot.devslack import limits
from bot.devslack.blockkit.problems import Problems
from bot.devslack.values import Json

SELECTS = frozenset(
    {"static_select", "users_select", "conversations_select", "channels_select", "external_select"}
    | {
        "multi_static_select",
        "multi_users_select",
        "multi_conversations_select",
        "multi_channels_select",
        "multi_external_select",
    }
)
CHOICES = frozenset({"checkboxes", "radio_buttons"})
PICKERS = frozenset({"datepicker", "timepicker", "datetimepicker"})
INPUTS = frozenset({"plain_text_input", "number_input", "email_text_input", "url_text_input"}) | SELECTS | CHOICES | PICKERS
ACTIONS = frozenset({"button", "overflow"}) | SELECTS | CHOICES | PICKERS
ACCESSORIES = ACTIONS | {"image"}

BUTTON_FIELDS = frozenset(
    {
        "type",
        "text",
        "action_id",
        "url",
        "value",
        "style",
        "confirm",
        "accessibility_label",
        "agent_prompt",
        "visible_to_user_ids",
    }
)


def check_element(problems: Problems, pointer: str, element: Any, allowed: frozenset[str], action_ids: set[str]) -> None:
    """One interactive element; `action_ids` holds those seen in the same block and is added to."""
    if not problems.check_object(pointer, element):
        return
    kind = element.get("type")
    if kind not in allowed:
        problems.add(f"{pointer}/type", f"unsupported element type here: {kind}")
        return
    action_id = element.get("action_id")
    problems.check_id(f"{pointer}/action_id", action_id)
    if action_id and action_id in action_ids:
        problems.add(f"{pointer}/action_id", f"`action_id` {action_id} already exists")
    if action_id:
        action_ids.add(action_id)
    _check_kind(problems, pointer, element)
    if element.get("confirm") is not None:
        _check_confirm(problems, f"{pointer}/confirm", element["confirm"])
    if "placeholder" in element:
        problems.check_text(f"{pointer}/placeholder", element["placeholder"], limits.PLACEHOLDER, plain=True)


def _check_kind(problems: Problems, pointer: str, element: Json) -> None:
    kind = element["type"]
    if kind == "button":
        _check_button(problems, pointer, element)
    elif kind == "image":
        problems.check_string(f"{pointer}/image_url", element.get("image_url"), limits.URL, least=1)
        problems.check_string(f"{pointer}/alt_text", element.get("alt_text"), limits.ALT_TEXT)
    elif kind == "plain_text_input":
        problems.check_string(f"{pointer}/initial_value", element.get("initial_value"), limits.INPUT_TEXT, required=False)
    elif kind in {"static_select", "multi_static_select"}:
        if "option_groups" not in element:
            _check_options(problems, pointer, element, limits.SELECT_OPTIONS)
    elif kind == "overflow":
        _check_options(problems, pointer, element, limits.OVERFLOW_OPTIONS)
    elif kind in CHOICES:
        _check_options(problems, pointer, element, limits.CHOICE_OPTIONS)


def _check_button(problems: Problems, pointer: str, button: Json) -> None:
    problems.check_fields(pointer, button, BUTTON_FIELDS)
    problems.check_text(f"{pointer}/text", button.get("text"), limits.BUTTON_TEXT, plain=True)
    problems.check_string(f"{pointer}/value", button.get("value"), limits.BUTTON_VALUE, required=False)
    problems.check_string(f"{pointer}/url", button.get("url"), limits.URL, required=False)
    label = button.get("accessibility_label")
    problems.check_string(f"{pointer}/accessibility_label", label, limits.ACCESSIBILITY_LABEL, required=False)
    if button.get("style") not in {None, "primary", "danger"}:
        problems.add(f"{pointer}/style", "must be one of: primary, danger")


def _check_options(problems: Problems, pointer: str, element: Json, most: int) -> None:
    values: set[Any] = set()
    for index, option in enumerate(problems.check_list(f"{pointer}/options", element.get("options"), most)):
        place = f"{pointer}/options/{index}"
        if not problems.check_object(place, option):
            continue
        problems.check_text(f"{place}/text", option.get("text"), limits.OPTION_TEXT)
        problems.check_string(f"{place}/value", option.get("value"), limits.OPTION_VALUE)
        if option.get("value") in values:
            problems.add(f"{place}/value", "duplicate option value")
        values.add(option.get("value"))


def _check_confirm(problems: Problems, pointer: str, confirm: Any) -> None:
    if not problems.check_object(pointer, confirm):
        return
    problems.check_text(f"{pointer}/title", confirm.get("title"), limits.CONFIRM_TITLE, plain=True)
    problems.check_text(f"{pointer}/text", confirm.get("text"), limits.CONFIRM_TEXT)
    problems.check_text(f"{pointer}/confirm", confirm.get("confirm"), limits.CONFIRM_BUTTON, plain=True)
    problems.check_text(f"{pointer}/deny", confirm.get("deny"), limits.CONFIRM_BUTTON, plain=True)
