"""What a sandbox cannot do: reach anything but the gateway, and get past it. From inside a real gVisor pod, on the real cluster."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bot import health
from bot.devslack.driver import Driver
from bot.metrics import Backlog
from bot.settings import HealthSettings
from tests.e2e.conftest import GATEWAY, Bots, Cluster
from tests.e2e.isolation.rehearsals import Scene, token_of
from tests.e2e.parts import free_port, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="package")]

API_SERVER, KUBERNETES, KUBELET, DNS = (GATEWAY, 6443), ("10.96.0.1", 443), (GATEWAY, 10250), (GATEWAY, 53)
ELSEWHERE = [("169.254.169.254", 80), ("1.1.1.1", 443), ("8.8.8.8", 53)]


def connects(address: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(address, 3):
        return True
    return False


# Tries every address at once: TCP connections, and a DNS question over UDP. Prints those that came about.
PROBE = """
import asyncio, json, socket, sys

QUESTION = bytes.fromhex("00010100000100000000000003777777076578616d706c6503636f6d0000010001")

async def tcp(host, port):
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 3)
        writer.close()
        return [host, port]
    except OSError:
        return None

async def udp(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(door, (host, port))
            await loop.sock_sendall(door, QUESTION)
            await asyncio.wait_for(loop.sock_recv(door, 512), 3)
            return [host, port, "udp"]
        except OSError:
            return None

async def main():
    tries = [tcp(*a) for a in json.loads(sys.argv[1])] + [udp(*a) for a in json.loads(sys.argv[2])]
    print(json.dumps([found for found in await asyncio.gather(*tries) if found]))

asyncio.run(main())
"""


def probe(tcp: Sequence[tuple[str, int]], udp: Sequence[tuple[str, int]]) -> str:
    return f"cat >probe.py <<'END'\n{PROBE}\nEND\npython3 probe.py '{json.dumps(tcp)}' '{json.dumps(udp)}'"


def answers_dns(address: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.settimeout(3)
        door.sendto(bytes.fromhex("00010100000100000000000003777777076578616d706c6503636f6d0000010001"), address)
        return bool(door.recv(512))
    return False


async def test_nothing_but_the_gateway_can_be_reached(cluster: Cluster, scene: Scene) -> None:
    """What must not be reached is there, as the machine itself can tell."""
    pod = cluster.kubectl("-n", scene.namespace, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].status.podIP}")
    health_port = free_port(GATEWAY, 19100, 19199)
    listener = await health.start(HealthSettings(host=GATEWAY, port=health_port), _well, _nothing)
    assert listener is not None
    there = [API_SERVER, KUBERNETES, KUBELET, DNS, (pod, 8080), (GATEWAY, health_port)]
    own = (scene.parts.gateway.host, scene.parts.gateway.port)
    try:
        missing = [address for address in there if not await _in_thread(connects, address)]
        ran, _ = await scene.parts.run(scene.sandbox, probe([own, *there, *ELSEWHERE], [DNS, ("8.8.8.8", 53)]))
    finally:
        await listener.cleanup()

    assert missing == []
    assert await _in_thread(answers_dns, DNS)
    assert (json.loads(ran.stdout), ran.stderr) == ([list(own)], "")


async def test_what_a_sandbox_does_not_reach_a_pod_without_a_policy_does(cluster: Cluster, scene: Scene) -> None:
    """So it is the policy that keeps sandboxes in, where the test cluster's own firewall lets pods through. The kubelet, the bot's other
    ports and the internet are behind that firewall for every pod."""
    pod = cluster.kubectl("-n", scene.namespace, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].status.podIP}")
    open_to_pods = [API_SERVER, KUBERNETES, DNS, (pod, 8080), (scene.parts.gateway.host, scene.parts.gateway.port)]
    run = ["run", "free", "--image=kas.local/sandbox:1", "--image-pull-policy=Never", "--restart=Never", "--command", "--"]

    await _in_thread(cluster.kubectl, "-n", scene.namespace, *run, "python3", "-c", PROBE, json.dumps(open_to_pods), "[]")
    wait = ("wait", "pod/free", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
    await _in_thread(cluster.kubectl, "-n", scene.namespace, *wait)

    reached = json.loads(cluster.kubectl("-n", scene.namespace, "logs", "free"))
    assert reached == [*map(list, open_to_pods)]


# Listens on every address. On IPv4, which the machine can look at, only after its other addresses were seen to answer.
LISTEN = """
import socket, sys
six = socket.create_server(("::", 9000), family=socket.AF_INET6)
for address in sys.argv[1:]:
    socket.create_connection((address + "%eth0", 9000), 5)
four = socket.create_server(("", 9000))
while True:
    four.accept()
"""


async def test_sandboxes_do_not_reach_each_other(scene: Scene) -> None:
    """Also not by the link-local addresses of IPv6, which pods have in every cluster whose kernel knows IPv6."""
    parts, other = scene.parts, scene.other
    ran, _ = await parts.run(other, "awk '$6 == \"eth0\" {print $1}' /proc/net/if_inet6")
    linked = [str(ipaddress.IPv6Address(bytes.fromhex(line))) for line in ran.stdout.split()]
    listening = asyncio.create_task(parts.run(other, f"python3 -c '{LISTEN}' {' '.join(linked)}", 60))
    try:
        await until("the other sandbox listens", lambda: _in_thread(connects, (other.address, 9000)))
        ran, _ = await parts.run(scene.sandbox, probe([(other.address, 9000), *((f"{address}%eth0", 9000) for address in linked)], []))
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    assert (json.loads(ran.stdout), ran.stderr) == ([], "")


async def test_a_sandbox_holds_no_credential_but_its_token_for_the_gateway(scene: Scene) -> None:
    look = "ls -A /var/run/secrets /run/secrets 2>/dev/null; grep -c serviceaccount /proc/mounts; env; "
    look += "find / -path /proc -prune -o \\( -name token -o -name '*kubeconfig*' \\) -print 2>/dev/null; cat $KUBECONFIG"

    async with scene.parts.rehearse(scene.sandbox) as rehearsal:
        ran = await scene.sandbox.run(look, rehearsal.kubeconfig, timeout_seconds=30, max_output_bytes=100_000)
        whoami = await scene.sandbox.run("kubectl auth whoami", rehearsal.kubeconfig, timeout_seconds=30, max_output_bytes=100_000)
        refused = await _in_thread(_ask_api_server, token_of(rehearsal))

    seen, _, kubeconfig = ran.stdout.partition("/run/kubectl-ai/kubeconfig\n{")
    lines = seen.splitlines()
    variables = {line.partition("=")[0] for line in lines[1:]}
    assert lines[0] == "0"
    assert variables <= {"PATH", "HOME", "USER", "SHELL", "TMPDIR", "LANG", "TERM", "KUBECONFIG", "PWD", "SHLVL", "_"}
    assert json.loads("{" + kubeconfig)["users"] == [{"name": "rehearsal", "user": {"token": token_of(rehearsal)}}]
    assert "system:serviceaccount:kubectl-ai:kubectl-ai-reader" in whoami.stdout
    assert refused == 401


def _ask_api_server(token: str) -> int:
    """What the API server itself says to a rehearsal's token."""
    context = ssl._create_unverified_context()  # only the status counts
    request = urllib.request.Request(f"https://{GATEWAY}:6443/api", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, context=context) as response:
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


@pytest.mark.asyncio(loop_scope="function")
async def test_a_command_in_a_thread_reaches_only_the_bots_gateway(bots: Bots, slack: Driver, namespace: str) -> None:
    """The same with the bot as a process, asked by a person."""
    bot = bots.make(namespace=namespace, has_model=False)
    await bot.start()
    slack_port = int(slack.base_url.rpartition(":")[2])
    addresses = [*(API_SERVER, KUBERNETES, KUBELET, DNS), *ELSEWHERE, (GATEWAY, slack_port), ("127.0.0.1", slack_port)]
    lines = [f"{{ curl -sk -m 4 -o /dev/null https://{host}:{port}; echo {host}:{port} $?; }}" for host, port in addresses]
    lines.append(
        "curl -sk -m 5 -o /dev/null $(jq -r '.clusters[0].cluster.server' $KUBECONFIG); echo gateway $?; kubectl get deploy -o name; env"
    )

    await slack.say("ana", "oncall", "@kubectl-ai ! " + " & ".join(lines[:-1]) + f" & wait; {lines[-1]}")
    row = await until("the command is answered", lambda: bot.database.rows("SELECT data FROM entries WHERE kind = 'answered'"))
    stdout = json.loads(row[0]["data"])["result"]["stdout"]

    codes = {line.split()[0]: int(line.split()[1]) for line in stdout.splitlines()[: len(lines)]}
    assert codes.pop("gateway") == 0
    assert set(codes) == {f"{host}:{port}" for host, port in addresses}
    assert set(codes.values()) <= {7, 28}  # refused, or no answer in time
    assert "deployment.apps/web" in stdout
    assert "xoxb" not in stdout
    assert "xapp" not in stdout


async def _well() -> str:
    return ""


async def _nothing() -> Backlog:
    return Backlog(0, 0, {})


async def _in_thread(look: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(look, *arguments)
