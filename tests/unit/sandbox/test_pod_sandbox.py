"""Commands in a sandbox, against a server that plays the runner."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.errors import SandboxLostError, SandboxUnavailableError
from bot.sandbox.api import Api
from bot.sandbox.exec import Target
from bot.sandbox.pod_sandbox import MOST_COMMAND_BYTES, RUNNER, PodSandbox, frame_request
from bot.sandbox.pods import Pods, read_pod
from bot.settings import SandboxSettings
from tests.unit.sandbox.fake_cluster import NAMESPACE, ExecCall, FakeCluster, Object, make_pod, read_request

POD_PATH = f"/api/v1/namespaces/{NAMESPACE}/pods/kubectl-ai-abcde"


@asynccontextmanager
async def sandbox(cluster: FakeCluster) -> AsyncIterator[PodSandbox]:
    pod = make_pod()
    cluster.objects[POD_PATH] = pod
    found = read_pod(pod)
    assert found is not None

    async def extend(_seconds: float) -> None:
        return None

    async with cluster.serve() as connection:
        pods = Pods(Api(connection), SandboxSettings())
        yield PodSandbox(pods, found, Target(NAMESPACE, found.name, found.container), extend)


def play(cluster: FakeCluster, command: str = "exit 0") -> None:
    """The runner: `stop` succeeds at once, a command does what its words say."""

    async def runner(call: ExecCall) -> None:
        if call.command != [RUNNER]:
            assert call.command == [RUNNER, "stop"]
            return await call.exit(0)
        size = len(frame_request(5.0, "config", command))
        read_request(await call.read_stdin(size))
        word, _, rest = command.partition(" ")
        if word == "hang":
            return await call.wait_for_end()
        if word == "drop":
            return await call.drop()
        await call.write(1, rest.encode())
        return await call.exit(int(rest) if word == "exit" else 0)

    cluster.exec = runner


def stops(cluster: FakeCluster) -> int:
    return sum(call.command == [RUNNER, "stop"] for call in cluster.execs)


async def test_everything_secret_travels_over_stdin() -> None:
    cluster = FakeCluster()
    asked: list[object] = []

    async def runner(call: ExecCall) -> None:
        asked.append(read_request(await call.read_stdin(len(frame_request(2.5, "tökén", "echo ü")))))
        await call.exit(0)

    cluster.exec = runner
    async with sandbox(cluster) as box:
        ran = await box.run("echo ü", "tökén", timeout_seconds=2.5, max_output_bytes=1000)

    assert ran.exit_code == 0
    assert asked == [{"limit": "2.500", "kubeconfig": "tökén", "command": "echo ü"}]
    assert cluster.execs[0].command == [RUNNER]


async def test_the_exit_code_is_the_commands_own_and_nothing_is_stopped() -> None:
    cluster = FakeCluster()
    play(cluster, "exit 7")
    async with sandbox(cluster) as box:
        ran = await box.run("exit 7", "config", timeout_seconds=5, max_output_bytes=1000)

    assert (ran.exit_code, ran.stdout, ran.timed_out, ran.truncated) == (7, "7", False, False)
    assert stops(cluster) == 0


async def test_exit_code_124_is_a_time_out_only_if_the_time_is_over() -> None:
    cluster = FakeCluster()
    play(cluster, "exit 124")
    async with sandbox(cluster) as box:
        ran = await box.run("exit 124", "config", timeout_seconds=5, max_output_bytes=1000)

    assert ran.exit_code == 124
    assert not ran.timed_out


async def test_a_cancelled_command_is_ended_before_the_caller_goes_on() -> None:
    cluster = FakeCluster()
    play(cluster, "hang")
    async with sandbox(cluster) as box:
        running = asyncio.create_task(box.run("hang", "config", timeout_seconds=5, max_output_bytes=1000))
        while not cluster.execs:
            await asyncio.sleep(0.01)
        running.cancel()

        with pytest.raises(asyncio.CancelledError):
            await running

    assert stops(cluster) == 1


async def test_a_node_that_does_not_answer_delays_the_next_command_and_not_who_said_stop() -> None:
    cluster = FakeCluster()
    answers, order = asyncio.Event(), list[str]()

    async def runner(call: ExecCall) -> None:
        if call.command != [RUNNER]:
            await answers.wait()
            order.append("stopped")
            return await call.exit(0)
        order.append("run")
        await call.read_stdin(len(frame_request(5.0, "config", "hang")))
        return await call.wait_for_end() if len(order) == 1 else await call.exit(0)

    cluster.exec = runner
    async with sandbox(cluster) as box:
        running = asyncio.create_task(box.run("hang", "config", timeout_seconds=5, max_output_bytes=1000))
        while not order:
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert order == ["run"]
        following = asyncio.create_task(box.run("next", "config", timeout_seconds=5, max_output_bytes=1000))
        await asyncio.sleep(0.05)
        answers.set()
        ran = await following

    assert ran.exit_code == 0
    assert order == ["run", "stopped", "run"]


async def test_a_broken_connection_ends_the_command_and_never_repeats_it() -> None:
    cluster = FakeCluster()
    play(cluster, "drop")
    async with sandbox(cluster) as box:
        with pytest.raises(SandboxUnavailableError, match="broke while the command ran"):
            await box.run("drop", "config", timeout_seconds=5, max_output_bytes=1000)

    assert [call.command for call in cluster.execs] == [[RUNNER], [RUNNER, "stop"]]


async def test_a_pod_that_went_away_is_a_lost_sandbox() -> None:
    cluster = FakeCluster()
    play(cluster, "drop")
    async with sandbox(cluster) as box:
        cluster.objects[POD_PATH]["metadata"]["uid"] = "another"

        with pytest.raises(SandboxLostError):
            await box.run("drop", "config", timeout_seconds=5, max_output_bytes=1000)


async def test_running_out_of_memory_is_an_outcome_with_a_reason() -> None:
    cluster = FakeCluster()
    play(cluster, "exit 128")
    ended: Object = {"terminated": {"reason": "OOMKilled", "containerID": "containerd://one"}}
    async with sandbox(cluster) as box:
        cluster.objects[POD_PATH]["status"]["containerStatuses"][0]["lastState"] = ended

        ran = await box.run("exit 128", "config", timeout_seconds=5, max_output_bytes=1000)

    assert ran.exit_code == 137
    assert "out of memory" in ran.stderr


async def test_one_command_runs_at_a_time() -> None:
    cluster = FakeCluster()
    inside = 0
    most = 0

    async def runner(call: ExecCall) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await call.read_stdin(len(frame_request(5.0, "config", "true")))
        await asyncio.sleep(0.02)
        inside -= 1
        await call.exit(0)

    cluster.exec = runner
    async with sandbox(cluster) as box:
        await asyncio.gather(*(box.run("true", "config", timeout_seconds=5, max_output_bytes=1000) for _ in range(4)))

    assert len(cluster.execs) == 4
    assert most == 1


@pytest.mark.parametrize(("command", "says"), [("x" * (MOST_COMMAND_BYTES + 1), "through a file"), ("echo \0", "NUL")])
async def test_a_command_that_cannot_be_passed_on_is_refused_as_an_outcome(command: str, says: str) -> None:
    cluster = FakeCluster()
    async with sandbox(cluster) as box:
        ran = await box.run(command, "config", timeout_seconds=5, max_output_bytes=1000)

    assert ran.exit_code == 126
    assert says in ran.stderr
    assert cluster.execs == []
