"""Checks of whole block lists, by block type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.devslack import limits
from bot.devslack.blockkit import elements
from bot.devslack.blockkit.problems import Problems
from bot.devslack.values import Json


def find_block_problems(blocks: Any, most: int) -> list[str]:
    """Slack's complaints about a list of blocks of a message (`most` 50) or view (`most` 100); empty if it is fine."""
    problems = Problems()
    seen: set[str] = set()
    for index, block in enumerate(problems.check_list("/blocks", blocks, most, least=0)):
        pointer = f"/blocks/{index}"
        if not problems.check_object(pointer, block):
            continue
        kind = block.get("type")
        check = CHECKS.get(str(kind))
        if check is None:
            problems.add(f"{pointer}/type", f"unsupported type: {kind}")
            continue
        block_id = block.get("block_id")
        problems.check_id(f"{pointer}/block_id", block_id)
        if block_id and block_id in seen:
            problems.add(f"{pointer}/block_id", f"`block_id` {block_id} already exists")
        seen.add(str(block_id))
        problems.check_fields(pointer, block, FIELDS[str(kind)] | {"type", "block_id"})
        check(problems, pointer, block)
    return problems.messages


def count_text(value: Any) -> int:
    """Characters of all text in blocks, however deep."""
    if isinstance(value, dict):
        own = sum(len(text) for name in ("text", "url") if isinstance(text := value.get(name), str))
        return own + sum(count_text(item) for item in value.values() if isinstance(item, dict | list))
    if isinstance(value, list):
        return sum(count_text(item) for item in value)
    return 0


def count_markdown(blocks: list[Json]) -> int:
    """Characters of all `markdown` blocks together: Slack limits their sum."""
    return sum(len(str(block.get("text", ""))) for block in blocks if block.get("type") == "markdown")


def _check_section(problems: Problems, pointer: str, block: Json) -> None:
    if block.get("text") is None and block.get("fields") is None:
        problems.add(pointer, "must define either `text` or `fields`")
    problems.check_text(f"{pointer}/text", block.get("text"), limits.SECTION_TEXT, required=False)
    if "fields" in block:
        for index, field in enumerate(problems.check_list(f"{pointer}/fields", block["fields"], limits.SECTION_FIELDS)):
            problems.check_text(f"{pointer}/fields/{index}", field, limits.SECTION_FIELD)
    if block.get("accessory") is not None:
        elements.check_element(problems, f"{pointer}/accessory", block["accessory"], elements.ACCESSORIES, set())


def _check_header(problems: Problems, pointer: str, block: Json) -> None:
    problems.check_text(f"{pointer}/text", block.get("text"), limits.HEADER_TEXT, plain=True)


def _check_context(problems: Problems, pointer: str, block: Json) -> None:
    for index, item in enumerate(problems.check_list(f"{pointer}/elements", block.get("elements"), limits.CONTEXT_ELEMENTS)):
        place = f"{pointer}/elements/{index}"
        if isinstance(item, dict) and item.get("type") == "image":
            elements.check_element(problems, place, item, frozenset({"image"}), set())
        else:
            problems.check_text(place, item, limits.CONTEXT_TEXT)


def _check_actions(problems: Problems, pointer: str, block: Json) -> None:
    action_ids: set[str] = set()
    for index, item in enumerate(problems.check_list(f"{pointer}/elements", block.get("elements"), limits.ACTIONS_ELEMENTS)):
        elements.check_element(problems, f"{pointer}/elements/{index}", item, elements.ACTIONS, action_ids)


def _check_input(problems: Problems, pointer: str, block: Json) -> None:
    problems.check_text(f"{pointer}/label", block.get("label"), limits.INPUT_LABEL, plain=True)
    problems.check_text(f"{pointer}/hint", block.get("hint"), limits.INPUT_HINT, plain=True, required=False)
    elements.check_element(problems, f"{pointer}/element", block.get("element"), elements.INPUTS, set())


def _check_image(problems: Problems, pointer: str, block: Json) -> None:
    if "slack_file" not in block:
        problems.check_string(f"{pointer}/image_url", block.get("image_url"), limits.URL, least=1)
    problems.check_string(f"{pointer}/alt_text", block.get("alt_text"), limits.ALT_TEXT)


def _check_markdown(problems: Problems, pointer: str, block: Json) -> None:
    problems.check_string(f"{pointer}/text", block.get("text"), limits.MARKDOWN_TOTAL, least=1)


def _check_rich_text(problems: Problems, pointer: str, block: Json) -> None:
    allowed = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for index, item in enumerate(problems.check_list(f"{pointer}/elements", block.get("elements"), 1_000, least=0)):
        place = f"{pointer}/elements/{index}"
        if not problems.check_object(place, item):
            continue
        if item.get("type") not in allowed:
            problems.add(f"{place}/type", f"must be one of: {', '.join(sorted(allowed))}")
        problems.check_list(f"{place}/elements", item.get("elements"), 5_000, least=0)


def _check_table(problems: Problems, pointer: str, block: Json) -> None:
    for number, row in enumerate(problems.check_list(f"{pointer}/rows", block.get("rows"), limits.TABLE_ROWS)):
        for column, cell in enumerate(problems.check_list(f"{pointer}/rows/{number}", row, limits.TABLE_COLUMNS)):
            place = f"{pointer}/rows/{number}/{column}"
            if problems.check_object(place, cell) and cell.get("type") not in {"raw_text", "raw_number", "rich_text"}:
                problems.add(f"{place}/type", "must be one of: raw_number, raw_text, rich_text")
            elif isinstance(cell, dict) and cell.get("type") == "raw_text":
                problems.check_string(f"{place}/text", cell.get("text"), limits.TABLE_CHARS, least=1)
    if count_text(block.get("rows")) > limits.TABLE_CHARS:
        problems.add(f"{pointer}/rows", f"no more than {limits.TABLE_CHARS} characters allowed in a table")


def _check_divider(problems: Problems, pointer: str, block: Json) -> None:
    """A divider holds nothing to check."""


Check = Callable[[Problems, str, Json], None]

CHECKS: dict[str, Check] = {
    "section": _check_section,
    "divider": _check_divider,
    "header": _check_header,
    "context": _check_context,
    "actions": _check_actions,
    "input": _check_input,
    "image": _check_image,
    "markdown": _check_markdown,
    "rich_text": _check_rich_text,
    "table": _check_table,
}
FIELDS: dict[str, frozenset[str]] = {
    "section": frozenset({"text", "fields", "accessory", "expand"}),
    "divider": frozenset(),
    "header": frozenset({"text", "level"}),
    "context": frozenset({"elements"}),
    "actions": frozenset({"elements"}),
    "input": frozenset({"label", "element", "dispatch_action", "hint", "optional"}),
    "image": frozenset({"image_url", "slack_file", "alt_text", "title"}),
    "markdown": frozenset({"text"}),
    "rich_text": frozenset({"elements"}),
    "table": frozenset({"rows", "column_settings"}),
}
