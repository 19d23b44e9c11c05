"""A recorded thread is handed on in a file, and goes through there as it does where it was recorded."""

from __future__ import annotations

import asyncio
import stat
import sys
from pathlib import Path

import pytest

from bot import replay
from bot.errors import ConfigError
from tests.integration.agent.conftest import WIRES, Open
from tests.integration.agent.test_replaying import record, replayed
from tests.unit.threads.harness import THREAD

ALONE = """
import sys

def guard(event, arguments):
    if event == "sqlite3.connect" or (event == "socket.connect" and arguments[1][0] != "127.0.0.1"):
        raise AssertionError(f"{event} {arguments}")

sys.addaudithook(guard)
from bot.cli import main
sys.exit(main(["replay", *sys.argv[1:]]))
"""
"""A process that has no settings and no environment, and may open neither a database nor a connection to elsewhere."""


async def replay_alone(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code, and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ALONE, *arguments),
        cwd=folder,
        env={"PYTHONPATH": str(Path(replay.__file__).parents[1]), "HOME": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(300):
        out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_saved_thread_goes_through_alike_without_database_and_network(
    wire: str, tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = await record(tmp_path, wire, open_bench)
    here = await replayed(settings, capsys)
    file = tmp_path / "thread.json"

    saved = await replay.save(settings, THREAD, file)
    (tmp_path / "bot.db").unlink()
    code, out = await replay_alone(tmp_path, "--from", str(file))

    rows, _, limits = out.partition("\nnot compared:\n")
    assert (saved, code) == (0, 0), out
    assert rows.splitlines() == here.lines
    assert [line.strip() for line in limits.splitlines()] == here.limits
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_one_turn_of_a_file_is_replayed_and_a_changed_byte_is_found(tmp_path: Path, open_bench: Open) -> None:
    settings = await record(tmp_path, "gemini", open_bench)
    file = tmp_path / "thread.json"
    await replay.save(settings, THREAD, file)

    second = await replay_alone(tmp_path, "--from", str(file), "2")
    absent = await replay_alone(tmp_path, "--from", str(file), "7")
    file.write_text(file.read_text().replace("output 0 needle", "output 0 noodle", 1))
    altered = await replay_alone(tmp_path, "--from", str(file))

    assert (second[0], [line.split()[1] for line in second[1].partition("\n\n")[0].splitlines()]) == (0, ["asked", "replied", "ended"])
    assert absent == (2, f"replay: Thread {THREAD} has no turn 7.\n")
    assert altered[0] == 1
    assert "replied  differs  The request is not the one that the model was sent" in altered[1]


async def test_a_file_that_is_there_is_kept(tmp_path: Path, open_bench: Open) -> None:
    settings = await record(tmp_path, "gemini", open_bench)
    file = tmp_path / "notes.json"
    file.write_text("mine")

    with pytest.raises(ConfigError, match=r"Cannot make the file .*notes\.json: File exists; name another with --save"):
        await replay.save(settings, THREAD, file)

    assert file.read_text() == "mine"
