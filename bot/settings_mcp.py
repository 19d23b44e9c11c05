"""MCP servers whose tools the model may use, written as in kubectl-ai's `mcp.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from bot.settings_base import Group

SECRETS = {"TOKEN": "token", "API_KEY": "api_key", "PASSWORD": "password"}
"""Ends of environment names `MCP_<SERVER>_…` → setting of the server's `auth`."""


class McpAuth(Group):
    """How the bot identifies itself to a server over HTTP."""

    type: Literal["bearer", "basic", "api-key"] = "bearer"
    """bearer: a token. basic: a user name and a password. api-key: a key in a header of its own."""
    token: SecretStr = SecretStr("")
    """bearer: the token. Environment: MCP_<SERVER>_TOKEN."""
    username: str = ""
    """basic: the user name."""
    password: SecretStr = SecretStr("")
    """basic: the password. Environment: MCP_<SERVER>_PASSWORD."""
    api_key: SecretStr = SecretStr("")
    """api-key: the key. Environment: MCP_<SERVER>_API_KEY."""
    header_name: str = "X-API-Key"
    """api-key: the header."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request, but those of `basic`."""
        if self.type == "bearer":
            return {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        return {self.header_name: self.api_key.get_secret_value()} if self.type == "api-key" else {}


class McpServerSettings(Group):
    """One server: a program that the bot runs beside itself (`command`), or an address (`url`, streamable HTTP)."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")
    """Its tools are named `<name>_<tool>`."""
    command: str = ""
    """Program that speaks MCP on its stdin and stdout. It runs in the bot's own container, outside of any sandbox."""
    args: tuple[str, ...] = ()
    """The program's arguments."""
    env: Mapping[str, SecretStr] = Field(default_factory=dict)
    """The program's environment, besides HOME, PATH and the like. It gets nothing else of the bot's."""
    url: str = ""
    """Address of a server over HTTP: `https://tools.example.com/mcp`."""
    auth: McpAuth | None = None
    timeout: float = Field(default=30.0, gt=0)
    """Longest wait, in seconds, for a connection and for one answer."""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> McpServerSettings:
        if bool(self.command) == bool(self.url):
            raise ValueError("a server needs either `command` or `url`")
        if self.command and self.auth is not None:
            raise ValueError("`auth` is for servers with a `url`; a `command` gets its credentials in `env`")
        return self


class McpSettings(Group):
    """MCP servers."""

    servers: tuple[McpServerSettings, ...] = ()
    """Their tools are offered to the model. Each call waits for approval, except as below."""
    trusted: tuple[str, ...] = ()
    """Names of servers that are believed when a tool says that it only reads: such a tool is called without approval."""

    @model_validator(mode="after")
    def _are_known(self) -> McpSettings:
        names = [server.name for server in self.servers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two servers are named {twice[0]}: give each its own name")
        if unknown := sorted(set(self.trusted) - set(names)):
            raise ValueError(f"`trusted` names {unknown[0]}, which is no server")
        return self


def fill_mcp(data: dict[str, Any], environment: Mapping[str, str]) -> None:
    """The environment's secrets over the file's."""
    servers = data["mcp"].get("servers") if isinstance(data.get("mcp"), dict) else None
    for server in servers if isinstance(servers, list) else ():
        if not isinstance(server, dict):
            continue  # the validation reports it
        prefix = f"MCP_{str(server.get('name', '')).upper().replace('-', '_')}_"
        found = {field: environment[prefix + end] for end, field in SECRETS.items() if environment.get(prefix + end)}
        if found and isinstance(server.get("auth", {}), dict):
            server["auth"] = {**server.get("auth", {}), **found}
