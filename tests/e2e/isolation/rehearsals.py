"""The gateway and the sandboxes as the bot builds them, without a thread: requests of any shape from inside a real sandbox, and what
the API server's audit log says of them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from bot.gateway.clusters import GatewayCluster, open_clusters
from bot.gateway.limits import from_settings
from bot.gateway.server import Gateway
from bot.kube.connection import connect
from bot.sandbox.pod_sandbox import PodSandbox
from bot.sandbox.sandboxes import PooledSandboxes
from bot.settings import ClusterSettings, GatewaySettings, SandboxSettings
from bot.threads.ports import Rehearsal
from bot.values.people import Person
from bot.values.requests import Recording
from bot.values.sandbox import Ran
from tests.e2e.conftest import GATEWAY, Cluster
from tests.e2e.parts import free_port

CANARY = "canary-in-a-configmap"
ASKER = Person("U01ANA", "T1", "ana")
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})

# Sends requests byte for byte, which no HTTP library does, and prints the answers. Status 0: hung up without one.
_CLIENT = """
import base64, http.client, json, os, socket, ssl, sys

config = json.load(open(os.environ["KUBECONFIG"]))
server = config["clusters"][0]["cluster"]
host, port = server["server"].removeprefix("https://").rsplit(":", 1)
tls = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())

def send(ask):
    body = base64.b64decode(ask["body"])
    lines = [ask["method"] + " " + ask["target"] + " HTTP/1.1", "Host: " + host, "Connection: close", *ask["headers"]]
    lines += ["Authorization: Bearer " + ask["token"]] if ask["token"] else []
    lines += ["Content-Length: " + str(len(body))] if body and not any("chunked" in line for line in lines) else []
    with tls.wrap_socket(socket.create_connection((host, int(port)), 10), server_hostname=host) as door:
        door.sendall("\\r\\n".join([*lines, "", ""]).encode() + body)
        answer = http.client.HTTPResponse(door, method=ask["method"])
        try:
            answer.begin()
            return [answer.status, answer.read().decode(errors="replace")]
        except (http.client.HTTPException, ConnectionError) as error:
            return [0, repr(error)]

print(json.dumps([send(ask) for ask in json.load(sys.stdin)]))
"""


@dataclass(frozen=True)
class Ask:
    """One HTTP request. `headers` are whole lines; `token` None is the rehearsal's own, '' none at all."""

    method: str
    target: str
    headers: tuple[str, ...] = ()
    body: bytes = b""
    token: str | None = None


@dataclass(frozen=True)
class Answer:
    ask: Ask
    status: int
    text: str
    recording: Recording

    @property
    def object(self) -> Any:
        return json.loads(self.text)


@dataclass
class Parts:
    """A gateway with one cluster behind it, and a pool of sandboxes that reach it."""

    gateway: Gateway
    cluster: GatewayCluster
    sandboxes: PooledSandboxes

    @asynccontextmanager
    async def rehearse(self, sandbox: PodSandbox) -> AsyncIterator[Rehearsal]:
        async with self.cluster.rehearse("thread", ASKER, "", sandbox.address) as rehearsal:
            yield rehearsal

    async def run(self, sandbox: PodSandbox, command: str, seconds: float = 30) -> tuple[Ran, Recording]:
        """Runs a command line in a rehearsal of its own."""
        async with self.rehearse(sandbox) as rehearsal:
            ran = await sandbox.run(command, rehearsal.kubeconfig, timeout_seconds=seconds, max_output_bytes=1_000_000)
            return ran, rehearsal.end()

    async def send(self, sandbox: PodSandbox, asks: Sequence[Ask]) -> list[Answer]:
        """Sends requests from inside the sandbox, one after the other; each has a rehearsal of its own, so that none sees another's
        writes, unless it brings a token."""
        async with AsyncExitStack() as stack:
            rehearsals = [await stack.enter_async_context(self.rehearse(sandbox)) for _ in asks]
            own = [replace(a, token=token_of(r)) if a.token is None else a for a, r in zip(asks, rehearsals, strict=True)]
            ran = await sandbox.run(write_command(own), rehearsals[0].kubeconfig, timeout_seconds=60, max_output_bytes=1_000_000)
            assert ran.exit_code == 0, ran.stderr
            answers = zip(asks, rehearsals, json.loads(ran.stdout), strict=True)
            return [Answer(ask, status, text, rehearsal.end()) for ask, rehearsal, (status, text) in answers]


def write_command(asks: Sequence[Ask]) -> str:
    """The command line that sends the requests and prints their answers as JSON."""
    cases = [{**vars(ask), "body": base64.b64encode(ask.body).decode()} for ask in asks]
    return f"cat >client.py <<'END'\n{_CLIENT}\nEND\npython3 client.py <<'END'\n{json.dumps(cases)}\nEND"


def token_of(rehearsal: Rehearsal) -> str:
    return str(json.loads(rehearsal.kubeconfig)["users"][0]["user"]["token"])


@asynccontextmanager
async def open_parts(cluster: Cluster, namespace: str) -> AsyncIterator[Parts]:
    """What `bot.app` builds between the settings and the threads."""
    network = GatewaySettings(host=GATEWAY, port=free_port(GATEWAY, 18700, 18799))
    gateway = Gateway(network, from_settings(network))
    clusters = await open_clusters([ClusterSettings(name="test", kubeconfig=cluster.bot_kubeconfig, namespace=namespace)], gateway)
    async with await connect(cluster.bot_kubeconfig) as home:
        await gateway.start()
        try:
            yield Parts(gateway, clusters["test"], PooledSandboxes(home, SandboxSettings(), (gateway.host, gateway.port)))
        finally:
            await gateway.close()
            await clusters["test"].close()


def persists(event: dict[str, Any]) -> bool:
    """Whether an event of the audit log is a write that took effect. A DELETE with a body is a dry run only by its body."""
    if event["verb"] not in WRITES or event.get("responseStatus", {}).get("code", 0) >= 300:
        return False
    options = event.get("requestObject") if event["verb"].startswith("delete") else None
    return options.get("dryRun") != ["All"] if options else "dryRun=All" not in event["requestURI"]


def is_bots(event: dict[str, Any]) -> bool:
    """Whether the bot sent it, as itself or as one of the accounts it acts as."""
    names = [event["user"]["username"], (event.get("impersonatedUser") or {}).get("username", "")]
    return any(name.startswith("system:serviceaccount:kubectl-ai:") for name in names)


@dataclass
class Scene:
    """Two sandboxes before one gateway, and a namespace that the bot's writer may change."""

    parts: Parts
    sandbox: PodSandbox
    other: PodSandbox
    namespace: str
    cluster: Cluster

    @property
    def maps(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps"

    def objects(self) -> str:
        """Everything of the namespace that a request of these tests aims at."""
        return self.cluster.kubectl("-n", self.namespace, "get", "configmaps,deployments,secrets,serviceaccounts", "-o", "json")
