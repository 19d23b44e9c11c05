"""`kubectl-ai-slack mcp-server`: from the command line to a server on stdio or on a port of the loopback interface."""

from __future__ import annotations

import argparse
import asyncio
import hmac
import os
import re
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bot import log
from bot import settings as settings_
from bot.errors import BotError, ConfigError
from bot.local.cluster import read_context
from bot.local.sandbox import NOT_SANDBOXED
from bot.local.surface import SilentSurface
from bot.local.world import STATE, Place, begin_thread, open_world
from bot.mcp_server.desk import Desk, LocalDesk, SlackDesk
from bot.mcp_server.server import build
from bot.settings import LogSettings, Settings
from bot.store.opening import open_store
from bot.threads.stores import Thread
from bot.threads.world import World

HOST = "127.0.0.1"
TOKEN = "KUBECTL_AI_SLACK_MCP_TOKEN"  # noqa: S105 – the name of the variable
_SLACK = re.compile(r"(?P<team>T[A-Z0-9]+)/(?P<channel>[CGD][A-Z0-9]+)/(?P<user>[UW][A-Z0-9]+)")


def main(argv: Sequence[str]) -> int:
    """Runs the subcommand. Exit codes: 0 the client left, 1 it failed, 2 it could not start."""
    log.configure(LogSettings(level="error"))
    options = _parser().parse_args(argv)
    try:
        asyncio.run(_run(options))
    except ConfigError as exc:
        _tell(str(exc))
        return 2
    except BotError as exc:
        _tell(str(exc))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _run(options: argparse.Namespace) -> None:
    settings = settings_.load(options.config)
    place = Place(read_context(options.kubeconfig, options.context), options.state, options.sandbox)
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_world(place, settings, lambda _: SilentSurface()))
        thread = await begin_thread(world, "mcp")
        stack.push_async_callback(world.sandboxes.release, thread.id)
        desk = await _open_desk(options.slack, settings, world, thread, stack)
        if not options.sandbox:
            _tell(NOT_SANDBOXED)
        server = build(world, thread, desk, is_sandboxed=options.sandbox)
        if options.transport == "stdio":
            await server.run_stdio_async()
        else:
            await _serve_http(server, options.port)


async def _open_desk(slack: str, settings: Settings, world: World, thread: Thread, stack: AsyncExitStack) -> Desk:
    if not slack:
        return LocalDesk(world, thread)
    found = _SLACK.fullmatch(slack)
    if found is None:
        raise ConfigError("--slack takes TEAM/CHANNEL/USER, the ids as Slack has them: T0123/C0456/U0789.")
    store = await stack.enter_async_context(open_store(settings.store))
    return SlackDesk(store.stores, team_id=found["team"], channel_id=found["channel"], user_id=found["user"], now=world.clock)


async def _serve_http(server: MCPServer[Any], port: int) -> None:
    """Serves on loopback, to those who know the token: everybody who has an account on this machine reaches the port."""
    try:
        listener = socket.create_server((HOST, port))
    except OSError as exc:
        raise ConfigError(f"Port {port} of {HOST} cannot be listened on: {exc.strerror}; choose another with --port.") from exc
    with listener:
        given = os.environ.get(TOKEN, "")
        token = given or secrets.token_urlsafe(32)
        app = _RequireToken(server.streamable_http_app(host=HOST), token)
        how = f"with the token in {TOKEN}" if given else f"with the header `Authorization: Bearer {token}`"
        _tell(f"http://{HOST}:{listener.getsockname()[1]}/mcp, {how}")
        await uvicorn.Server(uvicorn.Config(app, log_config=None)).serve(sockets=[listener])


class _RequireToken:
    """Lets nobody in without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                await PlainTextResponse("Send the token that the server printed at its start.\n", 401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _tell(text: str) -> None:
    """On stderr: stdout belongs to the protocol."""
    sys.stderr.write(f"mcp-server: {text}\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl-ai-slack mcp-server",
        description="Offers `rehearse`, `propose` and `status` to MCP clients. A change is approved by a person: in a terminal with "
        "`kubectl-ai-slack approve`, or in Slack with --slack.",
    )
    parser.add_argument("--transport", choices=("stdio", "http"), default="stdio", help="stdio, or streamable HTTP on 127.0.0.1")
    parser.add_argument("--port", type=int, default=9080, help="port for http (default: 9080)")
    parser.add_argument("--kubeconfig", default="", help="the cluster (default: KUBECONFIG, ~/.kube/config)")
    parser.add_argument("--context", default="", help="context in the kubeconfig (default: its current one)")
    parser.add_argument("--sandbox", action="store_true", help="run commands in a Sandbox of the cluster instead of on this machine")
    parser.add_argument("--slack", default="", metavar="TEAM/CHANNEL/USER", help="propose there as this person, through the bot's database")
    parser.add_argument("--config", type=Path, default=settings_.default_path(), help="the settings file (YAML)")
    parser.add_argument("--state", type=Path, default=STATE, help=f"folder of the database (default: {STATE})")
    return parser
