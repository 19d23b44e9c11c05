"""Opens the MCP servers of the settings. Their library takes seconds to import: it is left alone where there are none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module

from bot.agent.ports import ServedTool
from bot.changes.sending import Call, call_nothing
from bot.settings_mcp import McpSettings


@dataclass(frozen=True, slots=True)
class Served:
    """The tools that MCP servers offer, and how they are called."""

    tools: tuple[ServedTool, ...] = ()
    call: Call = call_nothing
    found: tuple[str, ...] = ()
    """What each server offers, one sentence each."""


@asynccontextmanager
async def open_served(settings: McpSettings, taken: Iterable[str], problems: list[str]) -> AsyncIterator[Served]:
    """See `servers.open_servers`."""
    if not settings.servers:
        yield Served()
        return
    async with import_module("bot.toolservers.servers").open_servers(settings, taken, problems) as servers:
        yield Served(servers.tools, servers.call, servers.found)
