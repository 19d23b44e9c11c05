"""Lists far larger than the gateway's memory may grow: from a fast server to a slow client, of Secrets and of what may embed them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.gateway.clusters import open_clusters
from bot.gateway.limits import Limits
from bot.gateway.server import Gateway
from bot.settings import ClusterSettings, GatewaySettings
from tests.integration.gateway.lab import NOBODY

CANARY = base64.b64encode(b"canary-hunter2-canary" * 40).decode()
KINDS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "secrets": ("/api/v1/secrets", "SecretList", "v1", {"data": {"password": CANARY}, "type": "Opaque"}),
    "configmaps": ("/api/v1/configmaps", "ConfigMapList", "v1", {"data": {"release": CANARY}}),
    "works": ("/apis/x.example.com/v1/works", "WorkList", "x.example.com/v1", {"spec": [{"kind": "Secret", "data": {"a": CANARY}}]}),
}
LOOKED_AT = {**KINDS, "pods": ("/api/v1/pods", "PodList", "v1", {"spec": {"note": "x" * 1000}})}
"""What is looked at once the rehearsal has written one of them."""
MEGABYTE = 1024 * 1024


def resident() -> int:
    """Bytes of memory that this process holds: server, gateway and client together."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass
class FakeApi:
    """An API server with as many objects as are asked for."""

    size: int = 100 * MEGABYTE
    breaks_off_after: int = 0
    sent: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/apis/apiregistration"):
            return web.json_response({"spec": {}})
        if request.path.startswith("/apis/apiextensions"):
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        if request.method == "POST":
            return web.json_response(await request.json(), status=201)
        kind, version, content = next((k, v, c) for path, k, v, c in LOOKED_AT.values() if path == request.path)
        is_table = "as=Table" in request.headers["Accept"]
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        head = {"kind": "Table" if is_table else kind, "apiVersion": version, "metadata": {"resourceVersion": "7"}}
        await self._send(response, json.dumps(head)[:-1].encode() + (b', "rows": [' if is_table else b', "items": ['))
        items = [{"metadata": {"name": f"o-{number}", "labels": {"owner": "helm"}}, **content} for number in range(200)]
        rows = [{"cells": [item["metadata"]["name"]], "object": {"kind": kind[:-4], **item}} for item in items]
        batch = json.dumps(rows if is_table else items)[1:-1].encode()
        await self._send(response, batch)
        while self.sent < self.size:
            await self._send(response, b"," + batch)
            if self.breaks_off_after and self.sent > self.breaks_off_after:
                assert request.transport is not None
                request.transport.abort()
                return response
        await self._send(response, b"]}")
        return response

    async def _send(self, response: web.StreamResponse, data: bytes) -> None:
        await response.write(data)
        self.sent += len(data)


@asynccontextmanager
async def gateway_before(api: FakeApi, folder: Path) -> AsyncIterator[tuple[aiohttp.ClientSession, str, dict[str, str]]]:
    runner = web.ServerRunner(web.Server(api.answer))  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kubeconfig = folder / "kubeconfig"
    cluster = {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    contexts = [{"name": "x", "context": {"cluster": "x", "user": "x"}}]
    users = [{"name": "x", "user": {"token": "bot"}}]
    config = {"clusters": [{"name": "x", "cluster": cluster}], "users": users, "contexts": contexts, "current-context": "x"}
    kubeconfig.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **config}))
    gateway = Gateway(GatewaySettings(port=0), Limits())
    await gateway.start()
    opened = (await open_clusters([ClusterSettings(kubeconfig=str(kubeconfig), reader="", writer="")], gateway))["cluster"]
    try:
        async with opened.rehearse("T", NOBODY, "shop", "") as rehearsal, aiohttp.ClientSession(read_bufsize=MEGABYTE // 16) as client:
            token = json.loads(rehearsal.kubeconfig)["users"][0]["user"]["token"]
            yield client, gateway.address, {"Authorization": f"Bearer {token}"}
    finally:
        await opened.close()
        await gateway.close()
        await runner.cleanup()


@pytest.mark.parametrize("form", ["", "Table"])
@pytest.mark.parametrize("resource", KINDS)
async def test_memory_stays_flat_on_a_list_of_100_megabytes(tmp_path: Path, resource: str, form: str) -> None:
    api = FakeApi()
    accept = {"Accept": f"application/json;as={form};v=v1;g=meta.k8s.io" if form else "application/json"}
    async with (
        gateway_before(api, tmp_path) as (client, address, headers),
        client.get(address + KINDS[resource][0], headers={**headers, **accept}, ssl=False) as response,
    ):
        size, last, leaks = 0, b"", 0
        at_first = peak = resident()
        async for chunk in response.content.iter_any():
            size += len(chunk)
            leaks += CANARY.encode()[:200] in last[-4000:] + chunk
            last = chunk
            peak = max(peak, resident())

    assert api.sent > 100 * MEGABYTE
    assert last.endswith(b"]}\n")
    assert (response.status, leaks) == (200, 0)
    assert size > 8 * MEGABYTE
    assert peak - at_first < 20 * MEGABYTE


@pytest.mark.parametrize(("resource", "form"), [("secrets", ""), ("works", ""), ("pods", ""), ("pods", "Table")])
async def test_memory_stays_flat_after_a_write_of_what_is_listed(tmp_path: Path, resource: str, form: str) -> None:
    api = FakeApi()
    path, kind, version, content = LOOKED_AT[resource]
    made = {"kind": kind.removesuffix("List"), "apiVersion": version, "metadata": {"name": "made-here", "namespace": "shop"}, **content}
    where = path.replace(f"/{resource}", f"/namespaces/shop/{resource}")
    accept = {"Accept": f"application/json;as={form};v=v1;g=meta.k8s.io" if form else "application/json"}
    async with gateway_before(api, tmp_path) as (client, address, headers):
        async with client.post(address + where, json=made, headers=headers, ssl=False) as response:
            assert response.status == 201
        async with client.get(address + path, headers={**headers, **accept}, ssl=False) as response:
            size, seen, leaks, last = 0, 0, 0, b""
            at_first = peak = resident()
            async for chunk in response.content.iter_any():
                size += len(chunk)
                seen += (last[-8:] + chunk).count(b"made-here")
                leaks += CANARY.encode()[:200] in last[-4000:] + chunk
                last = chunk
                peak = max(peak, resident())

    assert api.sent > 100 * MEGABYTE
    assert last.endswith(b"]}\n")
    assert (response.status, seen, leaks) == (200, 2 if form else 1, 0)
    assert peak - at_first < 20 * MEGABYTE


async def test_a_slow_client_slows_the_server(tmp_path: Path) -> None:
    """Nobody in between collects what the client does not take."""
    api = FakeApi()
    async with (
        gateway_before(api, tmp_path) as (client, address, headers),
        client.get(address + KINDS["secrets"][0], headers=headers, ssl=False) as response,
    ):
        await response.content.read(1000)
        sent = -1
        while sent != api.sent:
            sent = api.sent
            await asyncio.sleep(0.3)
        response.close()

    assert api.sent < 60 * MEGABYTE


@pytest.mark.parametrize("resource", KINDS)
async def test_a_list_that_breaks_off_does_not_look_whole(tmp_path: Path, resource: str) -> None:
    api = FakeApi(breaks_off_after=3 * MEGABYTE)
    async with gateway_before(api, tmp_path) as (client, address, headers):
        with pytest.raises(aiohttp.ClientError):
            async with client.get(address + KINDS[resource][0], headers=headers, ssl=False) as response:
                await response.read()
