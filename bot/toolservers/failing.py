"""Why a server cannot be used, and what to do about it, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
from mcp import MCPError

from bot.settings_mcp import McpServerSettings

_SHOWN_CHARS = 200
"""Of what a library says of a failure."""
_ANYTHING = "start it, correct it in `mcp.servers` or remove it"
_SECRET_OF = {"bearer": "TOKEN", "api-key": "API_KEY", "basic": "PASSWORD"}
"""Ends of the names of environment variables; see `bot.settings_mcp`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """`why` is the end of a sentence, `advice` another."""

    why: str
    advice: str = _ANYTHING


def explain(server: McpServerSettings, error: BaseException, status: int = 0) -> Failure:
    """`status` is that of the last answer over HTTP that refused something; 0 if there was none."""
    if isinstance(error, TimeoutError):
        return Failure(
            f"it did not answer within {server.timeout:g} s", "raise its `timeout` in `mcp.servers` if it is slow, or correct or remove it"
        )
    return _of_program(server, error) if server.command else _of_address(server, error, status)


def _of_program(server: McpServerSettings, error: BaseException) -> Failure:
    match error:
        case FileNotFoundError():
            return Failure(f"there is no program {server.command}", "install it where the bot runs, or correct `command` in `mcp.servers`")
        case OSError(strerror=str() as why):
            return Failure(f"the program {server.command} cannot be run ({why})", "correct `command` in `mcp.servers`")
        case MCPError():
            return Failure(
                f"the program {server.command} ended, or answered with an error ({_shorten(error)})",
                "what it wrote to stderr says why; correct its `args` and `env` in `mcp.servers`",
            )
    return Failure(_shorten(error))


def _of_address(server: McpServerSettings, error: BaseException, status: int) -> Failure:
    where = _address(server.url)
    if status in (401, 403):
        if server.auth is None:
            return Failure(f"{where} wants credentials (status {status})", "set `auth` of this server in `mcp.servers`")
        secret = f"MCP_{server.name.upper().replace('-', '_')}_{_SECRET_OF[server.auth.type]}"
        return Failure(f"{where} refuses the credentials (status {status})", f"correct {secret} or `auth` of this server in `mcp.servers`")
    if status == 404:
        return Failure(f"there is nothing at {where} (status 404)", "correct the path of its `url` in `mcp.servers`")
    if status:
        return Failure(f"{where} answers with status {status}", "look into its log, or remove it from `mcp.servers`")
    if isinstance(error, httpx2.TransportError):
        return Failure(f"{where} cannot be reached ({_shorten(error)})", "start it, or correct its `url` in `mcp.servers`")
    if isinstance(error, MCPError):
        return Failure(f"what answers at {where} is no MCP server ({_shorten(error)})", "correct its `url` in `mcp.servers`")
    return Failure(_shorten(error))


def _shorten(error: BaseException) -> str:
    """The beginning of its first line: the others repeat it in the words of a program."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:")[:_SHOWN_CHARS] if lines else type(error).__name__


def _address(url: str) -> str:
    """Without what may be a credential."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
