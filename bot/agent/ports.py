"""What a turn needs from the world: a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.values.transcript import Entry, ModelRequest, ToolCall


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the model may call. `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: dict[str, object]


@dataclass(frozen=True, slots=True)
class ServedTool:
    """A tool that an MCP server offers."""

    server: str
    name: str
    """As the server names it."""
    tool: Tool
    """As a model sees it: its name is one of its own among all tools."""
    is_read_only: bool
    """Whether it says that it changes nothing, and its server is trusted in that."""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """One reply: the provider's own JSON (kept verbatim for the next request) and what we read out of it."""

    model: str
    content: str
    text: str
    calls: tuple[ToolCall, ...]
    finish: str
    input_tokens: int = 0
    output_tokens: int = 0
    request: ModelRequest | None = None
    """What it replies to, so that the same request can be built again; None from a model that keeps no account of it."""


class Model(Protocol):
    """A model service. Raises `ModelUnavailableError` (try later), `ModelOverflowError` (too long) or `ModelRefusedError` (the request
    is wrong). It makes one attempt: who asks decides whether to try again."""

    @property
    def name(self) -> str: ...

    @property
    def window_tokens(self) -> int:
        """Tokens that a request may hold: the service's own limit once `check` has read it."""
        ...

    async def reply(
        self,
        instructions: str,
        transcript: Sequence[Entry],
        tools: Sequence[Tool],
        on_text: Callable[[str], None],
    ) -> ModelReply:
        """Streams one reply to the whole transcript; `on_text` gets all text so far, each time some arrives. It is for showing only:
        a stream that breaks off raises and leaves nothing behind, so asking again is always safe."""
        ...

    async def check(self) -> None:
        """Raises `ModelRefusedError` with what to do if the key or the model name is wrong. Called once at start."""
        ...

    async def close(self) -> None:
        """Ends its connections; a later request would open them again."""
        ...
