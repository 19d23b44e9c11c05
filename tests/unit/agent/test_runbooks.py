"""Runbooks of a folder, found by keyword."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.agent import observation, runbooks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "payments.md").write_text("# Payments crash loops\nRestart the ledger first.\n", encoding="utf-8")
    (tmp_path / "network").mkdir()
    (tmp_path / "network" / "dns.md").write_text("# DNS fails\nLook at CoreDNS. Payments breaks first.\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("payments", encoding="utf-8")
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "payments.md").write_text("# Twice\npayments", encoding="utf-8")
    return tmp_path


def test_markdown_files_are_read_with_their_titles_and_hidden_ones_are_not(folder: Path) -> None:
    books = runbooks.load(str(folder), [])

    assert [(book.name, book.title) for book in books] == [("network/dns.md", "DNS fails"), ("payments.md", "Payments crash loops")]


def test_the_title_counts_more_than_the_text(folder: Path) -> None:
    result = runbooks.find(runbooks.load(str(folder), []), "payment crash")

    assert result.status == "ok"
    assert result.stdout.index("Restart the ledger") < result.stdout.index("CoreDNS")


def test_what_fits_nothing_is_answered_with_what_there_is(folder: Path) -> None:
    result = runbooks.find(runbooks.load(str(folder), []), "volcano")

    assert result.note == "No runbook fits these words. There are: DNS fails; Payments crash loops."


@pytest.mark.parametrize("query", [None, "", " - ", 3])
def test_a_query_without_words_is_an_error(folder: Path, query: object) -> None:
    assert runbooks.find(runbooks.load(str(folder), []), query).status == "error"


def test_long_runbooks_are_shown_in_part(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("# Long\n" + "word\n" * 30_000, encoding="utf-8")

    result = runbooks.find(runbooks.load(str(tmp_path), []), "long")

    assert len(result.stdout) <= observation.MODEL_CHARS
    assert "left out" in result.stdout


def test_no_folder_is_no_runbooks_and_a_missing_one_is_a_problem(tmp_path: Path) -> None:
    problems: list[str] = []

    assert runbooks.load("", problems) == ()
    assert problems == []
    assert runbooks.load(str(tmp_path / "absent"), problems) == ()
    assert problems == [f"There is no folder {tmp_path}/absent: set `runbooks.path` to a folder of Markdown files."]


def test_a_file_that_cannot_be_read_is_one_sentence_and_the_others_are_read(folder: Path) -> None:
    (folder / "a.md").mkdir()
    problems: list[str] = []

    books = runbooks.load(str(folder), problems)

    assert [book.name for book in books] == ["network/dns.md", "payments.md"]
    assert problems == [f"Cannot read the runbook {folder}/a.md: Is a directory."]


def test_what_a_folder_is_hardly_meant_to_hold_is_told_one_sentence_for_each_file(folder: Path) -> None:
    assert runbooks.find_odd("") == []
    assert runbooks.find_odd(str(folder)) == []
    (folder / "empty.md").write_text("\n")
    (folder / "latin.md").write_bytes("# Störung\n".encode("latin-1"))
    (folder / "long.md").write_text("ö" * 150_000, encoding="utf-8")

    assert runbooks.find_odd(str(folder)) == [
        "The runbook empty.md is empty: write it or remove it.",
        "The runbook long.md is longer than 200 kB, and what is above is left out: split it.",
        "The runbook latin.md is not UTF-8: save it as such.",
    ]


def test_a_folder_without_runbooks_is_odd(tmp_path: Path) -> None:
    assert runbooks.find_odd(str(tmp_path)) == [
        f"There is no runbook in {tmp_path}: put Markdown files (`*.md`) there, or leave `runbooks.path` empty."
    ]
