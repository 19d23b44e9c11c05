"""Answers and command output as messages: untrusted Markdown, code, tables, terminal output. Pure.

What is longer than a screen is shown as a summary; the whole text goes into a file beside it and can be paged through in a
window (`outputs`). Nothing is left out without a line that says how much there is and where.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.slack import limits
from bot.slack.rendering.blocks import Block, Rendered, button, count_chars, preformatted, rich_text, section
from bot.slack.rendering.markdown import Code, Prose, read
from bot.slack.rendering.tables import Grid, draw_text, is_wide, read_kubectl, render_table, split_kubectl, write_csv
from bot.slack.rendering.text import clean, cut_middle, escape, flatten, make_fallback, mention, say_count, split_lines, wrap_links

OUTPUT = "output"
"""Action id of the button that opens the window on a whole text; its value is the text's key."""
_BLOCKS = limits.BLOCKS_IN_MESSAGE - limits.SPARE_BLOCKS


@dataclass(frozen=True, slots=True)
class File:
    """A text file to put beside a message."""

    name: str
    title: str
    content: str


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What is said where Slack refuses a message as it is, in our own words as mrkdwn."""

    what: str = "kubectl-ai has something to say"
    """What the message is, as the beginning of a sentence."""
    rest: str = ""
    """Where the rest is, or how to go on without it."""
    whole: str = ""
    """All of it as text: shown where it has room, instead of the beginning of the message."""
    if_whole: str = ""
    """Said in place of `rest` then."""


SOMETHING = Otherwise()


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text is shown. `file` holds all of it, if the message does not."""

    message: Rendered
    file: File | None = None


def lay_out(text: str, code: str = "", key: str = "", hosts: frozenset[str] = frozenset()) -> Layout | None:
    """`text` as Markdown, `code` as monospace or a table below it. None if both are empty. Without a `key` (which names the
    file, and what the button asks for) a long text is cut, and says so. Takes some 100 ms per megabyte."""
    if not clean(text).strip() and not clean(code).strip():
        return None
    if _is_short(text, code):
        pieces = [*read(text, hosts), *_read_output(code)]
        blocks = _render_pieces(pieces)
        grids = [piece for piece in pieces if isinstance(piece, Grid)]
        is_drawn = key != "" and any(is_wide(draw_text(grid)) for grid in grids[1:])
        if is_drawn:
            blocks.append(section("Only one table of a message scrolls sideways; the file below shows all of them as they are."))
        if _fits(blocks):
            return Layout(_finish(blocks, text, code), _make_file(text, code, key) if is_drawn else None)
    share = 1.0
    blocks = _summarize(text, code, key, hosts, share)
    while not _fits(blocks):  # escaping can make four characters of one
        share /= 2
        blocks = _summarize(text, code, key, hosts, share)
    return Layout(_finish(blocks, text, code), _make_file(text, code, key) if key else None)


def render_root(user_id: str, text: str) -> Rendered:
    """The root message of a thread that a slash command started: who asked what."""
    question = flatten(text, limits.QUOTE_CHARS)
    quoted = escape(wrap_links(question.replace("`", "'"))) or "…"
    return Rendered(make_fallback(f"kubectl-ai was asked: {question}"), (section(f"{mention(user_id)} asked: {quoted}"),))


def render_plain(rendered: Rendered, error: str, otherwise: Otherwise) -> Rendered:
    """The same message as text alone, which has no shape that could be refused: what it is, why it is not whole, and either all of
    it or its beginning."""
    code = escape(flatten(error, limits.NAME_CHARS).replace("`", "'"))
    if whole := _fit_plain(otherwise.whole):
        told = f"⚠️ {otherwise.what}, but Slack would not show its card (`{code}`). This is all of it. {otherwise.if_whole}".rstrip()
        return Rendered(f"{told}\n```{whole}```", ())
    words = " ".join(_unescape(" ".join(_collect_text(list(rendered.blocks)))).replace("`", "'").split())
    told = f"⚠️ {otherwise.what}, but Slack would not show it whole (`{code}`). {otherwise.rest}".rstrip()
    return Rendered(f"{told}\n```{_cut_plain(clean(words))}```" if words else told, (), is_part=True)


def _fit_plain(whole: str) -> str:
    """A text escaped, if it has room and can be shown letter by letter; else ''."""
    escaped = escape(whole)
    is_exact = clean(whole) == whole and "`" not in whole
    return escaped if is_exact and len(escaped.encode()) <= limits.PLAIN_BYTES else ""


def _cut_plain(words: str) -> str:
    """The beginning of some words, escaped."""
    shown: list[str] = []
    room = limits.PLAIN_BYTES
    for at, character in enumerate(words):
        escaped = escape(character)
        room -= len(escaped.encode())
        if room < 0:
            return f"{''.join(shown)}… {say_count(len(words) - at, 'character')}"
        shown.append(escaped)
    return "".join(shown)


def join_whole(text: str, code: str) -> str:
    """All of it as one clean text, as files and windows have it."""
    return "\n\n".join(part for part in (clean(text).strip(), clean(code).strip("\n")) if part.strip())


def _is_short(text: str, code: str) -> bool:
    return len(text) + len(code) <= limits.SCREEN_CHARS and text.count("\n") + code.strip("\n").count("\n") < limits.SCREEN_LINES


def _fits(blocks: Sequence[Block]) -> bool:
    return len(blocks) <= _BLOCKS and count_chars(blocks) <= limits.MESSAGE_CHARS


def _finish(blocks: Sequence[Block], text: str, code: str) -> Rendered:
    words = " ".join(_collect_text(blocks)) or text or code
    return Rendered(make_fallback(_unescape(words)), tuple(blocks))


def _unescape(words: str) -> str:
    """Of blocks, where some texts are escaped and others are not: for what is escaped as a whole then."""
    return words.replace("&lt;", "<").replace("&gt;", ">")


def _render_pieces(pieces: Iterable[Prose | Code | Grid]) -> list[Block]:
    blocks: list[Block] = []
    has_table = False
    for piece in pieces:
        if isinstance(piece, Prose):
            blocks += [{"type": "markdown", "text": part} for part in _split_paragraphs(piece.text)]
        elif isinstance(piece, Code):
            blocks += _literal(piece.text)
        elif piece.fits and not has_table:  # Slack takes one table per message
            blocks.append(render_table(piece))
            has_table = True
        else:
            blocks += _literal(draw_text(piece))
    return blocks


def _read_output(code: str) -> list[Code | Grid]:
    """Its wide tables, and the rest as it is."""
    parts = split_kubectl(code) if is_wide(code) else [code]
    return [part if isinstance(part, Grid) else Code(part) for part in parts if part]


def _literal(text: str) -> list[Block]:
    return [rich_text(element) for element in preformatted(text)]


def _summarize(text: str, code: str, key: str, hosts: frozenset[str], share: float) -> list[Block]:
    """The beginning of the text, head and tail of the output, and where the rest is."""
    head = _cut_paragraphs(text, int(limits.SUMMARY_CHARS * share))
    output, grid = code, read_kubectl(code) if is_wide(code) else None
    if grid is not None and (some := grid.take(int(limits.SUMMARY_ROWS * share))).fits:
        below = [render_table(some)]
    else:
        output = cut_middle(code.strip("\n"), max(200, int(limits.OUTPUT_CHARS * share)), max(3, int(limits.OUTPUT_LINES * share)))
        below = _literal(cut_middle(clean(output), max(200, int(limits.OUTPUT_CHARS * share)), limits.OUTPUT_LINES))
    above = _render_pieces(piece if not isinstance(piece, Grid) or not below else Code(draw_text(piece)) for piece in read(head, hosts))
    return [*above, *below, _tell_rest(text, code, key)]


def _tell_rest(text: str, code: str, key: str) -> Block:
    whole = join_whole(text, code)
    lines = whole.count("\n") + 1
    size = f"{len(whole):,} characters" if lines == 1 else f"{lines:,} lines"
    if not key:
        return section(f"⚠️ This is a part: the whole has {size}, for which there is no room here.")
    what = "answer" if text.strip() else "output"
    return section(f"This is a part of the {what}: all {size} are in the file below.", button(f"Show {what}", OUTPUT, key))


def _make_file(text: str, code: str, key: str) -> File:
    """A spreadsheet of a wide table, else the text itself."""
    grid = read_kubectl(code) if is_wide(code) and not text.strip() else None
    kind = "csv" if grid is not None else "md" if text.strip() and not code.strip() else "txt"
    content = write_csv(grid) if grid is not None else f"{join_whole(text, code)}\n"
    name = re.sub(r"[^a-z0-9.]+", "-", key.lower()).strip("-.") or "text"
    title = "The whole answer" if text.strip() else "The whole output"
    return File(f"{name}.{kind}", title, content)


def _cut_paragraphs(text: str, most: int) -> str:
    """The beginning of a text, cut between paragraphs, lines or words, whichever gives up less than half."""
    if len(text) <= most:
        return text
    for mark in ("\n\n", "\n", " "):
        at = text.rfind(mark, most // 2, most)
        if at > 0:
            return text[:at]
    return text[:most]


def _split_paragraphs(text: str) -> list[str]:
    """Markdown cut between paragraphs (or lines of very long ones), joined again up to what a block can hold."""
    most = limits.PARAGRAPH_CHARS
    parts: list[str] = []
    for paragraph in text.split("\n\n"):
        for part in split_lines(paragraph, most) if len(paragraph) > most else [paragraph]:
            if not part.strip():
                continue
            if parts and len(parts[-1]) + len(part) + 2 <= most // 2:
                parts[-1] = f"{parts[-1]}\n\n{part}"
            else:
                parts.append(part)
    return parts


def _collect_text(value: object) -> list[str]:
    """All text of blocks, in order."""
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for item in value.values() if isinstance(item, dict | list) for text in _collect_text(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _collect_text(item)]
    return []
