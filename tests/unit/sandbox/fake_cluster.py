"""A cluster of the size that sandboxes need: claims with versions and watches, pods, and execs, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from bot.kube.connection import KubeConnection

NAMESPACE = "kubectl-ai-sandboxes"
Object = dict[str, Any]
Exec = Callable[["ExecCall"], Awaitable[None]]


class Credential:
    """A configuration as KubeConnection uses it."""

    username = ""
    tls_server_name = ""

    async def get_api_key_with_prefix(self, *_names: str) -> str:
        return "Bearer the-bots-own"


class ExecCall:
    """One exec from the server's side."""

    def __init__(self, command: list[str], socket: web.WebSocketResponse) -> None:
        self.command = command
        self.messages: list[bytes] = []
        self._socket = socket

    async def read_stdin(self, size: int) -> bytes:
        """Waits for so many bytes of stdin, or for its end."""
        stdin = b""
        while len(stdin) < size:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                break
            self.messages.append(message.data)
            if message.data == b"\xff\x00":
                break
            stdin += message.data[1:]
        return stdin

    async def wait_for_end(self) -> None:
        while (await self._socket.receive()).type is aiohttp.WSMsgType.BINARY:
            pass

    async def write(self, channel: int, data: bytes) -> None:
        await self._socket.send_bytes(bytes((channel,)) + data)

    async def exit(self, code: int) -> None:
        status: Object = {"status": "Success"}
        if code:
            causes = [{"reason": "ExitCode", "message": str(code)}]
            status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
        await self.write(3, json.dumps(status).encode())

    async def drop(self) -> None:
        """Ends the connection without a word."""
        assert self._socket._req is not None
        transport = self._socket._req.transport
        assert transport is not None
        transport.abort()


class FakeCluster:
    """Set `objects`, `refusals` and `exec` as a test needs them; `requests` is what came."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.refusals: dict[tuple[str, str], tuple[int, str, str]] = {}
        """(method, what the path ends with) → (code, reason, message)"""
        self.requests: list[tuple[str, str]] = []
        self.on_create: Callable[[Object], None] = lambda claim: None
        self.answer_reviews = True
        self.exec: Exec = self._refuse_exec
        self.execs: list[ExecCall] = []
        self._version = 100
        self._changes: list[tuple[int, str, Object]] = []
        self._changed = asyncio.Condition()

    @staticmethod
    async def _refuse_exec(call: ExecCall) -> None:
        raise AssertionError(f"no exec was expected: {call.command}")

    @property
    def claims(self) -> list[Object]:
        return [item for path, item in self.objects.items() if "/sandboxclaims/" in path]

    async def change(self, path: str, update: Callable[[Object], None] | None) -> None:
        """Changes (or, with None, removes) an object and tells the watches."""
        item = self.objects[path] if update else self.objects.pop(path)
        if update:
            update(item)
        self._version += 1
        item["metadata"]["resourceVersion"] = str(self._version)
        self._changes.append((self._version, "MODIFIED" if update else "DELETED", json.loads(json.dumps(item))))
        async with self._changed:
            self._changed.notify_all()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[KubeConnection]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            async with KubeConnection(f"http://127.0.0.1:{runner.addresses[0][1]}", None, Credential()) as connection:
                yield connection
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        assert request.headers["Authorization"] == "Bearer the-bots-own"
        for (method, end), (code, reason, message) in self.refusals.items():
            if request.method == method and request.path.endswith(end):
                return _status(code, reason, message)
        if request.path.endswith("/exec"):
            return await self._exec(request)
        if request.query.get("watch"):
            return await self._watch(request)
        handler = {"GET": self._get, "POST": self._create, "PATCH": self._patch, "DELETE": self._delete}[request.method]
        return await handler(request)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.objects:
            return web.json_response(self.objects[request.path])
        below = [item for path, item in self.objects.items() if path.startswith(f"{request.path}/")]
        return web.json_response({"items": below}) if below else _status(404, "NotFound", f"{request.path} not found")

    async def _create(self, request: web.Request) -> web.StreamResponse:
        item = await request.json()
        if item["kind"] == "SelfSubjectAccessReview":
            return web.json_response({"status": {"allowed": self.answer_reviews}}, status=201)
        path = f"{request.path}/{item['metadata']['name']}"
        if path in self.objects:
            return _status(409, "AlreadyExists", "it is there already")
        self._version += 1
        item["metadata"] |= {"uid": f"uid-{self._version}", "resourceVersion": str(self._version)}
        self.objects[path] = item
        answer = json.loads(json.dumps(item))
        await self.change(path, self.on_create)
        return web.json_response(answer, status=201)

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        patch = await request.json()
        if request.path not in self.objects:
            return _status(404, "NotFound", "it is gone")
        item = self.objects[request.path]
        if patch["metadata"]["uid"] != item["metadata"]["uid"]:
            return _status(409, "Conflict", "Precondition failed: UID")
        await self.change(request.path, lambda found: found["spec"]["lifecycle"].update(patch["spec"]["lifecycle"]))
        return web.json_response(item)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        options = await request.json()
        if request.path not in self.objects:
            return _status(404, "NotFound", "it is gone")
        if options["preconditions"]["uid"] != self.objects[request.path]["metadata"]["uid"]:
            return _status(409, "Conflict", "Precondition failed: UID")
        await self.change(request.path, None)
        return web.json_response({"status": "Success"})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        name = request.query["fieldSelector"].removeprefix("metadata.name=")
        seen = int(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            for version, kind, item in self._changes:
                if version > seen and item["metadata"]["name"] == name:
                    seen = version
                    await response.write(json.dumps({"type": kind, "object": item}).encode() + b"\n")
            async with self._changed:
                await self._changed.wait()

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        call = ExecCall(request.query.getall("command"), socket)
        self.execs.append(call)
        await self.exec(call)
        await socket.close()
        return socket


def _status(code: int, reason: str, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "reason": reason, "message": message}, status=code)


def make_ready(claim: Object, sandbox: str = "kubectl-ai-abcde") -> None:
    claim["status"] = {"conditions": [{"type": "Ready", "status": "True", "reason": "DependenciesReady"}], "sandbox": {"name": sandbox}}


def make_unready(claim: Object, reason: str, message: str = "") -> None:
    claim["status"] = {"conditions": [{"type": "Ready", "status": "False", "reason": reason, "message": message}]}


def make_pod(owner: str = "sandbox-uid", name: str = "kubectl-ai-abcde", **spec: Any) -> Object:
    """A running pod as the SandboxTemplate makes it."""
    return {
        "metadata": {"name": name, "uid": "pod-uid", "ownerReferences": [{"uid": owner, "controller": True}]},
        "spec": {
            "runtimeClassName": "gvisor",
            "automountServiceAccountToken": False,
            "containers": [{"name": "sandbox", "image": "sandbox:1"}],
        }
        | spec,
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.7",
            "hostIP": "10.0.0.1",
            "containerStatuses": [{"name": "sandbox", "ready": True, "containerID": "containerd://one"}],
        },
    }


def format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_request(stdin: bytes) -> Mapping[str, str]:
    """What the runner was asked."""
    line, _, rest = stdin.partition(b"\n")
    word, limit, first, second = line.decode().split()
    kubeconfig, command = rest[: int(first)], rest[int(first) :]
    assert word == "run"
    assert len(command) == int(second)
    return {"limit": limit, "kubeconfig": kubeconfig.decode(), "command": command.decode()}
