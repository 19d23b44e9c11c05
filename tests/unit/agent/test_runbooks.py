"""Runbooks of a folder, found by keyword."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.agent import observation, runbooks
from bot.errors import ConfigError


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
    books = runbooks.load(str(folder))

    assert [(book.name, book.title) for book in books] == [("network/dns.md", "DNS fails"), ("payments.md", "Payments crash loops")]


def test_the_title_counts_more_than_the_text(folder: Path) -> None:
    result = runbooks.find(runbooks.load(str(folder)), "payment crash")

    assert result.status == "ok"
    assert result.stdout.index("Restart the ledger") < result.stdout.index("CoreDNS")


def test_what_fits_nothing_is_answered_with_what_there_is(folder: Path) -> None:
    result = runbooks.find(runbooks.load(str(folder)), "volcano")

    assert result.note == "No runbook fits these words. There are: DNS fails; Payments crash loops."


@pytest.mark.parametrize("query", [None, "", " - ", 3])
def test_a_query_without_words_is_an_error(folder: Path, query: object) -> None:
    assert runbooks.find(runbooks.load(str(folder)), query).status == "error"


def test_long_runbooks_are_shown_in_part(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("# Long\n" + "word\n" * 30_000, encoding="utf-8")

    result = runbooks.find(runbooks.load(str(tmp_path)), "long")

    assert len(result.stdout) <= observation.MODEL_CHARS
    assert "left out" in result.stdout


def test_no_folder_is_no_runbooks_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    assert runbooks.load("") == ()
    with pytest.raises(ConfigError, match=r"set `runbooks\.path`"):
        runbooks.load(str(tmp_path / "absent"))
