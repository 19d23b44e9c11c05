"""A model in memory, and replies of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

from bot.agent.ports import ModelReply, Tool
from bot.values.transcript import Entry, ToolCall


class FakeModel:
    """A model whose replies depend on what it has been told so far, as a real one's do."""

    name = "fake"
    window_tokens = 1_000_000

    def __init__(self, think: Callable[[Sequence[Entry]], ModelReply]) -> None:
        self._think = think
        self.asked = 0
        self.errors: list[Exception] = []

    async def reply(
        self, instructions: str, transcript: Sequence[Entry], tools: Sequence[Tool], on_text: Callable[[str], None]
    ) -> ModelReply:
        await asyncio.sleep(0)
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        reply = self._think(transcript)
        on_text(reply.text)
        await asyncio.sleep(0)
        return reply

    async def check(self) -> None: ...

    async def close(self) -> None: ...


def say(text: str, *commands: tuple[str, str]) -> ModelReply:
    """A reply with calls of `shell`: (id, command)."""
    calls = tuple(ToolCall(call_id, "shell", {"command": command}) for call_id, command in commands)
    return ModelReply("fake", json.dumps({"text": text}), text, calls, "stop")


def use(call_id: str, tool: str, **arguments: object) -> ModelReply:
    """A reply with one call of another tool."""
    return ModelReply("fake", json.dumps({"use": tool}), "", (ToolCall(call_id, tool, arguments),), "stop")
