"""What `make test` makes of failures: few are looked at once more and named, many are not, and what fails twice has failed."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "run_tests.py"
SHAKY = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({number}))
def test_shaky(number):
    seen = Path(__file__).with_name(f"seen-{{number}}")
    had_been = seen.exists()
    seen.write_text("")
    assert had_been

def test_sound():
    with Path(__file__).with_name("runs").open("a") as runs:
        runs.write("x")
"""
BROKEN = "def test_broken():\n    assert False\n"


def run(folder: Path, source: str) -> int:
    spec = importlib.util.spec_from_file_location("run_tests", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    file = folder / "test_some.py"
    file.write_text(source, encoding="utf-8")
    return int(script.run_tests(["-q", "-c", os.devnull, "--rootdir", str(folder), str(file)], os.environ))


def test_what_passes_the_second_time_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, SHAKY.format(number=2)) == 0

    last = capfd.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("PASSED ONLY THE SECOND TIME")
    assert "test_shaky[0]" in last
    assert "test_shaky[1]" in last
    assert (tmp_path / "runs").read_text() == "x"  # what passed is not run again


def test_what_fails_twice_has_failed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, BROKEN) == 1

    assert "SECOND TIME" not in capfd.readouterr().out


def test_many_failures_are_no_accident(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, SHAKY.format(number=4)) == 1

    assert "run once more" not in capfd.readouterr().out


def test_all_well_is_run_once(tmp_path: Path) -> None:
    assert run(tmp_path, "def test_sound():\n    pass\n") == 0
