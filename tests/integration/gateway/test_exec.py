"""kubectl exec, cp, debug and run -i against the gateway: what is recorded, and what kubectl says. No node runs pods here, so nothing
that goes upstream could ever answer: a recording that works shows that nothing goes."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import kubernetes.client
import kubernetes.config
import kubernetes.stream
import pytest

from bot.changes import diff
from bot.gateway.clusters import GatewayCluster
from bot.gateway.limits import Limits
from bot.kube.connection import connect
from bot.settings import ClusterSettings
from bot.threads.ports import Rehearsal
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.files import lay_out
from tests.integration.gateway.lab import NOBODY, Lab, open_lab

pytestmark = pytest.mark.apiserver

EXEC = "/api/v1/namespaces/shop/pods/p1/exec"
SPDY = "KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false"
MARKER = "[redacted:0123456789ab]"


def execs_upstream(lab: Lab) -> list[str]:
    """What the API server saw of execs, whoever asked."""
    return [str(entry["requestURI"]) for entry in lab.audit() if "/exec" in str(entry["requestURI"])]


async def test_an_exec_is_recorded_and_kubectl_says_so(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl exec p1 -- sh -c 'rm -rf /data'")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: recorded for approval, not run yet: exec in container c of pod shop/p1\n"
    [write] = ran.recording.writes
    assert (write.request.method, write.request.path, write.request.body) == ("POST", EXEC, b"")
    assert write.request.query == (
        ("command", "sh"),
        ("command", "-c"),
        ("command", "rm -rf /data"),
        ("container", "c"),
        ("stdout", "true"),
        ("stderr", "true"),
    )
    assert write.before["metadata"]["uid"]
    assert not write.has_preview
    assert ran.recording.refused == ()
    assert execs_upstream(lab) == []


async def test_input_is_recorded_byte_for_byte(lab: Lab) -> None:
    ran = await lab.rehearse("head -c 700000 /dev/urandom >blob; cat blob | kubectl exec -i p1 -c c -- tee /tmp/x")

    assert "recorded for approval" in ran.err
    [asked] = ran.recording.connects
    assert (asked.container, asked.argv) == ("c", ("tee", "/tmp/x"))
    assert asked.stdin == (lab.folder / "blob").read_bytes()
    assert ("stdin", "true") in ran.recording.writes[0].request.query


async def test_execs_and_writes_keep_their_order(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl label cm settings a=b; for i in 1 2; do kubectl exec p1 -- reload; done; kubectl delete cm spare")

    assert [(w.info.qualified, w.info.verb) for w in ran.recording.writes] == [
        ("configmaps", "patch"),
        ("pods/exec", "create"),
        ("pods/exec", "create"),
        ("configmaps", "delete"),
    ]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("script -qec 'kubectl exec -it p1 -- sh' /dev/null", "interactive terminal is not possible"),
        ("kubectl exec -it p1 -- bash", "bash without a script does nothing here"),
        ("head -c 1100000 /dev/zero | kubectl exec -i p1 -- cat", "larger than 1024 KiB"),
        (f"kubectl exec p1 -- sh -c 'echo {MARKER}'", "mark of a hidden Secret value"),
        (f"echo 'password={MARKER}' | kubectl exec -i p1 -- tee /etc/app.conf", "mark of a hidden Secret value"),
        ("kubectl run born --image=busybox && kubectl exec born -- date", "exists only in this rehearsal"),
    ],
)
async def test_what_cannot_be_recorded_is_refused_with_what_to_do(lab: Lab, command: str, says: str) -> None:
    ran = await lab.rehearse(command)

    assert ran.code != 0
    assert says in ran.err + ran.out
    assert says in ran.recording.refused[0].reason
    assert ran.recording.connects == ()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("kubectl exec nobody -- date", 'pods "nobody" not found'),
        ("kubectl exec p1 -c nope -- date", "container nope"),
        ("kubectl delete pod p2 --wait=false; kubectl exec p2 -- date", 'pods "p2" not found'),
        ("kubectl delete ns shop --wait=false; kubectl exec p2 -- date", "not found"),
    ],
)
async def test_what_is_not_there_is_answered_as_the_api_server_would(lab: Lab, command: str, says: str) -> None:
    ran = await lab.rehearse(command)

    assert ran.code != 0
    assert says in ran.err
    assert (ran.recording.connects, ran.recording.refused) == ((), ())


async def test_a_writer_without_the_right_is_told_before_anybody_is_asked(lab: Lab) -> None:
    await lab.direct("kubectl create clusterrolebinding exec-ro --clusterrole=view --user=exec-reader")
    settings = ClusterSettings(name="split", reader="exec-reader", writer="exec-writer")
    cluster = GatewayCluster(settings, await connect(str(lab.server.kubeconfig)), lab.gateway, b"s")
    ran = await Lab(lab.server, lab.gateway, cluster, lab.folder).rehearse("kubectl exec p1 -- date")
    await cluster.close()

    assert ran.code == 1
    assert 'User "exec-writer" cannot create resource "pods/exec" in the namespace "shop"' in ran.err
    assert "kubectl-ai-exec" in ran.err
    assert ran.recording.writes == ()


async def test_kubectl_cp_into_a_container_is_an_exec_with_an_archive(lab: Lab) -> None:
    lay_out(lab.folder)

    ran = await lab.rehearse("kubectl cp cm.yaml p1:/etc/app/cm.yaml")

    assert ran.code == 1
    assert "recorded for approval" in ran.err
    [asked] = ran.recording.connects
    assert asked.argv == ("tar", "-xmf", "-", "-C", "/etc/app")
    with tarfile.open(fileobj=io.BytesIO(asked.stdin)) as archive:
        [member] = archive.getmembers()
        content = archive.extractfile(member)
        assert member.name == "cm.yaml"
        assert content is not None
        assert content.read() == (lab.folder / "cm.yaml").read_bytes()
    assert "is taken for the full path" in diff.of_write(ran.recording.writes[0]).notes[0]


async def test_kubectl_cp_out_of_a_container_is_an_exec_that_reads(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl cp p1:/etc/hosts hosts.txt")

    assert ran.code == 1
    assert "recorded for approval" in ran.err
    assert [(c.argv, c.stdin) for c in ran.recording.connects] == [(("tar", "cf", "-", "/etc/hosts"), b"")]
    assert not (lab.folder / "hosts.txt").exists()


async def test_a_probe_that_is_not_of_kubectl_cp_is_recorded(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl exec p1 -- test -d /tmp")

    assert [c.argv for c in ran.recording.connects] == [("test", "-d", "/tmp")]


async def test_kubectl_run_with_input_says_how_to_do_it_in_steps(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl run probe -i --rm --image=busybox --restart=Never -- nslookup db")

    assert ran.code == 1
    assert "kubectl run probe --image=busybox --restart=Never -- COMMAND" in ran.err
    assert "kubectl logs probe" in ran.err
    assert ran.recording.writes == ()
    assert len(ran.recording.refused) == 1


async def test_a_pod_with_stdin_may_be_made_by_a_manifest(lab: Lab) -> None:
    pod = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"tool"},"spec":{"containers":[{"name":"c","image":"busybox","stdin":true}]}}'

    ran = await lab.rehearse(f"echo '{pod}' | kubectl apply -f -")

    assert ran.writes == ["POST pods shop/tool"]


async def test_kubectl_debug_records_its_container_and_says_what_to_use_instead_of_attaching(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl debug p1 -i --image=busybox -c look -- ls")

    assert ran.writes == ["PATCH pods/ephemeralcontainers shop/p1"]
    assert ran.recording.stopped.startswith("stopped: waits for Pod shop/p1, which changes only after approval; ")
    assert "`kubectl exec p1 -c look -- COMMAND`" in ran.recording.stopped
    fields = {field.path: field.new for field in diff.of_write(ran.recording.writes[0]).fields}
    assert fields["spec.ephemeralContainers[look].image"] == "busybox"


async def test_more_execs_than_a_rehearsal_may_record_end_it(seeded: ApiServer, lab: Lab) -> None:
    async with open_lab(seeded, lab.folder, Limits(writes=2)) as small:
        ran = await small.rehearse("for i in 1 2 3; do kubectl exec p1 -- date; done; sleep 30")

    assert len(ran.recording.connects) == 2
    assert ran.recording.stopped == "stopped: recorded more than 2 writes"


@asynccontextmanager
async def socket_to(lab: Lab, query: str, *protocols: str) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Rehearsal]]:
    """A websocket client of its own, as libraries open one."""
    async with lab.cluster.rehearse("T1:C1:1", NOBODY, "shop", "") as rehearsal, aiohttp.ClientSession() as session:
        config = json.loads(rehearsal.kubeconfig)
        url = f"{config['clusters'][0]['cluster']['server']}{EXEC}?{query}"
        headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
        async with session.ws_connect(url, headers=headers, protocols=protocols, ssl=False) as socket:
            yield socket, rehearsal


async def test_the_older_protocol_is_spoken_where_there_is_no_input(lab: Lab) -> None:
    async with socket_to(lab, "command=date&stdout=1", "v4.channel.k8s.io") as (socket, rehearsal):
        message = await socket.receive()
        end = await socket.receive()
        recording = rehearsal.end()

    assert socket.protocol == "v4.channel.k8s.io"
    assert message.data[0] == 3
    assert json.loads(message.data[1:])["message"].startswith("recorded for approval")
    assert end.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)
    assert [c.argv for c in recording.connects] == [("date",)]


@pytest.mark.parametrize("code", [b"\x03\xe8", b""])
async def test_input_of_the_older_protocol_is_what_came_before_the_client_closed(lab: Lab, code: bytes) -> None:
    async with socket_to(lab, "command=cat&stdin=true", "v4.channel.k8s.io") as (socket, rehearsal):
        await socket.send_bytes(b"\0some ")
        await socket.send_bytes(b"\0input")
        await socket.send_frame(code, aiohttp.WSMsgType.CLOSE)
        message = await socket.receive()
        recording = rehearsal.end()

    assert json.loads(message.data[1:])["message"].startswith("recorded for approval")
    assert [asked.stdin for asked in recording.connects] == [b"some input"]


@pytest.mark.parametrize("protocol", ["", "v4.channel.k8s.io"])
async def test_input_of_the_python_client_is_recorded_in_its_newer_and_its_older_protocol(
    lab: Lab, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends text in frames of text."""

    def feed(kubeconfig: str) -> str:
        api = kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config_dict(json.loads(kubeconfig)))
        asked = {"command": ["tee", "/tmp/x"], "stdin": True, "stdout": True, "_preload_content": False}
        socket = kubernetes.stream.stream(api.connect_get_namespaced_pod_exec, "p1", "shop", **asked)
        socket.write_stdin("some inp\u00fct")
        socket.close_channel(0)
        if socket.subprotocol != "v4.channel.k8s.io":
            socket.run_forever(timeout=10)
        socket.close()
        socket.sock.shutdown()
        return str(socket.subprotocol)

    if protocol:
        monkeypatch.setattr(kubernetes.stream.ws_client, "V5_CHANNEL_PROTOCOL", protocol)
    async with lab.cluster.rehearse("T1:C1:1", NOBODY, "shop", "") as rehearsal:
        spoken = await asyncio.to_thread(feed, rehearsal.kubeconfig)
        recording = rehearsal.end()

    assert spoken == (protocol or "v5.channel.k8s.io")
    assert [asked.stdin for asked in recording.connects] == ["some inp\u00fct".encode()]


@pytest.mark.parametrize("code", [aiohttp.WSCloseCode.GOING_AWAY, aiohttp.WSCloseCode.INTERNAL_ERROR])
async def test_a_client_of_the_older_protocol_that_fails_leaves_nothing_to_approve(lab: Lab, code: int) -> None:
    async with socket_to(lab, "command=cat&stdin=true", "v4.channel.k8s.io") as (socket, rehearsal):
        await socket.send_bytes(b"\0half")
        await socket.close(code=code)
        recording = rehearsal.end()

    assert recording.connects == ()


@pytest.mark.parametrize("sent", [b"", b"\0ls\n"])
async def test_a_client_of_the_older_protocol_that_waits_for_output_is_told_what_to_do(seeded: ApiServer, lab: Lab, sent: bytes) -> None:
    async with (
        open_lab(seeded, lab.folder, Limits(stdin_quiet_seconds=0.3)) as small,
        socket_to(small, "command=sh&stdin=true&stdout=true", "v4.channel.k8s.io") as (socket, rehearsal),
    ):
        await socket.send_bytes(sent or b"\4{}")
        message = await socket.receive()
        recording = rehearsal.end()

    assert "close the connection after the last of the input" in json.loads(message.data[1:])["message"]
    assert (recording.connects, len(recording.refused)) == ((), 1)


@pytest.mark.parametrize(
    ("query", "protocol"),
    [("command=cat&stdin=true", "v3.channel.k8s.io"), ("command=date", "base64.channel.k8s.io"), ("command=date", "")],
)
async def test_a_client_that_cannot_be_understood_is_not_let_in(lab: Lab, query: str, protocol: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with socket_to(lab, query, *([protocol] if protocol else [])):
            pass

    assert refused.value.status == 403


async def test_an_input_without_an_end_is_not_waited_for(seeded: ApiServer, lab: Lab) -> None:
    async with (
        open_lab(seeded, lab.folder, Limits(stdin_seconds=0.5)) as small,
        socket_to(small, "command=cat&stdin=true", "v5.channel.k8s.io") as (socket, rehearsal),
    ):
        await socket.send_bytes(b"\0some")
        message = await socket.receive()
        recording = rehearsal.end()

    assert "did not end within 0.5 s" in json.loads(message.data[1:])["message"]
    assert (recording.connects, len(recording.refused)) == ((), 1)


async def test_inputs_of_execs_count_towards_what_a_rehearsal_may_send(seeded: ApiServer, lab: Lab) -> None:
    (lab.folder / "input").write_bytes(bytes(40_000))
    for name in ("", f"{SPDY} "):
        async with open_lab(seeded, lab.folder, Limits(request_bytes=100_000)) as small:
            ran = await small.rehearse(f"for i in 1 2 3; do {name}kubectl exec -i p1 -- cat < input; done; sleep 30")

        assert ran.recording.stopped == "stopped: sent more than 0.1 MB"
        assert [len(asked.stdin) for asked in ran.recording.connects] == [40_000, 40_000]


async def test_a_client_that_hangs_up_before_its_input_ends_leaves_nothing_to_approve(lab: Lab) -> None:
    async with socket_to(lab, "command=cat&stdin=true", "v5.channel.k8s.io") as (socket, rehearsal):
        await socket.send_bytes(b"\0half")
        await socket.close()
        recording = rehearsal.end()

    assert recording.connects == ()


async def test_an_exec_that_names_no_command_is_refused(lab: Lab) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with socket_to(lab, "stdout=1", "v5.channel.k8s.io"):
            pass

    assert execs_upstream(lab) == []
