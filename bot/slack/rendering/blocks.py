"""Builders of Block Kit blocks, so that every block of ours is made in one way. Pure.

Untrusted text goes into rich text (literal: Slack parses nothing in it) or plain text; mrkdwn is for our own words, with
mentions and times made by `text`. It is `verbatim`, so that Slack links nothing in it by itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from bot.slack import limits
from bot.slack.rendering.text import clean, split_lines

Block = dict[str, Any]
"""A Block Kit block or element: JSON."""
PART = "part:"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message ready to be sent. `text` is what notifications and screen readers get."""

    text: str
    blocks: tuple[Block, ...]
    is_part: bool = False
    """Something of what it stands for is not in it, and nothing in it leads there."""

    @property
    def digest(self) -> str:
        """Equal for equal messages. It begins with PART for those that are one."""
        mark = PART if self.is_part else ""
        return mark + hashlib.sha256(orjson.dumps([self.text, self.blocks], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def mrkdwn(text: str) -> Block:
    """A text object of our own words. What is untrusted in it must be escaped."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def section(text: str, accessory: Block | None = None) -> Block:
    block: Block = {"type": "section", "text": mrkdwn(text), "expand": True}
    return block | {"accessory": accessory} if accessory else block


def context(*texts: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [mrkdwn(text) for text in texts[: limits.CONTEXT_ELEMENTS]]}


def button(text: str, action: str, value: str, style: str = "", *, label: str = "") -> Block:
    """`label` is for screen readers, where the text alone does not say what it is about."""
    block: Block = {"type": "button", "text": plain(text), "action_id": action, "value": value}
    return block | ({"style": style} if style else {}) | ({"accessibility_label": label} if label else {})


def link_button(text: str, action: str, url: str, *, label: str) -> Block:
    """A button that leads to an address. Its press is told to the app too, which need not care."""
    return {"type": "button", "text": plain(text), "action_id": action, "url": url, "accessibility_label": label}


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text)}


def actions(block_id: str, *elements: Block) -> Block:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def rich_text(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": list(elements)}


def words(text: str, *, bold: bool = False, code: bool = False, italic: bool = False) -> Block:
    """A literal text element for `line`. Empty text is refused by Slack, so it becomes a space."""
    style = {name: True for name, is_on in (("bold", bold), ("code", code), ("italic", italic)) if is_on}
    element: Block = {"type": "text", "text": text or " "}
    return element | {"style": style} if style else element


def line(*elements: Block) -> Block:
    return {"type": "rich_text_section", "elements": list(elements)}


def bullets(*lines: Block) -> Block:
    return {"type": "rich_text_list", "style": "bullet", "elements": list(lines)}


def preformatted(text: str) -> list[Block]:
    """Literal monospace text, in as many elements as its length needs. Empty text gives none."""
    cleaned = clean(text).strip("\n")
    if not cleaned.strip():
        return []
    pieces = split_lines(cleaned, limits.PREFORMATTED_CHARS)
    return [{"type": "rich_text_preformatted", "elements": [words(piece)]} for piece in pieces if piece]


def count_chars(block: Any) -> int:
    """Characters of all text in a block, however deep: what Slack's total limits count."""
    if isinstance(block, dict):
        own = sum(len(value) for name in ("text", "url") if isinstance(value := block.get(name), str))
        return own + sum(count_chars(value) for value in block.values() if isinstance(value, dict | list))
    if isinstance(block, list | tuple):
        return sum(count_chars(item) for item in block)
    return 0
