"""The application: routes, who may ask, start and stop."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from bot.devslack import control, page, questions, responses, uploads, webapi
from bot.devslack.config import Config
from bot.devslack.keys import SLACK
from bot.devslack.local_slack import LocalSlack
from bot.devslack.setup import watch_progress
from bot.errors import ConfigError

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MOST_BODY_BYTES = 64 * 1024 * 1024


def create_app(config: Config | None = None) -> web.Application:
    """The whole local Slack as one application. Raises ConfigError for a journal it cannot use."""
    app = web.Application(middlewares=[guard_origin], client_max_size=MOST_BODY_BYTES)
    app[SLACK] = LocalSlack(config or Config())
    app.router.add_route("*", "/api/{method}", webapi.handle_call)
    app.router.add_get("/link/", _handle_socket)
    app.router.add_post("/upload/v1/{file_id}", uploads.handle_upload)
    app.router.add_get("/files-pri/{file_id}/{name}", uploads.handle_download)
    app.router.add_post("/commands/response/{name}", responses.handle_response_url)
    app.router.add_post("/actions/response/{name}", responses.handle_response_url)
    app.router.add_get("/", page.handle_index)
    app.router.add_get("/traffic", page.handle_inspector)
    app.router.add_get(r"/archives/{channel:[A-Z0-9]+}/p{ts:\d{7,}}", page.handle_archive)
    app.router.add_get("/_control/state", page.handle_state)
    app.router.add_get("/_control/feed", page.handle_feed)
    app.router.add_get("/_control/files/{file_id}", page.handle_file)
    app.router.add_static("/static/", page.STATIC)
    control.add_routes(app.router)
    questions.add_routes(app.router)
    app.cleanup_ctx.append(_run)
    app.on_shutdown.append(_say_goodbye)
    return app


async def serve(config: Config | None = None, host: str = "127.0.0.1", port: int = 8888) -> None:
    """Serve until cancelled. Raises ConfigError for an address that is not loopback or cannot be bound."""
    async with run_server(config, host, port) as url:
        log.info("local_slack_ready", url=url)
        await asyncio.Event().wait()


@asynccontextmanager
async def run_server(config: Config | None = None, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve inside the block and yield the base URL; port 0 takes a free one. Raises ConfigError as `serve`."""
    check_loopback(host)
    runner = web.AppRunner(create_app(config), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as exc:
            raise ConfigError(f"The local Slack cannot listen on {host}:{port} ({exc.strerror}); free the port or choose another.") from exc
        bound = runner.addresses[0]
        yield f"http://localhost:{bound[1]}" if host != "::1" else f"http://[::1]:{bound[1]}"
    finally:
        await runner.cleanup()


def check_loopback(host: str) -> None:
    """Raise ConfigError unless the host is a loopback address: whoever reaches this Slack can be anybody."""
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    if host == "localhost":
        return
    raise ConfigError(f"The local Slack lets everybody be anybody and listens on loopback only, not on {host}; use 127.0.0.1.")


@web.middleware
async def guard_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other web sites: a page in the same browser must not press Approve here, nor reach us by a name of its own."""
    host = request.headers.get("Host", "")
    if not _is_loopback_host(host):
        return web.Response(status=421, text="The local Slack answers to localhost only; open it as http://localhost.")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return web.Response(status=403, text="Other web sites may not use the local Slack.")
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.path != "/" and not request.path.startswith("/archives/"):
        return web.Response(status=403, text="Other web sites may not use the local Slack.")
    request.app[SLACK].base_url = f"http://{host}"
    return await handler(request)


def _is_loopback_host(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _handle_socket(request: web.Request) -> web.StreamResponse:
    return await request.app[SLACK].sockets.serve(request)


async def _run(app: web.Application) -> AsyncIterator[None]:
    slack = app[SLACK]
    slack.resume()
    path = slack.config.setup_progress
    watcher = asyncio.create_task(watch_progress(path, slack.feed)) if path else None
    yield
    if watcher is not None:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher


async def _say_goodbye(app: web.Application) -> None:
    """Before the connections are closed: end the feeds and sockets, or closing waits for them."""
    await app[SLACK].close()
