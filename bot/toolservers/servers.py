"""All MCP servers of the settings: their tools under names of their own, and calls of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from mcp_types import Tool as McpTool

from bot.agent.ports import ServedTool, Tool
from bot.settings_mcp import McpSettings
from bot.toolservers.answers import to_output
from bot.toolservers.connection import FOREIGN, Connection, NotConnectedError
from bot.values.execs import Executed, Output
from bot.values.tool_use import ToolUse

log = structlog.get_logger()

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_NAME_CHARS = 64
_DESCRIPTION_CHARS = 2_000
_NAMED = 10
"""Tools that a sentence names; the rest is counted."""
_ASKS = " Every call waits for approval; its answer comes after that."


class ToolServers:
    """Open connections, by name."""

    def __init__(self, connections: dict[str, Connection], tools: tuple[ServedTool, ...], found: tuple[str, ...]) -> None:
        self._connections = connections
        self.tools = tools
        self.found = found
        """What each server offers, in words."""

    async def call(self, use: ToolUse) -> Executed:
        """See `bot.changes.sending.Call`."""
        connection = self._connections.get(use.server)
        if connection is None:
            return Executed(Output(), why=f"there is no server {use.server} in the settings", has_started=False)
        try:
            result = await connection.call(use.tool, dict(use.arguments))
        except NotConnectedError as exc:
            return Executed(Output(), why=f"{use.server} cannot be reached: {exc}", has_started=False)
        except FOREIGN as exc:
            log.warning("tool_gave_no_answer", server=use.server, tool=use.tool, error=type(exc).__name__)
            return Executed(Output(), why=f"{type(exc).__name__}: {str(exc)[:300]}")
        return Executed(to_output(result))


@asynccontextmanager
async def open_servers(settings: McpSettings, taken: Iterable[str], problems: list[str]) -> AsyncIterator[ToolServers]:
    """Connects to every server and asks for its tools. `taken` are names of other tools. What is wrong goes to `problems`."""
    names = set(taken)
    connections: dict[str, Connection] = {}
    tools: list[ServedTool] = []
    found: list[str] = []
    async with AsyncExitStack() as stack:
        for one in settings.servers:
            connection = connections[one.name] = Connection(one)
            stack.push_async_callback(connection.close)
            try:
                offered = await connection.list_tools()
            except (NotConnectedError, *FOREIGN) as exc:
                failure = exc.failure if isinstance(exc, NotConnectedError) else connection.explain(exc)
                problems.append(f"The MCP server {one.name} cannot be used, for {failure.why}: {failure.advice}.")
                continue
            found.append(_tell(one.name, offered, is_trusted=one.name in settings.trusted))
            for tool in offered:
                served = _serve(one.name, tool, is_trusted=one.name in settings.trusted)
                if served.tool.name in names:
                    problems.append(f"Two tools are named {served.tool.name}: rename the server {one.name} in `mcp.servers`.")
                names.add(served.tool.name)
                tools.append(served)
        yield ToolServers(connections, tuple(tools), tuple(found))


def _serve(server: str, tool: McpTool, *, is_trusted: bool) -> ServedTool:
    is_read_only = is_trusted and _says_it_reads(tool)
    name = _NOT_IN_NAMES.sub("_", f"{server}_{tool.name}")[:_NAME_CHARS]
    description = (tool.description or tool.title or tool.name).strip()[:_DESCRIPTION_CHARS]
    told = f"{description}\n(Tool of the server {server}, outside of the sandbox.{'' if is_read_only else _ASKS})"
    return ServedTool(server, tool.name, Tool(name, told, tool.input_schema), is_read_only)


def _says_it_reads(tool: McpTool) -> bool:
    return tool.annotations is not None and tool.annotations.read_only_hint is True


def _tell(server: str, offered: Sequence[McpTool], *, is_trusted: bool) -> str:
    """How many tools there are, and which of them run without approval and why."""
    reads = [tool.name for tool in offered if _says_it_reads(tool)]
    others = [tool.name for tool in offered if not _says_it_reads(tool)]
    head = f"The MCP server {server} lists {len(offered)} tool{'' if len(offered) == 1 else 's'}"
    if not offered:
        return f"The MCP server {server} lists no tool: correct it, or remove it from `mcp.servers`."
    if not reads:
        return f"{head}; each call waits for approval, for none says that it only reads: {_list(others)}."
    if not is_trusted:
        return (
            f"{head}; each call waits for approval: {_list([*reads, *others])}. "
            f"`mcp.trusted` does not name the server; if it did, those that say that they only read would run without: {_list(reads)}."
        )
    waiting = f"; calls of the others wait for it: {_list(others)}" if others else ""
    return f"{head}; those that say that they only read run without approval, since `mcp.trusted` names it: {_list(reads)}{waiting}."


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
