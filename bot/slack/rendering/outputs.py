"""The window on a whole text: pages, and a filter for the lines that matter. Pure."""

from __future__ import annotations

import orjson

from bot.slack import limits
from bot.slack.rendering.blocks import Block, actions, button, plain, preformatted, rich_text, section
from bot.slack.rendering.text import clean, escape, flatten, say_count
from bot.threads.inbound.incoming import Glance

OUTPUT_CALLBACK = "output"
FILTER_BLOCK, FILTER_INPUT = "filter", "words"
PREVIOUS, NEXT, ALL = "output_previous", "output_next", "output_all"
"""Action ids of the window's buttons; the value is the page they lead to."""


def render_output(text: str, glance: Glance) -> Block:
    """The modal with one page of the text's lines, those that hold the filter's words if there are any."""
    lines = _split(clean(text).strip("\n"))
    wanted = glance.words.casefold()
    found = [line for line in lines if wanted in line.casefold()] if wanted else lines
    pages = _paginate(found)
    number = max(0, min(glance.page, len(pages) - 1))
    start, end = pages[number]
    shown = "\n".join(found[start:end])
    told = _describe(start, end, len(found), len(lines), glance.words)
    blocks: list[Block] = [_build_filter(glance.words), section(told), *(rich_text(element) for element in preformatted(shown))]
    buttons = []
    if number > 0:
        buttons.append(button("Previous", PREVIOUS, str(number - 1)))
    if number < len(pages) - 1:
        buttons.append(button("Next", NEXT, str(number + 1)))
    if glance.words:
        buttons.append(button("Show all lines", ALL, "0"))
    if buttons:
        blocks.append(actions(f"pages-{number}-{len(pages)}", *buttons))
    return _build_view(blocks, encode_place(glance, number))


def render_filtering(metadata: str, words: str) -> Block:
    """What the window shows from the press of Filter until the lines are found."""
    told = f"Looking for lines with “{escape(flatten(words, limits.FILTER_CHARS))}”…" if words else "Looking…"
    return _build_view([_build_filter(words), section(told.replace("`", "'"))], metadata)


def encode_place(glance: Glance, page: int) -> str:
    """What the window remembers: which text, which page, which filter."""
    return orjson.dumps({"thread": glance.thread_id, "key": glance.key, "page": page, "words": clean(glance.words)}).decode()


def _build_view(blocks: list[Block], metadata: str) -> Block:
    return {
        "type": "modal",
        "callback_id": OUTPUT_CALLBACK,
        "private_metadata": metadata,
        "title": plain("Full text"),
        "submit": plain("Filter"),
        "close": plain("Close"),
        "blocks": blocks,
    }


def _build_filter(words: str) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": FILTER_INPUT, "max_length": limits.FILTER_CHARS}
    if words:
        element["initial_value"] = words
    return {
        "type": "input",
        "block_id": FILTER_BLOCK,
        "optional": True,
        "label": plain("Only lines with"),
        "element": element | {"placeholder": plain("for example: error")},
    }


def _describe(start: int, end: int, found: int, total: int, words: str) -> str:
    of_all = f" of {total:,} line{'' if total == 1 else 's'}"
    if not words:
        return f"Lines {start + 1:,}–{end:,}{of_all}." if total > 1 else "One line."
    quoted = escape(flatten(words, limits.FILTER_CHARS)).replace("`", "'")
    if not found:
        return f"None{of_all} hold `{quoted}`."
    return f"{found:,}{of_all} hold `{quoted}`; here {start + 1:,}–{end:,}."


def _split(text: str) -> list[str]:
    """Lines; one that is longer than half a page says so at its cut and goes on in the next."""
    most = limits.PAGE_CHARS // 2
    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) <= most:
            lines.append(line)
            continue
        for at in range(0, len(line), most):
            left = len(line) - at - most
            told = f" … ({say_count(left, 'character')} of this line)" if left > 0 else ""
            lines.append(f"{line[at : at + most]}{told}")
    return lines


def _paginate(lines: list[str]) -> list[tuple[int, int]]:
    """(first, after the last) line of each page; one page at least."""
    pages: list[tuple[int, int]] = []
    start = size = 0
    for index, line in enumerate(lines):
        if index > start and (index - start >= limits.PAGE_LINES or size + len(line) + 1 > limits.PAGE_CHARS):
            pages.append((start, index))
            start, size = index, 0
        size += len(line) + 1
    return [*pages, (start, len(lines))]
