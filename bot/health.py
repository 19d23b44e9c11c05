"""The health and metrics listener: `/healthz` (the loop turns), `/readyz` (it can work), `/metrics` (Prometheus)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bot import metrics
from bot.errors import StoreError
from bot.metrics import Backlog
from bot.settings import HealthSettings

Probe = Callable[[], Awaitable[str]]
"""Answers '' when all is well, otherwise what is wrong in one sentence."""
Look = Callable[[], Awaitable[Backlog]]
"""What is in the database now. Raises StoreError."""


async def start(settings: HealthSettings, probe: Probe, look: Look) -> web.AppRunner | None:
    """Starts the listener; None if the settings turn it off. The caller cleans the runner up."""
    if settings.port == 0:
        return None

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        wrong = await probe()
        return web.Response(text=f"{wrong or 'ok'}\n", status=503 if wrong else 200)

    async def show_metrics(_request: web.Request) -> web.Response:
        try:
            metrics.show(await look())
        except StoreError:
            metrics.forget()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", show_metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    return runner
