"""An API server with faults on demand: a plain-HTTP reverse proxy in front of the real one that can hold requests or their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from yarl import URL

from bot.kube.connection import KubeConnection, connect

Predicate = Callable[[str, str], bool]
"""Of method and path with query."""

_HOP_BY_HOP = {"host", "connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive", "upgrade"}


def persists(method: str, target: str) -> bool:
    """Whether a request is a write that is not a dry run."""
    return method in {"POST", "PUT", "PATCH", "DELETE"} and "dryRun=All" not in target and "accessreviews" not in target


@dataclass
class FaultyApiServer:
    """Forwards everything as the upstream's own credential would; `hold_requests` and `hold_answers` stop what they match."""

    upstream: KubeConnection
    hold_requests: Predicate | None = None
    hold_answers: Predicate | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._forward)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)  # held handlers never end by themselves
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        await self.upstream.close()

    def release(self) -> None:
        """Lets everything through again. What was held stays held: its client is expected to be dead."""
        self.hold_requests = self.hold_answers = None
        self.held.clear()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        target = request.raw_path
        self.seen.append((request.method, target))
        if self.hold_requests and self.hold_requests(request.method, target):
            await self._hold()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        headers |= await self.upstream.headers()
        body = await request.read()
        url = self.upstream.server + target
        async with self.upstream.session.request(
            request.method,
            URL(url, encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
        ) as answer:
            if self.hold_answers and self.hold_answers(request.method, target):
                await answer.read()
                await self._hold()
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def _hold(self) -> None:
        self.held.set()
        await asyncio.Event().wait()  # until the connection's end cancels this handler


async def faulty(kubeconfig: str) -> FaultyApiServer:
    """A started proxy in front of the cluster of `kubeconfig`, with that kubeconfig's credential."""
    proxy = FaultyApiServer(await connect(kubeconfig))
    await proxy.start()
    return proxy
