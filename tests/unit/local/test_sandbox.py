"""Commands on this machine: what they get, how they end, what is kept of their output."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.local.sandbox import LocalSandboxes
from bot.threads.ports import Sandbox
from bot.values.sandbox import Ran


@pytest.fixture
async def sandboxes() -> AsyncIterator[LocalSandboxes]:
    made = LocalSandboxes(lambda kubeconfig: f"named {kubeconfig}")
    yield made
    await made.close()


async def run(sandbox: Sandbox, command: str, *, seconds: float = 60, most: int = 10_000) -> Ran:
    return await sandbox.run(command, "kubeconfig", timeout_seconds=seconds, max_output_bytes=most)


async def test_exit_code_and_both_outputs_come_back(sandboxes: LocalSandboxes) -> None:
    ran = await run(await sandboxes.acquire("t"), "echo out; echo err >&2; exit 7")

    assert (ran.exit_code, ran.stdout, ran.stderr, ran.truncated, ran.timed_out) == (7, "out\n", "err\n", False, False)


async def test_the_environment_holds_only_what_is_meant_for_commands(sandboxes: LocalSandboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    ran = await run(await sandboxes.acquire("t"), "env; stat -c %a $(dirname $KUBECONFIG); cat $KUBECONFIG")

    names = {line.partition("=")[0] for line in ran.stdout.splitlines() if "=" in line}
    assert "LC_ALL" in names
    assert names <= {
        *("PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "HOME", "TERM", "KUBECONFIG", "KUBECACHEDIR"),
        *("PWD", "SHLVL", "_"),
        *(name for name in os.environ if name.startswith("LC_")),
    }
    assert ran.stdout.endswith("700\nnamed kubeconfig")


async def test_files_stay_until_the_thread_is_released(sandboxes: LocalSandboxes) -> None:
    sandbox = await sandboxes.acquire("t")
    path = await sandbox.put("data.bin", b"\x00\x01")

    first = await run(sandbox, "echo kept > file; pwd")
    again = await run(await sandboxes.acquire("t"), "cat file; wc -c < data.bin")
    await sandboxes.release("t")

    assert again.stdout == "kept\n2\n"
    assert path == f"{first.stdout.strip()}/data.bin"
    assert not Path(first.stdout.strip()).exists()


async def test_threads_have_folders_of_their_own(sandboxes: LocalSandboxes) -> None:
    one, other = await sandboxes.acquire("t"), await sandboxes.acquire("u")

    assert one.identity != other.identity
    assert (await run(one, "pwd")).stdout != (await run(other, "pwd")).stdout


async def test_a_command_that_runs_too_long_is_ended_with_all_that_it_began(sandboxes: LocalSandboxes) -> None:
    ran = await run(await sandboxes.acquire("t"), "echo begun; sleep 600 & echo $!; wait", seconds=1)

    pid = int(ran.stdout.split()[1])
    assert ran.timed_out
    assert not _runs(pid)


async def test_a_cancelled_command_is_ended_with_all_that_it_began(sandboxes: LocalSandboxes) -> None:
    sandbox = await sandboxes.acquire("t")
    folder = Path((await run(sandbox, "pwd")).stdout.strip())
    running = asyncio.create_task(run(sandbox, "sleep 600 & echo $! > pid.new; mv pid.new pid; wait"))
    while not (folder / "pid").exists():
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert running.cancelled()
    assert not _runs(int((folder / "pid").read_text()))


async def test_of_a_long_output_head_and_tail_are_kept(sandboxes: LocalSandboxes) -> None:
    ran = await run(await sandboxes.acquire("t"), "seq 100000", most=1000)

    assert ran.truncated
    assert ran.stdout.startswith("1\n2\n")
    assert ran.stdout.endswith("\n100000\n")
    assert len(ran.stdout) < 1100


async def test_there_is_no_input_to_wait_for(sandboxes: LocalSandboxes) -> None:
    ran = await run(await sandboxes.acquire("t"), "cat; echo ended")

    assert ran.stdout == "ended\n"


def _runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
