"""Commands in a real gVisor sandbox: what they say, and that nothing is left of them."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from bot.kube.connection import KubeConnection
from bot.kube.output import Output
from bot.sandbox.exec import Target, execute
from bot.sandbox.pod_sandbox import MOST_STREAMED_BYTES, RUNNER, PodSandbox, frame_request
from bot.sandbox.sandboxes import PooledSandboxes
from tests.e2e.conftest import Cluster
from tests.e2e.parts import until
from tests.e2e.sandbox.parts import IDLE, KUBECONFIG, NAMESPACE, list_processes, run, runs

pytestmark = pytest.mark.cluster


async def test_output_and_exit_codes_are_the_commands_own(sandbox: PodSandbox) -> None:
    well = await run(sandbox, "echo out; echo err >&2")
    badly = await run(sandbox, "exit 7")
    killed = await run(sandbox, "kill -9 $$")

    assert (well.exit_code, well.stdout, well.stderr) == (0, "out\n", "err\n")
    assert badly.exit_code == 7
    assert killed.exit_code == 137


async def test_the_environment_is_the_runners_and_the_kubeconfig_is_thisruns(sandbox: PodSandbox) -> None:
    ran = await run(sandbox, "cat $KUBECONFIG; stat -c %a $KUBECONFIG; compgen -e; cat /proc/version")

    assert ran.stdout.startswith(KUBECONFIG + "600\n")
    assert "gvisor" in ran.stdout
    assert "KUBERNETES_SERVICE_HOST" not in ran.stdout
    second = await sandbox.run("cat $KUBECONFIG", "another", timeout_seconds=10, max_output_bytes=1000)
    assert second.stdout == "another"


async def test_files_stay_with_the_thread(sandbox: PodSandbox) -> None:
    await run(sandbox, "echo kept >notes")

    assert (await run(sandbox, "cat ~/notes")).stdout == "kept\n"


async def test_a_long_command_arrives_whole(sandbox: PodSandbox) -> None:
    words = "äbc " * 25_000

    ran = await run(sandbox, f"sha256sum <<'END'\n{words}\nEND")

    assert ran.stdout.split()[0] == hashlib.sha256(f"{words}\n".encode()).hexdigest()


async def test_the_time_limit_ends_the_command_and_all_it_started(connection: KubeConnection, sandbox: PodSandbox) -> None:
    ran = await run(sandbox, "trap '' TERM; (trap '' TERM HUP; sleep 301) & nohup sleep 302 & echo begun; sleep 303; sleep 304", 1.0)

    assert (ran.exit_code, ran.timed_out, ran.stdout) == (124, True, "begun\n")
    assert await list_processes(connection, sandbox) == IDLE


async def test_nothing_runs_on_when_a_command_is_over(connection: KubeConnection, sandbox: PodSandbox) -> None:
    daemon = "import os,time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(300)"
    ran = await run(sandbox, f"python3 -c '{daemon}'; (exec sleep 305) & echo done")

    assert (ran.exit_code, ran.stdout) == (0, "done\n")
    assert await list_processes(connection, sandbox) == IDLE


async def test_what_a_command_leaves_running_is_waited_for_a_moment(connection: KubeConnection, sandbox: PodSandbox) -> None:
    ran = await run(sandbox, "(sleep 1; echo late) & echo now")
    left = await run(sandbox, "sleep 309 & echo now; exit 3")

    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "now\nlate\n", "")
    assert (left.exit_code, left.stdout) == (3, "now\n")
    assert "left running in the background was ended" in left.stderr
    assert await list_processes(connection, sandbox) == IDLE


async def test_a_cancelled_command_is_ended(connection: KubeConnection, sandbox: PodSandbox) -> None:
    running = asyncio.create_task(run(sandbox, "sleep 306", 100))
    await until("the command runs", lambda: runs(connection, sandbox, "sleep 306"))

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert await list_processes(connection, sandbox) == IDLE


async def test_the_end_of_the_stream_is_enough_to_end_a_command(connection: KubeConnection, sandbox: PodSandbox) -> None:
    """What is left of a bot that was killed is the end of its connections."""
    task = asyncio.create_task(
        execute(
            connection,
            Target(NAMESPACE, sandbox.pod, "sandbox"),
            (RUNNER,),
            frame_request(100, KUBECONFIG, "sleep 307"),
            close_stdin=False,
            stdout=Output(1000),
            stderr=Output(1000),
            most_bytes=10**6,
        )
    )
    await until("the command runs", lambda: runs(connection, sandbox, "sleep 307"))

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    async def is_over() -> bool:
        return await list_processes(connection, sandbox) == IDLE

    await until("nothing of it runs", is_over)
    assert (await run(sandbox, "echo usable")).stdout == "usable\n"


async def test_a_command_that_kills_its_runner_gains_nothing(connection: KubeConnection, sandbox: PodSandbox) -> None:
    ran = await run(sandbox, "kill -9 $PPID; sleep 2; exec >/dev/null 2>&1; sleep 308", 15)

    assert ran.exit_code == 137
    assert await list_processes(connection, sandbox) == IDLE


async def test_a_fork_bomb_ends_with_its_command(connection: KubeConnection, sandbox: PodSandbox) -> None:
    ran = await run(sandbox, "bomb() { bomb | bomb & }; bomb; sleep 60", 1.0)

    assert ran.timed_out
    assert (await run(sandbox, "echo usable")).stdout == "usable\n"


async def test_much_output_keeps_its_head_and_tail(sandbox: PodSandbox) -> None:
    ran = await run(sandbox, "echo first; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo last", most=10_000)

    assert ran.exit_code == 0
    assert ran.truncated
    assert ran.stdout.startswith("first\n")
    assert ran.stdout.endswith("\nlast\n")
    assert "bytes left out" in ran.stdout
    assert len(ran.stdout) < 10_100


async def test_output_without_end_ends_the_command(connection: KubeConnection, sandbox: PodSandbox) -> None:
    ran = await run(sandbox, "yes", 60)

    assert ran.exit_code == 137
    assert f"{MOST_STREAMED_BYTES // 2**20} MiB" in ran.stderr
    assert await list_processes(connection, sandbox) == IDLE


async def test_running_out_of_memory_is_told(sandbox: PodSandbox) -> None:
    ran = await run(sandbox, "python3 -c 'bytearray(900 * 2**20)'")

    assert ran.exit_code == 137
    assert "out of memory" in ran.stderr


async def test_neither_command_nor_kubeconfig_is_in_the_audit_log(cluster: Cluster, sandbox: PodSandbox) -> None:
    await run(sandbox, "echo a-very-private-word")

    log = await until("the exec is in the audit log", lambda: _find_execs(cluster, sandbox.pod))
    assert f"exec?command={RUNNER}" in log
    assert "a-very-private-word" not in log
    assert "swordfish" not in log


def _find_execs(cluster: Cluster, pod: str) -> str:
    lines = cluster.audit_log.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if f"/pods/{pod}/exec" in line and "kubectl-ai-runner" in line)


async def test_the_pool_knows_the_version_of_kubectl_that_its_sandboxes_have(pool: PooledSandboxes, sandbox: PodSandbox) -> None:
    printed = (await run(sandbox, "kubectl version --client")).stdout

    assert pool.kubectl_version.startswith("v1.")
    assert f"Client Version: {pool.kubectl_version}\n" in printed
