"""Checks of a message as a whole, and the ids Slack gives to blocks that have none."""

from __future__ import annotations

import copy
import json
import re
import secrets
from typing import Any

from bot.devslack import limits
from bot.devslack.blockkit.blocks import count_markdown, count_text, find_block_problems
from bot.devslack.refusal import ApiRefusalError, refuse_with_messages
from bot.devslack.values import Json

BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")


def check_content(arguments: Json, *, is_update: bool = False) -> None:
    """Refuse a message Slack would refuse: no text, too much of it, wrong blocks. Raises ApiRefusalError."""
    text, blocks = arguments.get("text") or "", arguments.get("blocks")
    if not isinstance(text, str):
        raise ApiRefusalError("invalid_arguments", response_metadata={"messages": ["[ERROR] text must be a string"]})
    if not any(arguments.get(name) for name in ("text", "blocks", "attachments", "markdown_text")):
        raise ApiRefusalError("no_text")
    if len(text) > limits.MESSAGE_TEXT or (is_update and _count_escaped_bytes(text) > limits.UPDATED_TEXT_BYTES):
        raise ApiRefusalError("msg_too_long")
    if len(str(arguments.get("markdown_text") or "")) > limits.MARKDOWN_TOTAL:
        raise ApiRefusalError("msg_too_long")
    if arguments.get("markdown_text") and (text or blocks):
        raise ApiRefusalError("markdown_text_conflict")
    if blocks is not None:
        _check_blocks(blocks)
    if arguments.get("metadata"):
        _check_metadata(arguments["metadata"])


def name_blocks(blocks: list[Json] | None) -> list[Json]:
    """A copy with a `block_id` on every block and an `action_id` on every interactive element."""
    named = copy.deepcopy(blocks or [])
    for block in named:
        if not block.get("block_id"):
            block["block_id"] = secrets.token_urlsafe(4)
        for element in elements_of(block):
            if element.get("type") != "image" and not element.get("action_id"):
                element["action_id"] = secrets.token_urlsafe(4)
    return named


def elements_of(block: Json) -> list[Json]:
    """The interactive elements (and accessory images) of one block."""
    if block["type"] == "actions":
        return list(block.get("elements", []))
    return [block[name] for name in ("accessory", "element") if isinstance(block.get(name), dict)]


def _count_escaped_bytes(text: str) -> int:
    escaped = BARE_AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    return len(escaped.encode())


def _check_blocks(blocks: Any) -> None:
    if not isinstance(blocks, list):
        raise ApiRefusalError("invalid_blocks_format")
    messages = find_block_problems(blocks, limits.BLOCKS_IN_MESSAGE)
    if messages:
        raise refuse_with_messages("invalid_blocks", messages)
    if sum(block["type"] == "table" for block in blocks) > 1:
        raise ApiRefusalError("invalid_blocks", response_metadata={"messages": ["[ERROR] only one table is allowed in a message"]})
    if count_markdown(blocks) > limits.MARKDOWN_TOTAL or count_text(blocks) > limits.BLOCKS_TEXT:
        raise ApiRefusalError("msg_blocks_too_long")


def _check_metadata(metadata: Any) -> None:
    is_shaped = isinstance(metadata, dict) and metadata.get("event_type") and isinstance(metadata.get("event_payload"), dict)
    if not is_shaped:
        raise ApiRefusalError("invalid_metadata_format")
    if len(json.dumps(metadata)) > limits.METADATA_JSON:
        raise ApiRefusalError("metadata_too_large")
