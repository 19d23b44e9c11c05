"""A node that has logs: the API server asks it for them as it asks a kubelet, and it writes what the test wants."""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.cluster.apiserver import ApiServer

NAMESPACE = "shop"


@dataclass
class Kubelet:
    """What its one pod logs, and who reads it."""

    pod: str
    lines: list[str] = field(default_factory=list)
    """What is in the log."""
    goes_on: bool = False
    """Whether a reader that follows gets more lines, without an end."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The parameters of each request."""
    open: int = 0
    """Readers that it still writes to."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a reader goes before the end."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        tail = request.query.get("tailLines")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        self.open += 1
        try:
            await response.write("".join(f"{line}\n" for line in (self.lines[-int(tail) :] if tail else self.lines)).encode())
            is_followed = request.query.get("follow") == "true"
            while is_followed and not self.goes_on:
                await asyncio.sleep(3600)
            number = 0
            while is_followed:
                await asyncio.sleep(0.05)
                await response.write(f"later {(number := number + 1)}\n".encode())
            await response.write_eof()
        except (ConnectionError, asyncio.CancelledError):
            self.left.set()
            raise
        finally:
            self.open -= 1
        return response


@asynccontextmanager
async def have_logs(server: ApiServer) -> AsyncIterator[Kubelet]:
    """A node with one pod on it, in the namespace of the shop, until the block ends."""
    name = f"logs-{uuid.uuid4().hex[:8]}"
    kubelet = Kubelet(name)
    app = web.Application()
    app.router.add_get(f"/containerLogs/{NAMESPACE}/{name}/app", kubelet.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        # The API server trusts certificates of the cluster's authority; its own is one for this address.
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(server.paths.pki / "apiserver.crt", server.paths.pki / "apiserver.key")
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        await _kubectl(server, "create", "-f", "-", stdin=_describe(name, runner.addresses[0][1]))
        yield kubelet
    finally:
        await _kubectl(server, "-n", NAMESPACE, "delete", "pod", name, "--grace-period=0", "--force", "--ignore-not-found")
        await _kubectl(server, "delete", "node", name, "--ignore-not-found")
        await runner.cleanup()


def _describe(name: str, port: int) -> str:
    status = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}
    spec: dict[str, Any] = {"nodeName": name, "containers": [{"name": "app", "image": "any"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [node, pod]})


async def _kubectl(server: ApiServer, *arguments: str, stdin: str = "") -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(str(server.kubectl), "--kubeconfig", str(server.kubeconfig), *arguments), stdin=pipe, stdout=pipe, stderr=pipe
    )
    _, err = await process.communicate(stdin.encode())
    assert process.returncode == 0, err.decode()
