"""A call of a tool that an MCP server offers, as a value; as a write, where a person has to approve it first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from bot.values.requests import ApiRequest, RecordedWrite, RequestInfo

_METHOD = "CALL"
"""No client of the gateway can send it: HTTP methods that are unknown there are refused."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Which tool of which server, and what it is given: a JSON object."""

    server: str
    tool: str
    arguments: Mapping[str, object]

    @property
    def title(self) -> str:
        """`server/tool`"""
        return f"{self.server}/{self.tool}"


def to_write(use: ToolUse) -> RecordedWrite:
    """The call as a write without preview: its exact arguments are the body, so the digest that is approved covers them."""
    path = f"/mcp/{quote(use.server, safe='')}/{quote(use.tool, safe='')}"
    body = json.dumps(use.arguments, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
    info = RequestInfo("call", False, path, resource="tool", name=use.title)
    request = ApiRequest(_METHOD, path, content_type="application/json", body=body)
    return RecordedWrite(request, info, None, None, None, has_preview=False, note="What the tool does cannot be previewed.")


def read_use(write: RecordedWrite) -> ToolUse | None:
    """The call that a write is; None if it is a request to an API server."""
    if write.request.method != _METHOD:
        return None
    _, _, server, tool = write.request.path.split("/")
    return ToolUse(unquote(server), unquote(tool), json.loads(write.request.body))
