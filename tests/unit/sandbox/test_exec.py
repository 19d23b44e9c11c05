"""The exec protocol, against a server that speaks it."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SandboxError, SandboxLostError, SandboxUnavailableError
from bot.kube.exec import Broken, Ending, Exited, Flooded, read_ending
from bot.kube.output import Output
from bot.sandbox.exec import Target, execute
from tests.unit.sandbox.fake_cluster import ExecCall, FakeCluster

TARGET = Target("kubectl-ai-sandboxes", "pod", "sandbox")


async def run(cluster: FakeCluster, stdin: bytes = b"", *, close: bool = True, most: int = 10**6) -> tuple[Ending, str, str]:
    stdout, stderr = Output(10_000), Output(10_000)
    async with cluster.serve() as connection:
        ending = await execute(connection, TARGET, ("cat", "-"), stdin, close_stdin=close, stdout=stdout, stderr=stderr, most_bytes=most)
    return ending, stdout.render(), stderr.render()


async def test_streams_are_kept_apart_and_the_exit_code_is_true() -> None:
    cluster = FakeCluster()

    async def speak(call: ExecCall) -> None:
        await call.write(1, b"out")
        await call.write(2, b"err")
        await call.write(1, b"put")
        await call.exit(7)

    cluster.exec = speak

    assert await run(cluster) == (Exited(7), "output", "err")
    assert cluster.execs[0].command == ["cat", "-"]


async def test_stdin_comes_in_pieces_and_is_closed_by_the_protocols_own_message() -> None:
    cluster = FakeCluster()
    sent = bytes(range(256)) * 1000
    got: list[bytes] = []

    async def listen(call: ExecCall) -> None:
        got.append(await call.read_stdin(len(sent) + 1))
        await call.exit(0)

    cluster.exec = listen
    ending, _, _ = await run(cluster, sent)

    assert ending == Exited(0)
    assert got == [sent]
    messages = cluster.execs[0].messages
    assert max(len(message) for message in messages) <= 64 * 1024
    assert messages[-1] == b"\xff\x00"


async def test_stdin_stays_open_unless_it_is_closed() -> None:
    cluster = FakeCluster()

    async def listen(call: ExecCall) -> None:
        await call.read_stdin(4)
        await call.exit(0)

    cluster.exec = listen
    await run(cluster, b"four", close=False)

    assert b"\xff\x00" not in cluster.execs[0].messages


async def test_a_connection_that_ends_without_a_result_is_not_taken_for_an_exit() -> None:
    cluster = FakeCluster()

    async def vanish(call: ExecCall) -> None:
        await call.write(1, b"half")
        await call.drop()

    cluster.exec = vanish
    ending, stdout, _ = await run(cluster)

    assert isinstance(ending, Broken)
    assert stdout == "half"


async def test_output_without_end_closes_the_stream() -> None:
    cluster = FakeCluster()
    ended = asyncio.Event()

    async def flood(call: ExecCall) -> None:
        for _ in range(100):
            await call.write(1, b"y\n" * 500)
        await call.wait_for_end()
        ended.set()

    cluster.exec = flood
    ending, _, _ = await run(cluster, most=50_000)

    assert ending == Flooded()
    await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        (404, SandboxLostError, "is gone"),
        (403, SandboxError, "grant get and create on pods/exec"),
        (503, SandboxUnavailableError, "try again"),
        (400, SandboxError, "1.30 or newer"),
    ],
)
async def test_a_refused_exec_says_what_to_do(code: int, error: type[SandboxError], says: str) -> None:
    cluster = FakeCluster()
    cluster.refusals[("GET", "/exec")] = (code, "", "no")

    with pytest.raises(SandboxError, match=says) as raised:
        await run(cluster)

    assert type(raised.value) is error


def test_an_internal_error_of_the_kubelet_is_not_an_exit_code() -> None:
    status = {"status": "Failure", "reason": "InternalError", "message": "container not found"}

    assert read_ending(json.dumps(status).encode()) == Broken("container not found")


@given(
    st.one_of(st.binary(max_size=100), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode()))
)
def test_a_result_that_is_not_understood_is_broken(data: bytes) -> None:
    assert isinstance(read_ending(data), Broken)
