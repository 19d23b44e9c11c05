"""The connection to one MCP server. It lives in a task of its own, which the library demands, and is made anew when it broke."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import structlog
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Tool

from bot.settings_mcp import McpServerSettings
from bot.toolservers.failing import Failure, explain

log = structlog.get_logger()

FOREIGN = (
    MCPError,
    OSError,
    httpx2.HTTPError,
    anyio.ClosedResourceError,
    anyio.BrokenResourceError,
    anyio.EndOfStream,
    ValueError,
    RuntimeError,
)
"""What a request to a server raises when it fails (TimeoutError is an OSError)."""
_MOST_PAGES = 50
_CLOSE_SECONDS = 10.0


class NotConnectedError(Exception):
    """There is no connection, so nothing was asked for; the message says why, as the end of a sentence."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.why)
        self.failure = failure


class Connection:
    """One server. `close` it in the end."""

    def __init__(self, settings: McpServerSettings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._client: Client | None = None
        self._calls = 0
        """How many calls it works on now."""
        self._refused = 0
        """The status with which it refused something over HTTP; 0 if it did not."""
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def list_tools(self) -> list[Tool]:
        """All that it offers. Raises NotConnectedError or one of FOREIGN."""
        client = await self._connected()
        found: list[Tool] = []
        cursor: str | None = None
        async with asyncio.timeout(self._settings.timeout):
            for _ in range(_MOST_PAGES):
                page = await client.list_tools(cursor=cursor)
                found += page.tools
                cursor = page.next_cursor
                if not cursor:
                    break
        return found

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Calls the tool once. Raises NotConnectedError if it was certainly not called, one of FOREIGN if that cannot be known."""
        client = await self._alive()
        self._calls += 1
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await client.call_tool(tool, arguments)
        finally:
            self._calls -= 1

    def explain(self, error: BaseException) -> Failure:
        """What an error of a request means."""
        return explain(self._settings, error, self._refused)

    async def close(self) -> None:
        """Ends the connection, and the program behind it; a later request would make it anew."""
        task, self._task, self._client = self._task, None, None
        if task is not None:
            self._closing.set()
            _, late = await asyncio.wait({task}, timeout=_CLOSE_SECONDS)
            if late:
                task.cancel()
                await asyncio.wait(late)

    async def _alive(self) -> Client:
        """A connection that has just answered: whether a call on a broken one was made could not be known."""
        client = await self._connected()
        try:
            async with asyncio.timeout(self._settings.timeout):
                await client.list_tools()
        except FOREIGN as exc:
            if self._calls:  # it works on another call, which must not be cut off
                raise NotConnectedError(Failure("it does not answer while it works on another call")) from exc
            log.info("mcp_connection_renewed", server=self._settings.name, error=type(exc).__name__)
            if self._client is client:
                await self.close()
            client = await self._connected()
        return client

    async def _connected(self) -> Client:
        async with self._lock:
            if self._client is None or self._task is None or self._task.done():
                await self.close()
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> Client:
        self._closing, self._refused = asyncio.Event(), 0
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        task = self._task = asyncio.create_task(self._hold(ready, self._closing), name=f"mcp {self._settings.name}")
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await ready
        except TimeoutError as exc:
            raise NotConnectedError(self.explain(exc)) from exc
        finally:
            if ready.cancelled():  # nobody waits for it any more
                task.cancel()
                await asyncio.wait({task})

    async def _hold(self, ready: asyncio.Future[Client], closing: asyncio.Event) -> None:
        """Keeps the connection open until it shall be closed."""
        try:
            async with _open(self._settings, self._note_refusal) as client:
                ready.set_result(client)
                await closing.wait()
        except Exception as exc:  # the library wraps what went wrong into groups of any depth
            why = _first(exc)
            if ready.done():
                log.exception("mcp_connection_broke", server=self._settings.name)
            else:
                ready.set_exception(NotConnectedError(self.explain(why)))
        finally:
            ready.cancel()

    def _note_refusal(self, status: int) -> None:
        self._refused = status


@asynccontextmanager
async def _open(settings: McpServerSettings, on_refusal: Callable[[int], None]) -> AsyncIterator[Client]:
    """`on_refusal` hears the status of a refused request: the library's own error does not tell it."""
    if settings.command:
        environment = {name: value.get_secret_value() for name, value in settings.env.items()}
        parameters = StdioServerParameters(command=settings.command, args=list(settings.args), env=environment)
        async with Client(stdio_client(parameters), cache=None) as client:
            yield client
        return
    auth = settings.auth
    is_basic = auth is not None and auth.type == "basic"
    basic = httpx2.BasicAuth(auth.username, auth.password.get_secret_value()) if auth is not None and is_basic else None
    headers = auth.headers if auth is not None else {}

    async def note(response: httpx2.Response) -> None:
        if response.request.method == "POST" and response.is_error:  # a server may refuse the stream that a GET asks for
            on_refusal(response.status_code)

    timeout = httpx2.Timeout(settings.timeout, read=None)
    async with httpx2.AsyncClient(headers=headers, auth=basic, timeout=timeout, event_hooks={"response": [note]}) as http:
        transport = streamable_http_client(settings.url, http_client=http)
        async with Client(transport, cache=None) as client:
            yield client


def _first(exc: BaseException) -> BaseException:
    while isinstance(exc, BaseExceptionGroup) and exc.exceptions:
        exc = exc.exceptions[0]
    return exc
