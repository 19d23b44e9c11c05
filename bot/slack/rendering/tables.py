"""Tables: found in kubectl's output and in Markdown, shown as table blocks (they scroll sideways, they never wrap) or CSV. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from bot.slack import limits
from bot.slack.rendering.blocks import Block
from bot.slack.rendering.text import clean

_TITLE = re.compile(r"\S+(?: \S+)*")
_DELIMITER = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_CELLS = re.compile(r"(?<!\\)\|")
_MOST_LINES = 20_000
_LEAST_WITHOUT_HEADER = 4
"""Columns. Fewer may be chance: two spaces stand in logs as well."""
_WIDEST_LINE = 1_000
_SAMPLE = 50
_WIDEST = 60
"""Characters a column is padded to in text: one long cell must not make every line long."""
_MARKS = re.compile(r"(\*\*|__|~~|`)(.+?)\1")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its rows, the header first if it has one, all of one length. `right` are the columns aligned to the right."""

    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    has_header: bool = True

    @property
    def fits(self) -> bool:
        """Whether a table block can show all of it."""
        chars = sum(len(cell) for row in self.rows for cell in row)
        return (
            len(self.rows) + (not self.has_header) <= limits.TABLE_ROWS
            and len(self.rows[0]) <= limits.TABLE_COLUMNS
            and chars <= limits.TABLE_CHARS
        )

    def take(self, most: int) -> Grid:
        """The header and the first rows, at most `most` of them and as many as a table block holds; one at least."""
        rows, room = [self.rows[0]], limits.TABLE_CHARS - sum(len(cell) for cell in self.rows[0])
        for row in self.rows[1 : most + 1]:
            room -= sum(len(cell) for cell in row)
            if room < 0:
                break
            rows.append(row)
        return Grid(tuple(rows), self.right, self.has_header)


def read_kubectl(output: str) -> Grid | None:
    """The one table that `kubectl get` printed: capitals above columns that are two spaces apart at least, or rows of such a table
    without its header, as `grep` and `tail` leave them. None for anything else."""
    if output.count("\n") > _MOST_LINES:
        return None
    lines = [line.rstrip() for line in clean(output).split("\n") if line.strip()]
    if len(lines) < 2 or any("\t" in line for line in lines):
        return None
    has_header = _is_header(lines[0])
    starts = [match.start() for match in _TITLE.finditer(lines[0])] if has_header else _find_columns(lines)
    if not (2 if has_header else _LEAST_WITHOUT_HEADER) <= len(starts) <= limits.TABLE_COLUMNS:
        return None
    ends = [*starts[1:], None]
    for line in lines[1:]:
        if any(line[start - 2 : start].strip() for start in starts[1:]):
            return None  # text runs over the edge of a column
    return Grid(
        tuple(tuple(line[start:end].strip() for start, end in zip(starts, ends, strict=True)) for line in lines), has_header=has_header
    )


def _find_columns(lines: Sequence[str]) -> list[int]:
    """Where columns begin: below two spaces in every line, and most lines have something there."""
    some = lines[:_SAMPLE]  # the caller sees whether the rest keeps to it
    if any(line[0] == " " for line in some):
        return []

    def begins(at: int) -> bool:
        filled = sum(line[at : at + 1].strip() != "" for line in some)
        return filled * 2 > len(some) and not any(line[at - 2 : at].strip() for line in some)

    return [0, *(at for at in range(2, min(max(map(len, some)), _WIDEST_LINE)) if begins(at))]


def split_kubectl(output: str) -> list[Grid | str]:
    """The wide tables in an output of several commands or kinds, and the text between them, in order."""
    lines = clean(output).split("\n")
    cuts = [0, *(at for at, line in enumerate(lines) if at and _is_header(line)), len(lines)]
    parts: list[Grid | str] = []
    for begin, end in pairwise(cuts):
        text = "\n".join(lines[begin:end])
        grid = read_kubectl(text) if is_wide(text) else None
        if grid is None and parts and isinstance(before := parts[-1], str):
            parts[-1] = f"{before}\n{text}"
        elif grid is not None or text.strip():
            parts.append(grid or text)
    return parts


def _is_header(line: str) -> bool:
    line = line.rstrip()
    return line[:1].isupper() and line == line.upper() and "  " in line


def is_wide(text: str) -> bool:
    """Whether a line of it would wrap in a thread pane."""
    return any(len(line) > limits.NARROW_COLUMNS for line in text.split("\n"))


def split_markdown(lines: Sequence[str]) -> list[tuple[int, int, Grid]]:
    """The Markdown tables among the lines: (first line, line after the last, table)."""
    found, index = [], 0
    while index + 1 < len(lines):
        if "|" not in lines[index] or not _DELIMITER.fullmatch(lines[index + 1]) or "|" not in lines[index + 1] + lines[index].strip("| "):
            index += 1
            continue
        head, marks = _split_row(lines[index]), _split_row(lines[index + 1])
        if len(head) != len(marks) or len(head) > limits.TABLE_COLUMNS:
            index += 1
            continue
        end = index + 2
        while end < len(lines) and "|" in lines[end]:
            end += 1
        rows = (head, *(_split_row(line) for line in lines[index + 2 : end]))
        right = frozenset(at for at, mark in enumerate(marks) if mark.endswith(":") and not mark.startswith(":"))
        found.append((index, end, Grid(tuple(_fit_row(row, len(head)) for row in rows), right)))
        index = end
    return found


def _split_row(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [_MARKS.sub(r"\2", cell.strip().replace("\\|", "|")) for cell in _CELLS.split(inner)]


def _fit_row(row: Sequence[str], length: int) -> tuple[str, ...]:
    """As long as the header: what is too much goes into the last cell, so that nothing is lost."""
    cells = [*row[: length - 1], " | ".join(row[length - 1 :])] if len(row) > length else row
    return tuple(cell or "" for cell, _ in zip_longest(cells, range(length), fillvalue=""))


def render_table(grid: Grid) -> Block:
    """The table block of a grid that fits. Cells are literal text."""
    rows = grid.rows if grid.has_header else (("",) * len(grid.rows[0]), *grid.rows)  # Slack draws the first row as a header
    block: Block = {"type": "table", "rows": [[_cell(cell) for cell in row] for row in rows]}
    if grid.right:
        block["column_settings"] = [{"align": "right" if at in grid.right else "left"} for at in range(len(grid.rows[0]))]
    return block


def _cell(text: str) -> Block:
    return {"type": "raw_text", "text": " ".join(clean(text).split()) or " "}  # Slack refuses an empty one


def draw_text(grid: Grid) -> str:
    """The table as aligned monospace text."""
    rows = [tuple(" ".join(cell.split()) for cell in row) for row in grid.rows]
    widths = [min(_WIDEST, max(len(row[at]) for row in rows)) for at in range(len(rows[0]))]
    return "\n".join(
        "   ".join(
            cell.rjust(width) if at in grid.right else cell.ljust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def write_csv(grid: Grid) -> str:
    """The table for a spreadsheet. A cell that a spreadsheet would compute begins with an apostrophe, which makes it text."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([_disarm(cell) for cell in row] for row in grid.rows)
    return file.getvalue()


def _disarm(cell: str) -> str:
    return f"'{cell}" if len(cell) > 1 and cell[0] in "=+-@" else cell
