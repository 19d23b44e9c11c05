"""kubectl that speaks SPDY against the gateway: recorded, answered and printed as over a websocket."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from bot.exec_rules import ExecRule
from bot.gateway.clusters import GatewayCluster
from bot.gateway.limits import Limits
from bot.gateway.server import Gateway
from bot.settings import ClusterSettings, GatewaySettings
from bot.threads.ports import Rehearsal
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.files import lay_out
from tests.integration.gateway.lab import NOBODY, Lab, open_lab
from tests.integration.gateway.test_exec import EXEC, MARKER, SPDY, execs_upstream
from tests.unit.gateway.spdy_client import Client
from tests.unit.sandbox.fake_cluster import ExecCall, FakeCluster

pytestmark = pytest.mark.apiserver


@pytest.mark.parametrize(
    "command",
    [
        "kubectl exec p1 -- date",
        "kubectl exec p1 -- test -d /tmp",
        "true | kubectl exec -i p1 -- cat",
        "printf 0123456789 | kubectl exec -i p1 -- cat",
        "head -c 307200 input | kubectl exec -i p1 -c c -- tee /tmp/x",
        "head -c 1048576 input | kubectl exec -i p1 -- cat",
        "head -c 1048577 input | kubectl exec -i p1 -- cat",
        f"echo {MARKER} | kubectl exec -i p1 -- cat",
        "true | kubectl exec -i p1 -- bash",
        "kubectl exec -it p1 -- date",
        "kubectl exec nobody -- date",
        "kubectl exec p1 -c nope -- date",
    ],
)
async def test_kubectl_over_spdy_is_recorded_and_told_the_same_as_over_a_websocket(lab: Lab, command: str) -> None:
    (lab.folder / "input").write_bytes(bytes(range(256)) * 4097)

    usual = await lab.rehearse(command)
    spdy = await lab.rehearse(command.replace("kubectl exec", f"{SPDY} kubectl exec"))

    assert (spdy.code, spdy.out) == (usual.code, usual.out)
    assert spdy.err.splitlines()[-1] == usual.err.splitlines()[-1]
    assert spdy.recording.writes == usual.recording.writes
    assert {refused.reason for refused in spdy.recording.refused} == {refused.reason for refused in usual.recording.refused}
    assert execs_upstream(lab) == []


async def test_kubectl_cp_over_spdy_is_recorded_with_its_archive(lab: Lab) -> None:
    lay_out(lab.folder)
    (lab.folder / "large").write_bytes(bytes(200_000))

    usual = await lab.rehearse("kubectl cp cm.yaml p1:/etc/app/cm.yaml; kubectl cp large p1:/large; kubectl cp p1:/etc/hosts hosts.txt")
    spdy = await lab.rehearse(
        f"export {SPDY}; kubectl cp cm.yaml p1:/etc/app/cm.yaml; kubectl cp large p1:/large; kubectl cp p1:/etc/hosts hosts.txt"
    )

    assert [len(asked.stdin) for asked in spdy.recording.connects] == [2048, 201_728, 0]
    assert spdy.recording.writes == usual.recording.writes
    assert spdy.code == usual.code == 1


@asynccontextmanager
async def spdy_to(lab: Lab, query: str) -> AsyncIterator[tuple[Client, Rehearsal]]:
    """A client of its own, which has upgraded its connection."""
    async with lab.cluster.rehearse("T1:C1:1", NOBODY, "shop", "") as rehearsal:
        config = json.loads(rehearsal.kubeconfig)
        server = urlsplit(config["clusters"][0]["cluster"]["server"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(server.hostname, server.port, ssl=context)
        writer.write(
            f"POST {EXEC}?{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {config['users'][0]['user']['token']}\r\n"
            "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 101 "), head
        assert "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n" in head
        yield Client(reader, writer), rehearsal
        writer.close()


async def test_a_client_that_keeps_to_its_window_may_send_all_of_its_input(lab: Lab) -> None:
    sent = bytes(range(256)) * 1200
    async with spdy_to(lab, "command=cat&stdin=true&stdout=true") as (client, rehearsal):
        error, stdin, _ = [await client.open(name) for name in ("error", "stdin", "stdout")]
        await client.ping(7)
        await client.send_within_window(stdin, sent)
        ending = json.loads(await client.read_all(error))
        recording = rehearsal.end()

    assert client.pongs == [7]
    assert ending["message"].startswith("recorded for approval")
    assert [asked.stdin for asked in recording.connects] == [sent]


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x80\x02\0\1\0\0\0\0", bytes(range(1, 200))])
async def test_garbage_ends_the_connection_and_leaves_nothing_to_approve(lab: Lab, garbage: bytes) -> None:
    async with spdy_to(lab, "command=cat&stdin=true") as (client, rehearsal):
        await client.write(garbage)
        rest = await client.read_to_end()
        recording = rehearsal.end()

    assert rest == b""
    assert (recording.connects, [refused.reason for refused in recording.refused]) == (
        (),
        ["The client does not keep to SPDY/3.1: use kubectl 1.30 or newer, which speaks websockets."],
    )


async def test_a_client_that_hangs_up_before_its_input_ends_leaves_nothing_to_approve(lab: Lab) -> None:
    async with spdy_to(lab, "command=cat&stdin=true") as (client, rehearsal):
        await client.open("error")
        await client.send(await client.open("stdin"), b"half")
        await client.leave()
        await client.read_to_end()
        recording = rehearsal.end()

    assert recording.connects == ()


async def test_what_the_settings_let_through_prints_over_spdy_too(lab: Lab) -> None:
    async def speak(call: ExecCall) -> None:
        await call.write(1, b"line\n" * 50_000)
        await call.write(2, b"warned\n")
        await call.exit(3)

    fake = FakeCluster()
    fake.exec = speak
    fake.objects["/api/v1/namespaces/shop/pods/p1"] = {"metadata": {"uid": "1"}, "spec": {"containers": [{"name": "c"}]}}
    gateway = Gateway(GatewaySettings(port=0, exec_allow=(ExecRule(namespace="shop", command=("date",)),)), Limits())
    await gateway.start()
    async with fake.serve() as connection:
        cluster = GatewayCluster(ClusterSettings(name="fake", reader="", writer=""), connection, gateway, b"salt")
        async with spdy_to(Lab(lab.server, gateway, cluster, lab.folder), "command=date&stdout=1&stderr=1") as (client, rehearsal):
            error, stdout, stderr = [await client.open(name) for name in ("error", "stdout", "stderr")]
            printed = await client.read_all(stdout), await client.read_all(stderr)
            ending = json.loads(await client.read_all(error))
            recording = rehearsal.end()
    await gateway.close()

    assert printed == (b"line\n" * 50_000, b"warned\n")
    assert ending["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert [asked.argv for asked in recording.passed] == [("date",)]
    assert recording.writes == ()


async def test_an_input_without_an_end_is_not_waited_for(seeded: ApiServer, lab: Lab) -> None:
    async with (
        open_lab(seeded, lab.folder, Limits(stdin_seconds=0.5)) as small,
        spdy_to(small, "command=cat&stdin=true") as (client, rehearsal),
    ):
        error = await client.open("error")
        await client.send(await client.open("stdin"), b"some")
        ending = json.loads(await client.read_all(error))
        recording = rehearsal.end()

    assert "did not end within 0.5 s" in ending["message"]
    assert (recording.connects, len(recording.refused)) == ((), 1)
