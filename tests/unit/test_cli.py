"""The command line itself."""

from __future__ import annotations

import pytest

from bot import cli


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])

    name, number = capsys.readouterr().out.split()
    assert name == "kubectl-ai-slack"
    assert number[0].isdigit()
