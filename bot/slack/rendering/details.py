"""The modals: a change's full diff with the exact API requests, the reason of a denial, the command line to edit. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from bot.changes import literals, refusals
from bot.changes.change import Change, ObjectDiff
from bot.slack import limits
from bot.slack.rendering.blocks import Block, line, plain, preformatted, rich_text, section, words
from bot.slack.rendering.cards import encode_target
from bot.slack.rendering.differences import describe_change, name_object, name_write
from bot.slack.rendering.execs import describe_output, describe_stdin
from bot.slack.rendering.outcomes import describe_send, tells_each_write
from bot.slack.rendering.text import clean, cut_end, escape, flatten, make_name, reveal, say_count
from bot.values.requests import Json, RecordedWrite, RefusedRequest

REASON_CALLBACK, REASON_BLOCK, REASON_INPUT = "deny_reason", "reason", "text"
EDIT_CALLBACK, EDIT_BLOCK, EDIT_INPUT = "edit_command", "command", "text"
DETAILS_CALLBACK = "details"

_KEPT_OF_SECRETS = frozenset({"apiVersion", "kind", "name", "namespace", "type", "op", "path"})
HIDDEN = "(hidden)"
EXPORTED = "Write `export` in the thread for a file that has the fields of its changes."


def render_details(change: Change) -> Block:
    """The modal. What has no room in a modal is counted at its end, never dropped silently."""
    blocks: list[Block] = []
    room = limits.VIEW_JSON_BYTES
    outputs = sum(send.output is not None for send in change.sends)
    above = 1 + tells_each_write(change) + bool(change.refused) + bool(change.impact)
    total = above + len(change.diffs) + max(1, len(change.writes)) + outputs
    for index, part in enumerate(_render_parts(change)):
        room -= len(json.dumps(part))
        if room < 0 or len(blocks) + len(part) > limits.VIEW_BLOCKS:
            left = say_count(total - index, "part")
            blocks.append(section(f"⚠️ {left} of this change, objects or requests, have no room in this window. {EXPORTED}"))
            break
        blocks += part
    return {
        "type": "modal",
        "callback_id": DETAILS_CALLBACK,
        "title": plain(f"Change {change.id}"),
        "close": plain("Close"),
        "blocks": blocks,
    }


def _render_parts(change: Change) -> Iterator[list[Block]]:
    yield _render_summary(change)
    if tells_each_write(change):  # the card has room for some of it only, too
        yield _render_sends(change)
    if change.refused:
        yield _render_refused(change.refused)
    if change.impact:  # whole: the card has room for some of it only
        yield [rich_text(line(words("What it means", bold=True))), *_literal("\n".join(map(reveal, change.impact)))]
    for diff in change.diffs:
        yield _render_diff(diff)
    for position, write in enumerate(change.writes):
        yield _render_request(position, write, len(change.writes))
    for send in change.sends:
        if send.output is not None:
            title = rich_text(line(words(f"Output of {name_write(change, send.position)}", bold=True)))
            yield [title, *_literal(describe_output(send))]
    if not change.writes:
        yield [section("The requests of this change are no longer kept; its digest and diff are.")]


def render_reason(change: Change, *, is_home: bool = False) -> Block:
    """The modal that asks why a change is denied; it carries the number and digest of the card, and whether it belongs to the Home."""
    element = {"type": "plain_text_input", "action_id": REASON_INPUT, "multiline": True, "max_length": limits.INPUT_TEXT}
    return {
        "type": "modal",
        "callback_id": REASON_CALLBACK,
        "private_metadata": encode_target(change, is_home=is_home),
        "title": plain(f"Deny Change {change.id}"),
        "submit": plain("Deny"),
        "close": plain("Cancel"),
        "blocks": [
            rich_text(*preformatted(cut_end(reveal(change.command), limits.CARD_COMMAND_CHARS, limits.CARD_COMMAND_LINES)))
            if change.command.strip()
            else section(f"Change {change.id}"),
            {
                "type": "input",
                "block_id": REASON_BLOCK,
                "optional": True,
                "label": plain("Why? The thread sees it, and so does the model"),
                "element": element,
            },
        ],
    }


def render_edit(change: Change) -> Block:
    """The modal in which the asker edits the command line; it carries the number and digest of the card."""
    element = {
        "type": "plain_text_input",
        "action_id": EDIT_INPUT,
        "multiline": True,
        "initial_value": change.command,
        "min_length": 1,
        "max_length": limits.INPUT_TEXT,
    }
    told = f"It is rehearsed at once, nothing is applied. What it would change takes the place of Change {change.id}."
    return {
        "type": "modal",
        "callback_id": EDIT_CALLBACK,
        "private_metadata": encode_target(change),
        "title": plain(f"Edit Change {change.id}"),
        "submit": plain("Rehearse"),
        "close": plain("Cancel"),
        "blocks": [{"type": "input", "block_id": EDIT_BLOCK, "label": plain("Command line"), "element": element, "hint": plain(told)}],
    }


def render_unshown(title: str, rest: str, error: str) -> Block:
    """The window instead of one that Slack refused: why, and where the rest is."""
    told = f"Slack would not show this window as it is (`{escape(flatten(error, limits.NAME_CHARS))}`). {rest}"
    return {"type": "modal", "title": plain(title), "close": plain("Close"), "blocks": [section(told)]}


def _render_summary(change: Change) -> list[Block]:
    place = f"{make_name(change.cluster)} · {make_name(change.namespace) or 'no namespace'} · digest `{change.digest[:12]}`"
    command = reveal(cut_end(change.command, limits.WINDOW_CHARS, limits.WINDOW_LINES))
    reason = [rich_text(line(words("Reason", bold=True))), *_literal(reveal(change.reason))] if change.reason else []
    return [section(f"*Change {change.id}* · {place}"), *_literal(command), *reason]


def _render_sends(change: Change) -> list[Block]:
    sends = {send.position: send for send in change.sends}
    lines = [describe_send(name_write(change, at), sends.get(at), limits.WINDOW_VALUE_CHARS) for at in range(len(change.writes))]
    return [rich_text(line(words("What became of it", bold=True))), *_literal("\n".join(lines))]


def _render_refused(refused: Sequence[RefusedRequest]) -> list[Block]:
    title = rich_text(line(words("Refused, and no part of this change", bold=True)))
    listed = "\n".join(map(refusals.describe_fully, refused))
    return [title, *_literal(cut_end(reveal(listed), limits.WINDOW_CHARS, limits.WINDOW_LINES, "which have no room in this window"))]


def _render_diff(diff: ObjectDiff) -> list[Block]:
    title = rich_text(
        line(words(flatten(diff.title, limits.TITLE_CHARS), bold=True), words(f"  {flatten(diff.action, limits.ACTION_CHARS)}"))
    )
    lines = [
        f"{flatten(field.path, limits.WINDOW_PATH_CHARS) or '(whole object)'}\n  {describe_change(field, limits.WINDOW_VALUE_CHARS)}"
        for field in diff.fields
    ]
    notes = [f"⚠️ {clean(note)}" for note in diff.notes]
    otherwise = "(the whole object goes)" if diff.action == "delete" else "(no field is known to change)"
    return [title, *_literal("\n".join([*lines, *notes]) or otherwise)]


def _render_request(position: int, write: RecordedWrite, total: int) -> list[Block]:
    title = rich_text(
        line(words(f"Request {position + 1} of {total}: ", bold=True), words(flatten(name_object(write), limits.TITLE_CHARS)))
    )
    body = describe_body(write) if write.connect is None else describe_stdin(write)
    head = "\n".join(reveal(cut_end(text, limits.WINDOW_HEAD_CHARS, 1)) for text in describe_head(write))
    return [title, *_literal(head), *_literal(body)]


def describe_head(write: RecordedWrite) -> list[str]:
    """What stands above a request's body, one line each: method and path, who sends it, what it builds on."""
    request = write.request
    query = f"?{urlencode(request.query)}" if request.query else ""
    head = [f"{request.method} {request.path}{query}"]
    if request.content_type:
        head.append(f"Content-Type: {request.content_type}")
    if write.identity is not None:
        head.append(f"as {write.identity.user}")
    for relation, places in (("builds on", write.depends_on), ("passes only after", write.needs)):
        if places:
            head.append(f"{relation} request {', '.join(str(number + 1) for number in places)}")
    if write.note:
        head.append(f"note: {write.note}")
    return head


def _literal(text: str) -> list[Block]:
    """Preformatted blocks: one element per block, because a block of many elements is slow on phones."""
    return [rich_text(element) for element in preformatted(text)]


def describe_body(write: RecordedWrite, *, is_whole: bool = False) -> str:
    """The request's body for people: JSON indented, Secrets by key only; binary bodies say so, and (unless `is_whole`) those that
    are too long for a window. Characters that cannot be seen show as escapes, as JSON has them."""
    body = write.request.body
    if not body:
        return ""
    concerns_secret = write.info.resource == "secrets" and not write.info.group
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _describe_undecoded(body, concerns_secret, is_whole=is_whole)
    shown = _hide_all(decoded) if concerns_secret else literals.hide(_hide_secrets(decoded))
    text = orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()
    return reveal(text if is_whole else cut_end(text, limits.WINDOW_CHARS, limits.WINDOW_LINES, "which have no room in this window"))


def _describe_undecoded(body: bytes, concerns_secret: bool, *, is_whole: bool) -> str:
    if concerns_secret:
        return f"({len(body):,} bytes that are not JSON: not shown, because they concern a Secret)"
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(body):,} bytes of binary data)"
    if "\x00" in text:
        return f"({len(body):,} bytes of binary data)"
    if "Secret" in text:
        return f"({len(body):,} bytes that are not JSON: not shown, because they may hold a Secret)"
    return reveal(text if is_whole else cut_end(text, limits.WINDOW_CHARS, limits.WINDOW_LINES, "which have no room in this window"))


def _hide_secrets(value: Json) -> Json:
    """Hides the values of every Secret inside a document, for example in a List."""
    if isinstance(value, dict):
        if value.get("kind") == "Secret":
            return _hide_all(value)
        return {key: _hide_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hide_secrets(item) for item in value]
    return value


def _hide_all(value: Json, key: str = "", *, in_data: bool = False) -> Json:
    """Keeps the keys of a Secret and what names it; every other value is hidden, also inside JSON patches."""
    if isinstance(value, dict):
        below: dict[str, Any] = {}
        for name, item in value.items():
            is_data = in_data or name in {"data", "stringData", "annotations", "labels", "value"}
            below[name] = _hide_all(item, name, in_data=is_data)
        return below
    if isinstance(value, list):
        return [_hide_all(item, key, in_data=in_data) for item in value]
    return value if key in _KEPT_OF_SECRETS and not in_data else HIDDEN
