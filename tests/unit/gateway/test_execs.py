"""Execs that are run for real: what comes back of them, and when it is certain that nothing ran."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from yarl import URL

from bot.errors import UpstreamUnavailableError
from bot.gateway.apiserver import execs
from bot.gateway.hiding.redaction import Redactor
from bot.kube.connection import KubeConnection
from bot.values.execs import Executed
from tests.unit.sandbox.fake_cluster import Credential, Exec, ExecCall, FakeCluster

REDACTOR = Redactor(b"salt of this test")
PATH = "/api/v1/namespaces/shop/pods/web-1/exec?command=run&stdin=true&stdout=true&stderr=true"


async def run(speak: Exec, stdin: bytes | None = None, *, seconds: float = 10.0, most: int = 100_000, kept: int = 2_000) -> Executed:
    cluster = FakeCluster()
    cluster.exec = speak
    async with cluster.serve() as connection:
        return await execute(connection, stdin, seconds=seconds, most=most, kept=kept)


async def execute(
    connection: KubeConnection, stdin: bytes | None, *, seconds: float = 10.0, most: int = 100_000, kept: int = 2_000
) -> Executed:
    url, headers = URL(connection.server + PATH), await connection.headers()
    return await execs.execute(connection, url, headers, stdin, REDACTOR, seconds=seconds, most_bytes=most, kept_bytes=kept)


def printing(stdout: bytes = b"", stderr: bytes = b"", code: int = 0) -> Exec:
    async def speak(call: ExecCall) -> None:
        await call.write(1, stdout)
        await call.write(2, stderr)
        await call.exit(code)

    return speak


async def test_streams_and_exit_code_come_back() -> None:
    done = await run(printing(b"out\n", b"err\n", 3))

    assert (done.output.exit_code, done.output.stdout, done.output.stderr, done.why) == (3, "out\n", "err\n", "")
    assert done.has_started


async def test_input_reaches_the_program_whole_and_ends() -> None:
    sent = bytes(range(256)) * 4000

    async def count(call: ExecCall) -> None:
        got = await call.read_stdin(len(sent) + 1)
        await call.write(1, f"{got == sent} {call.messages[-1].hex()}".encode())
        await call.exit(0)

    done = await run(count, sent)

    assert done.output.stdout == "True ff00"


async def test_credentials_in_the_output_are_hidden() -> None:
    token = "ghp_" + "a1B2" * 9

    done = await run(printing(f"token {token}\n".encode(), f"bad {token}\n".encode()))

    assert token not in done.output.stdout + done.output.stderr
    assert "[redacted:" in done.output.stdout


async def test_of_much_text_head_and_tail_are_kept() -> None:
    done = await run(printing(b"first\n" + b"x\n" * 5000 + b"last\n"), kept=1000)

    assert done.output.stdout.startswith("first\n")
    assert done.output.stdout.endswith("last\n")
    assert len(done.output.stdout) < 1200
    assert done.output.truncated


@pytest.mark.parametrize("data", [b"\0\1\2 archive", b"\x7fELF\xff\xfe" + b"x" * 100])
async def test_what_is_not_text_comes_back_as_bytes_and_is_shown_nowhere(data: bytes) -> None:
    done = await run(printing(data))

    assert (done.data, done.output.stdout, done.output.exit_code) == (data, "", 0)


async def test_an_archive_is_known_as_one() -> None:
    done = await run(printing(bytes(257) + b"ustar\x0000" + bytes(247)))

    assert done.is_archive


async def test_a_program_without_an_end_is_cut_off() -> None:
    async def hang(call: ExecCall) -> None:
        await call.write(1, b"so far\n")
        await call.wait_for_end()

    done = await run(hang, seconds=3.0)

    assert (done.output.exit_code, done.output.stdout, done.why) == (None, "so far\n", "it was cut off after 3 s")
    assert done.has_started


async def test_a_flood_is_cut_off() -> None:
    async def flood(call: ExecCall) -> None:
        for _ in range(200):
            await call.write(1, b"y\n" * 1000)
        await call.wait_for_end()

    done = await run(flood)

    assert done.output.exit_code is None
    assert "printed too much" in done.why
    assert done.has_started


async def test_a_connection_that_breaks_leaves_it_open_whether_it_ran() -> None:
    async def vanish(call: ExecCall) -> None:
        await call.drop()

    done = await run(vanish)

    assert done.output.exit_code is None
    assert done.has_started


@pytest.mark.parametrize(
    ("message", "has_started"),
    [
        ('failed to start exec "1": OCI runtime exec failed: exec: "lss": executable file not found in $PATH', False),
        ("unable to upgrade connection: container not found", False),
        ("error reading from error stream: EOF", True),
    ],
)
async def test_only_what_surely_did_not_start_is_said_not_to_have_started(message: str, has_started: bool) -> None:
    async def fail(call: ExecCall) -> None:
        await call.write(3, json.dumps({"status": "Failure", "reason": "InternalError", "message": message}).encode())

    done = await run(fail)

    assert done.has_started is has_started
    assert done.why == message


@pytest.mark.parametrize(("status", "has_started"), [(400, False), (403, False), (404, False), (500, True), (503, True)])
async def test_a_refusal_of_the_server_is_certain_unless_it_is_its_own_failure(status: int, has_started: bool) -> None:
    cluster = FakeCluster()
    cluster.refusals[("GET", "/exec")] = (status, "", "no")
    async with cluster.serve() as connection:
        done = await execute(connection, None)

    assert done.has_started is has_started
    assert str(status) in done.why


async def test_without_a_connection_nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with KubeConnection(f"http://127.0.0.1:{port}", None, Credential()) as connection:
            with pytest.raises(UpstreamUnavailableError, match="does not answer"):
                await execute(connection, None)


async def test_a_connection_that_is_closed_without_an_answer_is_not_tried_again() -> None:
    """An HTTP client may repeat a GET by itself; an exec is opened by one, and must not run twice."""
    opened = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with KubeConnection(f"http://127.0.0.1:{port}", None, Credential()) as connection:
            done = await execute(connection, None)

    assert opened == 1
    assert done.output.exit_code is None
    assert done.has_started
