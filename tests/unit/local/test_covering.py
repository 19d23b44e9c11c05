"""A file that lies over another for one command alone: as root, as somebody without rights, and where the machine does not allow it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bot.local import command, covering
from bot.local.covering import cover, find_files

_CAT = """
import sys
cover([Path(sys.argv[1])], Path(sys.argv[2]))
os.execv("/bin/cat", ["cat", sys.argv[1]])
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may look into, with two files that say which they are."""
    with tempfile.TemporaryDirectory(prefix="covering-") as name:
        path = Path(name)
        path.chmod(0o755)
        (path / "theirs").write_text("theirs")
        (path / "rehearsal").write_text("rehearsal")
        yield path


@pytest.mark.parametrize(
    "who", [[], ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]]
)
def test_a_command_sees_the_other_file_and_nobody_else_does(folder: Path, who: list[str]) -> None:
    if who and os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else")
    program = Path(covering.__file__).read_text(encoding="utf-8") + _CAT  # by its input: others may not look into this folder

    seen = subprocess.run(
        [*who, os.path.realpath(sys.executable), "-I", "-", str(folder / "theirs"), str(folder / "rehearsal")],
        input=program,
        capture_output=True,
        text=True,
        check=False,
    )

    if "Operation not permitted" in seen.stderr or "Permission denied" in seen.stderr:
        pytest.skip(f"this machine gives no process a view of the file system of its own: {seen.stderr.splitlines()[-1]}")
    assert seen.stdout == "rehearsal", seen.stderr
    assert (folder / "theirs").read_text() == "theirs"


async def _cat(folder: Path, target: Path) -> command.LocalRun:
    prepare = partial(cover, [target], folder / "rehearsal")
    return await command.run(
        ["cat", str(folder / "theirs")], os.environ, asyncio.sleep(60, ""), is_captured=True, is_foreground=False, prepare=prepare
    )


async def test_where_it_cannot_be_done_the_command_runs_and_it_is_told(folder: Path) -> None:
    ran = await _cat(folder, folder / "absent")

    assert (ran.stdout, ran.exit_code, ran.is_prepared) == ("theirs", 0, False)


async def test_a_program_that_is_not_there_is_told_as_ever(folder: Path) -> None:
    prepare = partial(cover, [], folder / "rehearsal")

    ran = await command.run(["no-such-program"], os.environ, asyncio.sleep(60, ""), is_captured=True, is_foreground=False, prepare=prepare)

    assert (ran.exit_code, ran.has_begun) == (127, False)


def test_all_kubeconfigs_that_one_could_name_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    (folder / ".kube").mkdir()
    usual = folder / ".kube" / "config"
    usual.symlink_to(folder / "rehearsal")
    (folder / "link").symlink_to(folder / "theirs")

    found = find_files(os.pathsep.join([str(folder / "link"), "", str(folder / "absent"), str(folder / "theirs")]))

    assert found == ((folder / "theirs").resolve(), (folder / "rehearsal").resolve())
