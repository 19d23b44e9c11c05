"""Servers that are busy or break off, clients that dawdle or ask too much: no failure looks like a success, and nothing hangs on."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiohttp import web

from bot.gateway.clusters import open_clusters
from bot.gateway.limits import Limits
from bot.gateway.server import Gateway
from bot.settings import ClusterSettings, GatewaySettings
from bot.threads.ports import Rehearsal
from tests.integration.gateway.lab import NOBODY
from tests.integration.gateway.test_door import CM, Client

WRITES = [
    ("POST", CM, "application/json"),
    ("PUT", f"{CM}/settings", "application/json"),
    ("PATCH", f"{CM}/settings", "application/merge-patch+json"),
    ("DELETE", f"{CM}/settings", "application/json"),
    ("DELETE", CM, "application/json"),
]

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def gateway_before(
    handler: Handler, folder: Path, limits: Limits | None = None, *, log_lines: int = 0
) -> AsyncIterator[tuple[Client, Rehearsal]]:
    """A client of a gateway, behind which this handler plays the API server."""
    runner = web.ServerRunner(web.Server(handler, handler_cancellation=True), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gateway = Gateway(GatewaySettings(port=0), limits or Limits())
    await gateway.start()
    cluster = {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    named = {"clusters": [{"name": "x", "cluster": cluster}], "users": [{"name": "x", "user": {"token": "bot"}}]}
    contexts = [{"name": "x", "context": {"cluster": "x", "user": "x"}}]
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": contexts, **named}
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    opened = (await open_clusters([ClusterSettings(kubeconfig=str(kubeconfig), reader="", writer="")], gateway))["cluster"]
    try:
        async with opened.rehearse("T", NOBODY, "shop", "", log_lines=log_lines) as rehearsal, aiohttp.ClientSession() as session:
            yield Client(rehearsal.kubeconfig, session), rehearsal
    finally:
        await opened.close()
        await gateway.close()
        await runner.cleanup()


@pytest.mark.parametrize("status", [400, 403, 409, 410, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "target", [f"{CM}/settings", "/api/v1/namespaces/shop/secrets/creds", "/api/v1/namespaces/shop/secrets", "/version"]
)
async def test_a_servers_failure_of_a_read_is_passed_on_as_it_is(tmp_path: Path, target: str, status: int) -> None:
    said = orjson.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "as it is", "code": status})

    async def fail(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, body=said, headers={"Content-Type": "application/json", "Retry-After": "7"})

    async with gateway_before(fail, tmp_path) as (client, _):
        code, text = await client.ask("GET", target)

    assert (code, orjson.loads(text)) == (status, orjson.loads(said))


@pytest.mark.parametrize("status", [429, 500, 503, 504])
@pytest.mark.parametrize(
    ("method", "target", "kind"),
    WRITES,
)
async def test_a_servers_failure_of_a_write_is_passed_on_as_it_is_and_nothing_is_proposed(
    tmp_path: Path, method: str, target: str, kind: str, status: int
) -> None:
    async def fail(request: web.BaseRequest) -> web.Response:
        return web.json_response({"kind": "Status", "message": "too busy", "code": status}, status=status)

    async with gateway_before(fail, tmp_path) as (client, rehearsal):
        code, text = await client.ask(method, target, b'{"metadata":{"name":"settings"}}', Content_Type=kind)
        recording = rehearsal.end()

    assert (code, orjson.loads(text)["message"]) == (status, "too busy")
    assert recording.writes == ()
    assert [(refused.method, refused.path, refused.status) for refused in recording.refused] == [(method, target, status)]


@pytest.mark.parametrize("target", [f"{CM}/settings", "/api/v1/namespaces/shop/secrets/creds", f"{CM}?watch=true"])
async def test_half_an_answer_does_not_look_whole(tmp_path: Path, target: str) -> None:
    async def break_off(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000000"})
        await response.prepare(request)
        await response.write(b'{"kind":"ConfigMap"')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with gateway_before(break_off, tmp_path) as (client, _):
        try:
            code, _text = await client.ask("GET", target)
        except (aiohttp.ClientError, ConnectionError):
            return

    assert code == 503


_SHORT = Limits(answer_seconds=0.3, passing_seconds=0.3, stream_seconds=0.3)
_SECRETS = "/api/v1/namespaces/shop/secrets"
_READS = [
    f"{CM}/settings",
    CM,
    f"{_SECRETS}/creds",
    _SECRETS,
    f"{CM}?watch=true",
    "/api/v1/namespaces/shop/pods/p/log?follow=true",
    "/version",
]
_BODY = b'{"metadata":{"name":"settings"}}'


async def hang(request: web.BaseRequest) -> web.StreamResponse:
    """Takes the request, and is never heard of again."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


@pytest.mark.parametrize("target", _READS)
async def test_a_server_that_takes_a_read_and_hangs_is_told_at_the_time_limit(tmp_path: Path, target: str) -> None:
    async with gateway_before(hang, tmp_path, _SHORT) as (client, _), asyncio.timeout(30):
        code, text = await client.ask("GET", target)

    assert code == 503
    assert "The Kubernetes API does not answer: it took too long." in text


@pytest.mark.parametrize(
    ("method", "target", "kind"),
    [*WRITES, ("POST", "/apis/example.com/v1/namespaces/shop/widgets", "application/json")],
)
@pytest.mark.parametrize("hangs", ["always", "at writes"])
async def test_a_server_that_hangs_at_a_dry_run_is_told_and_nothing_is_proposed(
    tmp_path: Path, method: str, target: str, kind: str, hangs: str
) -> None:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({}) if request.method == "GET" and hangs == "at writes" else await hang(request)

    async with gateway_before(serve, tmp_path, _SHORT) as (client, rehearsal), asyncio.timeout(30):
        code, text = await client.ask(method, target, _BODY, Content_Type=kind)
        recording = rehearsal.end()

    assert code == 503
    assert "The Kubernetes API does not answer: it took too long." in text
    assert recording.writes == ()
    [refused] = recording.refused
    assert (refused.method, refused.path) == (method, target)
    assert "it took too long" in refused.reason


@pytest.mark.parametrize("target", [f"{CM}/settings", CM, f"{_SECRETS}/creds", _SECRETS, f"{CM}?watch=true"])
async def test_a_server_that_hangs_in_the_middle_of_an_answer_gives_no_whole_one(tmp_path: Path, target: str) -> None:
    async def begin(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[')
        return await hang(request)

    async with gateway_before(begin, tmp_path, _SHORT) as (client, _), asyncio.timeout(30):
        try:
            code, _text = await client.ask("GET", target)
        except (aiohttp.ClientError, ConnectionError):
            return

    assert code == 503


async def test_what_is_read_has_a_limit(tmp_path: Path) -> None:
    async def be_large(request: web.BaseRequest) -> web.Response:
        return web.json_response({"kind": "ConfigMap", "data": {"a": "x" * 300_000}})

    async with gateway_before(be_large, tmp_path, Limits(answer_bytes=1_000_000)) as (client, rehearsal):
        codes = [(await client.ask("GET", f"{CM}/settings"))[0] for _ in range(3)]
        await client.ask("GET", f"{CM}/settings")
        code, text = await client.ask("DELETE", f"{CM}/settings")

        assert codes == [200] * 3
        assert (code, orjson.loads(text)["message"]) == (403, "stopped: read more than 1 MB from the cluster")
        assert rehearsal.end().stopped == "stopped: read more than 1 MB from the cluster"


async def test_a_client_that_does_not_send_what_it_announced_is_gone_with_its_rehearsal(tmp_path: Path) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.json_response({"kind": "ConfigMap"})

    async with gateway_before(answer, tmp_path) as (client, rehearsal):
        host, _, port = client.server.removeprefix("https://").rpartition(":")
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
        head = f"PUT {CM}/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\nContent-Length: 100\r\n\r\n{{"
        writer.write(head.encode())
        await client.ask("GET", f"{CM}/settings")

        recording = rehearsal.end()

        async with asyncio.timeout(10):
            assert not (await reader.read()).startswith(b"HTTP/1.1 2")
        writer.close()
    assert recording.writes == ()


_OPENS_EXEC = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
_EXEC = "/api/v1/namespaces/shop/pods/p1/exec"


@pytest.mark.parametrize(
    ("line", "headers", "noted"),
    [
        (f"DELETE {CM}/settings", "", [("DELETE", f"{CM}/settings")]),
        (f"GET {_EXEC}?command=date", f"{_OPENS_EXEC}\r\nSec-WebSocket-Protocol: v5.channel.k8s.io", [("GET", _EXEC)]),
        (f"DELETE {CM}/settings?dryRun=All", "", []),
        (f"GET {CM}/settings", "", []),
    ],
)
async def test_a_write_whose_client_does_not_wait_for_the_answer_is_noted(
    tmp_path: Path, line: str, headers: str, noted: list[tuple[str, str]]
) -> None:
    """The API server would do it all the same."""
    asked, left = asyncio.Event(), asyncio.Event()

    async def never_answer(request: web.BaseRequest) -> web.Response:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        raise AssertionError

    async with gateway_before(never_answer, tmp_path) as (client, rehearsal), asyncio.timeout(10):
        host, _, port = client.server.removeprefix("https://").rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=client.tls)
        head = "".join(f"{part}\r\n" for part in (f"{line} HTTP/1.1", "Host: x", f"Authorization: Bearer {client.token}", headers) if part)
        writer.write(f"{head}\r\n".encode())
        await asked.wait()
        writer.close()
        await left.wait()

        recording = rehearsal.end()

    assert recording.writes == ()
    assert [(refused.method, refused.path) for refused in recording.refused] == noted
    assert all("hung up" in refused.reason for refused in recording.refused)
