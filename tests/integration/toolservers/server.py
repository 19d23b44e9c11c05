"""An MCP server for tests: `python server.py FILE` on stdin and stdout, `python server.py FILE KEY` over HTTP on a port that it prints.
It notes in the file what it was asked to change."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ImageContent, TextContent, ToolAnnotations
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

NOTES = Path(sys.argv[1])
server = MCPServer("tickets", log_level="CRITICAL")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def search(words: str) -> str:
    """Finds tickets by words."""
    return f"ticket 7 about {words}; password=correct-horse-battery"


@server.tool()
def close_ticket(number: int, why: str = "") -> str:
    """Closes a ticket."""
    with NOTES.open("a") as notes:
        notes.write(f"closed {number} {why}\n")
    return f"ticket {number} is closed"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def picture() -> list[TextContent | ImageContent]:
    """A picture of the queue."""
    return [TextContent(text="the queue"), ImageContent(data="AAAA", mime_type="image/png")]


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def fails() -> str:
    """Fails."""
    raise ToolError("the database is away")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def environment() -> str:
    """The names of what it was given."""
    return " ".join(sorted(os.environ))


@server.tool()
def dies(number: int) -> str:
    """Notes the call and ends without an answer."""
    with NOTES.open("a") as notes:
        notes.write(f"died {number}\n")
    os._exit(1)


def locked(app: Starlette, key: str) -> ASGIApp:
    """The application for those who know the key."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers") or ())
        if scope["type"] == "http" and headers.get(b"authorization") != f"Bearer {key}".encode():
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"who are you?"})
            return
        await app(scope, receive, send)

    return serve


def serve_http(key: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(locked(server.streamable_http_app(), key), log_level="critical")
        uvicorn.Server(config).run(sockets=[listener])


if len(sys.argv) == 2:
    server.run("stdio")
else:
    serve_http(sys.argv[2])
