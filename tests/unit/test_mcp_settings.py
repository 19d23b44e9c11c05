"""MCP servers in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import load
from bot.settings_mcp import McpSettings

STDIO = "{name: files, command: npx, args: [server], env: {ROOT: /srv}}"
HTTP = "{name: my-tickets, url: 'https://tickets.example.com/mcp', auth: {type: bearer}}"


def read(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> McpSettings:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, environment or {}).mcp


def test_both_kinds_of_servers_are_read_and_secrets_come_from_the_environment(tmp_path: Path) -> None:
    found = read(tmp_path, f"mcp: {{servers: [{STDIO}, {HTTP}], trusted: [files]}}", {"MCP_MY_TICKETS_TOKEN": "t0ken"})

    files, tickets = found.servers
    assert (files.command, files.args, files.env["ROOT"].get_secret_value()) == ("npx", ("server",), "/srv")
    assert tickets.auth is not None
    assert tickets.auth.headers == {"Authorization": "Bearer t0ken"}
    assert "t0ken" not in repr(found)


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ("{type: api-key, api_key: k}", {"X-API-Key": "k"}),
        ("{type: api-key, api_key: k, header_name: X-Key}", {"X-Key": "k"}),
        ("{type: basic, username: u, password: p}", {}),
    ],
)
def test_each_way_to_identify_has_its_headers(tmp_path: Path, auth: str, headers: dict[str, str]) -> None:
    [server] = read(tmp_path, f"mcp: {{servers: [{{name: t, url: 'http://t/mcp', auth: {auth}}}]}}").servers

    assert server.auth is not None
    assert server.auth.headers == headers


@pytest.mark.parametrize(
    ("servers", "why"),
    [
        ("[{name: a}]", "either `command` or `url`"),
        ("[{name: a, command: x, url: 'http://t'}]", "either `command` or `url`"),
        ("[{name: a, command: x, auth: {token: t}}]", "`auth` is for servers with a `url`"),
        (f"[{STDIO}, {STDIO}]", "two servers are named files"),
        ("[{name: 'a b', command: x}]", "name: String should match"),
        (f"[{STDIO}], trusted: [other]", "`trusted` names other"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, servers: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read(tmp_path, f"mcp: {{servers: {servers}}}")
