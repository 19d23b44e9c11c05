"""Checks of modals and App Home views."""

from __future__ import annotations

import json
from typing import Any

from bot.devslack import limits
from bot.devslack.blockkit.blocks import find_block_problems
from bot.devslack.blockkit.problems import Problems
from bot.devslack.refusal import ApiRefusalError, refuse_with_messages
from bot.devslack.values import Json

FIELDS = frozenset(
    {"type", "title", "submit", "close", "blocks", "callback_id", "external_id", "private_metadata"}
    | {"clear_on_close", "notify_on_close", "submit_disabled"}
)


def check_view(view: Any, kinds: frozenset[str] = frozenset({"modal"})) -> Json:
    """The view itself, if Slack would take it. Raises ApiRefusalError."""
    if not isinstance(view, dict):
        raise ApiRefusalError("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: view"]})
    problems = Problems()
    problems.check_fields("/view", view, FIELDS)
    if view.get("type") not in kinds:
        problems.add("/view/type", f"must be one of: {', '.join(sorted(kinds))}")
    if view.get("type") == "modal":
        problems.check_text("/view/title", view.get("title"), limits.VIEW_TITLE, plain=True)
        problems.check_text("/view/submit", view.get("submit"), limits.VIEW_BUTTON, plain=True, required=False)
        problems.check_text("/view/close", view.get("close"), limits.VIEW_BUTTON, plain=True, required=False)
    problems.check_string("/view/private_metadata", view.get("private_metadata"), limits.PRIVATE_METADATA, required=False)
    problems.check_string("/view/callback_id", view.get("callback_id"), limits.ID, required=False)
    problems.check_string("/view/external_id", view.get("external_id"), limits.ID, required=False)
    if view.get("blocks") is None:
        problems.add("/view/blocks", "missing required field: blocks")
    else:
        problems.messages += [
            message.replace("json-pointer:/", "json-pointer:/view/")
            for message in find_block_problems(view["blocks"], limits.BLOCKS_IN_VIEW)
        ]
        if view.get("type") == "modal" and view.get("submit") is None and _has_input(view["blocks"]):
            problems.add("/view/submit", "missing required field: a modal with inputs needs `submit`")
    if len(json.dumps(view, ensure_ascii=False).encode("utf-8", "surrogatepass")) > limits.VIEW_JSON_BYTES:
        raise ApiRefusalError("view_too_large")
    if problems.messages:
        raise refuse_with_messages("invalid_arguments", problems.messages)
    return view


def _has_input(blocks: Any) -> bool:
    return isinstance(blocks, list) and any(isinstance(block, dict) and block.get("type") == "input" for block in blocks)
