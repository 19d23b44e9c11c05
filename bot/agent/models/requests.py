"""The account of a request to a model: what it takes to build the same request again, and a digest that shows that it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from bot.agent.ports import ModelReply, Tool
from bot.values.transcript import Entry, ModelRequest

VERSION = 2
"""Of `ModelRequest.version`, for new rows."""
_FIRST = ("model", "messages", "tools", "contents", "config")
"""The parts of a body that a digest of version 1 covers; thinking was no part of `config` then."""


def record(
    wire: str,
    body: Mapping[str, Any],
    reply: ModelReply,
    *,
    window_tokens: int,
    thinking: str,
    instructions: str,
    transcript: Sequence[Entry],
    tools: Sequence[Tool],
) -> ModelRequest:
    """The account of a request with this body, and of the reply to it."""
    listed = json.dumps([asdict(tool) for tool in tools], ensure_ascii=False)
    replied = digest_of_reply(reply)
    return ModelRequest(wire, digest(body), replied, len(transcript), window_tokens, instructions, listed, thinking, VERSION)


def digest_as(version: int, body: Mapping[str, Any]) -> str:
    """The digest of a request as rows of this version have it. A row of version 1 does not tell how much its model was to think: the
    body is one without."""
    return digest(body if version >= VERSION else {part: body[part] for part in _FIRST if part in body})


def digest(body: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, hex."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def digest_of_reply(reply: ModelReply) -> str:
    """SHA-256 of all that was read out of a reply, hex."""
    return digest(asdict(replace(reply, request=None)))


def load_tools(text: str) -> tuple[Tool, ...]:
    """The tools of an account."""
    return tuple(Tool(**tool) for tool in json.loads(text))
