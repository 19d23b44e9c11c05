"""Runbooks: Markdown files of the people who run the cluster, found by keyword."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from bot.agent import observation
from bot.values.transcript import ToolResult

_LARGEST_BYTES = 200_000
_SHOWN = 2
_LISTED = 20
_TITLE_WEIGHT = 5
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Runbook:
    """One file. `title` is its first heading, or its name."""

    name: str
    title: str
    text: str
    is_cut: bool = False
    """Whether the file holds more than is read of it."""


def load(path: str, problems: list[str]) -> tuple[Runbook, ...]:
    """All Markdown files of the folder and the folders in it, by name; none for an empty path. Hidden ones are left out: a mounted
    ConfigMap holds every file twice. What is wrong goes to `problems`, one sentence for each file."""
    if not path:
        return ()
    folder = Path(path)
    if not folder.is_dir():
        problems.append(f"There is no folder {path}: set `runbooks.path` to a folder of Markdown files.")
        return ()
    files = [f for f in sorted(folder.rglob("*.md")) if not any(part.startswith(".") for part in f.relative_to(folder).parts)]
    return tuple(book for file in files if (book := _read_file(file, str(file.relative_to(folder)), problems)) is not None)


def find_odd(path: str) -> list[str]:
    """What a readable folder is hardly meant to hold, one sentence for each file; the bot can start with it."""
    books = load(path, [])
    if path and not books:
        return [f"There is no runbook in {path}: put Markdown files (`*.md`) there, or leave `runbooks.path` empty."]
    odd = [f"The runbook {book.name} is empty: write it or remove it." for book in books if not book.text.strip()]
    odd += [
        f"The runbook {book.name} is longer than {_LARGEST_BYTES // 1000} kB, and what is above is left out: split it."
        for book in books
        if book.is_cut
    ]
    return odd + [f"The runbook {book.name} is not UTF-8: save it as such." for book in books if "\ufffd" in book.text and not book.is_cut]


def find(runbooks: tuple[Runbook, ...], query: object) -> ToolResult:
    """The answer of one call of `runbook`: the best two in full, the others that fit by title."""
    if not isinstance(query, str) or not _words(query):
        return ToolResult(status="error", note="The argument `query` must be a few keywords.")
    ranked = sorted(((_score(runbook, _words(query)), runbook) for runbook in runbooks), key=lambda item: (-item[0], item[1].name))
    found = [runbook for score, runbook in ranked if score > 0]
    if not found:
        titles = "; ".join(runbook.title for runbook in runbooks[:_LISTED])
        return ToolResult(status="ok", note=f"No runbook fits these words. There are: {titles}.")
    room = observation.MODEL_CHARS // min(len(found), _SHOWN) - 100
    shown = "\n\n".join(f"--- {book.name}\n{observation.bound(book.text, room, '')}" for book in found[:_SHOWN])
    others = "; ".join(runbook.title for runbook in found[_SHOWN:_LISTED])
    return ToolResult(status="ok", stdout=shown, note=f"Others that fit: {others}." if others else "", is_runbook=True)


def read(name: str, text: str) -> Runbook:
    """One runbook of its Markdown."""
    heading = next((line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#")), "")
    return Runbook(name, heading or name, text)


def _score(runbook: Runbook, words: frozenset[str]) -> int:
    """Each word counts once for the text and more for the name and the title."""
    head, body = _words(f"{runbook.name} {runbook.title}"), _words(runbook.text)
    return sum(_TITLE_WEIGHT * (word in head) + (word in body) for word in words)


def _words(text: str) -> frozenset[str]:
    """Lower-case words; a plural is its singular."""
    return frozenset(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _WORD.findall(text.lower()))


def _read_file(file: Path, name: str, problems: list[str]) -> Runbook | None:
    try:
        data = file.read_bytes()
    except OSError as exc:
        problems.append(f"Cannot read the runbook {file}: {exc.strerror}.")
        return None
    return replace(read(name, data[:_LARGEST_BYTES].decode("utf-8", "replace")), is_cut=len(data) > _LARGEST_BYTES)
