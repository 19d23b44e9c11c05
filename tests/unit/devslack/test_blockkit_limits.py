"""Slack's limits on blocks, messages and views: what is at the limit passes, what is over it is refused."""

from __future__ import annotations

import pytest

from bot.devslack import limits
from bot.devslack.blockkit.blocks import find_block_problems
from bot.devslack.blockkit.messages import check_content, name_blocks
from bot.devslack.blockkit.views import check_view
from bot.devslack.refusal import ApiRefusalError


def plain(text: str) -> dict:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict:
    return {"type": "mrkdwn", "text": text}


def button(**fields) -> dict:
    return {"type": "button", "action_id": "a", "text": plain("Go")} | fields


def actions(*elements: dict) -> dict:
    return {"type": "actions", "elements": list(elements)}


def options(count: int) -> list[dict]:
    return [{"text": plain(f"option {number}"), "value": str(number)} for number in range(count)]


def cells(columns: int) -> list[dict]:
    return [{"type": "raw_text", "text": "x"}] * columns


AT_AND_OVER = {
    "section text": lambda extra: {"type": "section", "text": mrkdwn("x" * (3_000 + extra))},
    "section fields": lambda extra: {"type": "section", "fields": [mrkdwn("x")] * (10 + extra)},
    "section field": lambda extra: {"type": "section", "fields": [mrkdwn("x" * (2_000 + extra))]},
    "header": lambda extra: {"type": "header", "text": plain("x" * (150 + extra))},
    "context elements": lambda extra: {"type": "context", "elements": [mrkdwn("x")] * (10 + extra)},
    "actions elements": lambda extra: actions(*(button(action_id=str(number)) for number in range(25 + extra))),
    "block id": lambda extra: {"type": "divider", "block_id": "x" * (255 + extra)},
    "action id": lambda extra: actions(button(action_id="x" * (255 + extra))),
    "button text": lambda extra: actions(button(text=plain("x" * (75 + extra)))),
    "button value": lambda extra: actions(button(value="x" * (2_000 + extra))),
    "button url": lambda extra: actions(button(url="x" * (3_000 + extra))),
    "confirm title": lambda extra: actions(button(confirm=confirm(title=plain("x" * (100 + extra))))),
    "confirm text": lambda extra: actions(button(confirm=confirm(text=mrkdwn("x" * (300 + extra))))),
    "confirm button": lambda extra: actions(button(confirm=confirm(deny=plain("x" * (30 + extra))))),
    "select options": lambda extra: actions({"type": "static_select", "action_id": "a", "options": options(100 + extra)}),
    "overflow options": lambda extra: actions({"type": "overflow", "action_id": "a", "options": options(5 + extra)}),
    "markdown": lambda extra: {"type": "markdown", "text": "x" * (12_000 + extra)},
    "table rows": lambda extra: {"type": "table", "rows": [cells(1)] * (100 + extra)},
    "table columns": lambda extra: {"type": "table", "rows": [cells(20 + extra)]},
}


def confirm(**fields) -> dict:
    return {"title": plain("t"), "text": mrkdwn("t"), "confirm": plain("yes"), "deny": plain("no")} | fields


@pytest.mark.parametrize("build", AT_AND_OVER.values(), ids=AT_AND_OVER.keys())
def test_each_limit_holds_exactly(build):
    assert find_block_problems([build(0)], 50) == []
    assert find_block_problems([build(1)], 50) != []


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ({"type": "section"}, "must define either `text` or `fields`"),
        ({"type": "section", "text": mrkdwn("")}, "must be more than 0 characters"),
        ({"type": "section", "text": mrkdwn("x"), "colour": "red"}, "additional property"),
        ({"type": "header", "text": mrkdwn("x")}, "must be one of: plain_text"),
        (actions(button(), button()), "`action_id` a already exists"),
        (actions(button(style="loud")), "must be one of: primary, danger"),
        (actions(button(text=mrkdwn("x"))), "must be one of: plain_text"),
        (actions(), "must have at least 1 items"),
        (actions({"type": "plain_text_input", "action_id": "a"}), "unsupported element type here"),
        ({"type": "markdown"}, "missing required field"),
        ({"type": "rich_text", "elements": [{"type": "poem", "elements": []}]}, "must be one of"),
        ("a string", "must be an object"),
    ],
)
def test_what_slack_does_not_take_is_named(block, complaint):
    problems = find_block_problems([block], 50)

    assert any(complaint in problem for problem in problems)
    assert all("[json-pointer:/blocks/0" in problem for problem in problems)


def test_a_message_takes_fifty_blocks_and_a_view_a_hundred():
    divider = {"type": "divider"}

    assert find_block_problems([divider] * 50, limits.BLOCKS_IN_MESSAGE) == []
    assert find_block_problems([divider] * 51, limits.BLOCKS_IN_MESSAGE) != []
    assert find_block_problems([divider] * 100, limits.BLOCKS_IN_VIEW) == []


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [("x" * 4_000, False), ("x" * 4_001, True), ("—" * 1_334, True), ("<" * 1_001, True), ("&lt;" * 1_000, False)],
)
def test_an_updates_text_is_counted_in_escaped_bytes(text, is_refused):
    if is_refused:
        with pytest.raises(ApiRefusalError, match="msg_too_long"):
            check_content({"text": text}, is_update=True)
    else:
        check_content({"text": text}, is_update=True)


MODAL = {"type": "modal", "title": plain("Title"), "blocks": []}
INPUT = {"type": "input", "label": plain("Reason"), "element": {"type": "plain_text_input", "action_id": "reason"}}


@pytest.mark.parametrize(
    "fields",
    [
        {"title": plain("x" * 25)},
        {"title": None},
        {"submit": plain("x" * 25)},
        {"close": plain("x" * 25)},
        {"private_metadata": "x" * 3_001},
        {"callback_id": "x" * 256},
        {"blocks": [{"type": "divider"}] * 101},
        {"blocks": None},
        {"blocks": [INPUT]},
        {"type": "window"},
        {"size": "large"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_view_over_its_limits_is_refused(fields):
    with pytest.raises(ApiRefusalError, match="invalid_arguments"):
        check_view(MODAL | fields)


def test_a_view_at_its_limits_is_taken():
    view = MODAL | {
        "title": plain("x" * 24),
        "submit": plain("x" * 24),
        "private_metadata": "x" * 3_000,
        "blocks": [INPUT] + [{"type": "divider"}] * 99,
    }

    assert check_view(view) is view


def test_blocks_without_ids_get_them_and_the_original_stays_as_it_was():
    original = [actions({"type": "button", "text": plain("Go")})]

    named = name_blocks(original)

    assert named[0]["block_id"]
    assert named[0]["elements"][0]["action_id"]
    assert "block_id" not in original[0]
