"""The Markdown of a model or a notice, made safe for Slack's `markdown` blocks. Pure.

Slack's own markup is active inside `markdown` blocks, so `<` and `>` are escaped (which suffices, as users measured), masked
links are shown plainly, and whatever Slack would link by itself is put into a code span. Fenced code leaves the Markdown
altogether: as a preformatted rich text element nothing in it is parsed, and no fence can be broken out of.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from bot.slack import limits
from bot.slack.rendering.tables import Grid, split_markdown
from bot.slack.rendering.text import clean, wrap_links

_FENCE = re.compile(r"[ \t]*(?:>[ \t]?)*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?(`{3,}|~{3,})([^`]*)")
_BLANK = re.compile(r"(\n[ \t]*\n)")
_RUN = re.compile(r"`+")
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(\s{0,9}<?([^\s()<>]{1,2000})>?(?:\s{1,9}[\"'(][^()\n]{0,300})?\s{0,9}\)")
_ADJACENT = re.compile(r"\](?=[(\[:])")
_QUOTE = re.compile(r"\s{0,3}(?:>[ \t]?)+")


@dataclass(frozen=True, slots=True)
class Prose:
    """Safe Markdown without fences. No line is longer than about six times `limits.LINE_CHARS`, no code span crosses a line."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """The literal content of a fenced code block."""

    text: str


def read(text: str, hosts: frozenset[str] = frozenset()) -> list[Prose | Code | Grid]:
    """Splits untrusted Markdown into safe pieces, in order; empty ones are left out. URLs of `hosts` stay links."""
    pieces: list[Prose | Code | Grid] = []
    for is_code, content in _split_fences(clean(text)):
        if is_code and content.strip():
            pieces.append(Code(content))
        elif not is_code:
            pieces += [part if isinstance(part, Grid) else Prose(defuse(part, hosts).strip("\n")) for part in _split_tables(content)]
    return pieces


def _split_tables(prose: str) -> Iterator[str | Grid]:
    """Tables and what is between them; blank parts are left out."""
    lines, at = prose.split("\n"), 0
    for start, end, grid in split_markdown(lines):
        if before := "\n".join(lines[at:start]).strip():
            yield before
        yield grid
        at = end
    if (rest := "\n".join(lines[at:]).strip("\n")) and rest.strip():
        yield rest


def defuse(prose: str, hosts: frozenset[str] = frozenset()) -> str:
    """Safe Markdown: the same words, no live mention, no masked link, no linked address outside `hosts`."""
    folded = "\n".join(part for line in prose.split("\n") for part in _fold(line))
    paragraphs = [part if is_gap else _defuse_paragraph(part, hosts) for is_gap, part in _alternate(_BLANK.split(folded))]
    return "\n".join(_escape_line(line) for line in "".join(paragraphs).split("\n"))


def _alternate(parts: list[str]) -> Iterator[tuple[bool, str]]:
    for index, part in enumerate(parts):
        yield index % 2 == 1, part


def _split_fences(text: str) -> Iterator[tuple[bool, str]]:
    """Alternating prose and code. A fence that is never closed runs to the end, as in CommonMark."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        opening = _FENCE.fullmatch(line)
        if fence:
            bare = line.strip(" \t>")
            if bare and set(bare) == {fence[0]} and len(bare) >= len(fence):
                yield True, "\n".join(lines)
                lines, fence = [], ""
            else:
                lines.append(line)
        elif opening:
            yield False, "\n".join(lines)
            lines, fence = [], opening[1]
        else:
            lines.append(line)
    yield bool(fence), "\n".join(lines)


def _fold(line: str) -> Iterator[str]:
    while len(line) > limits.LINE_CHARS:
        at = line.rfind(" ", limits.LINE_CHARS // 2, limits.LINE_CHARS)
        at = limits.LINE_CHARS if at < 0 else at
        yield line[:at]
        line = line[at:].lstrip(" ")
    yield line


def _defuse_paragraph(paragraph: str, hosts: frozenset[str]) -> str:
    out: list[str] = []
    for is_code, content in _split_spans(paragraph):
        if is_code:
            # One backtick each side and none inside: no other reading of the span is possible.
            inner = " ".join(content.split()).replace("`", "'")
            piece = f"`{inner}`" if inner else " "  # a space: brackets around an empty span must not meet
        else:
            shown = _ADJACENT.sub("] ", _show_links(content.replace("`", "'")))
            piece = wrap_links(shown, hosts)
        if out and piece.startswith("`") and out[-1].endswith(("`", "\\")):
            piece = f" {piece}"  # neither a longer run of backticks nor an escaped one
        if piece:
            out.append(piece)
    return "".join(out)


def _split_spans(paragraph: str) -> Iterator[tuple[bool, str]]:
    """Alternating text and code spans, paired as CommonMark does: a run of backticks closes at the next run of its length."""
    runs = [match.span() for match in _RUN.finditer(paragraph)]
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for index, (start, end) in enumerate(runs):
        by_length[end - start].append(index)
    at = index = 0
    while index < len(runs):
        start, end = runs[index]
        partners = by_length[end - start]
        later = bisect_right(partners, index)
        if later < len(partners):
            closing = partners[later]
            yield False, paragraph[at:start]
            yield True, paragraph[end : runs[closing][0]]
            at, index = runs[closing][1], closing
        index += 1
    yield False, paragraph[at:]


def _show_links(prose: str) -> str:
    """`[words](address)` → `words (address)`, so that people see where a link leads."""

    def show(match: re.Match[str]) -> str:
        words, address = match[1].strip(), match[2]
        return address if words in {"", address} else f"{words} ({address})"

    return _LINK.sub(show, prose)


def _escape_line(line: str) -> str:
    """Escapes angle brackets; those that begin a quotation stay."""
    quote = _QUOTE.match(line)
    at = quote.end() if quote else 0
    return line[:at] + line[at:].replace("<", "&lt;").replace(">", "&gt;")
