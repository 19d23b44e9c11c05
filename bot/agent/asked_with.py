"""What replies were asked with, kept once: a row leaves out what is the same as in the reply before it in the thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.values.transcript import Entry, ModelRequest, Replied


def shorten(request: ModelRequest, before: Sequence[Entry]) -> ModelRequest:
    """The request without what a reply in `before` tells already."""
    instructions, tools = _known(before)
    return replace(
        request,
        instructions=None if request.instructions == instructions else request.instructions,
        tools=None if request.tools == tools else request.tools,
    )


def restore(request: ModelRequest, before: Sequence[Entry]) -> ModelRequest:
    """The request with what `shorten` left out; it stays None if no row before tells it."""
    instructions, tools = _known(before)
    return replace(
        request,
        instructions=instructions if request.instructions is None else request.instructions,
        tools=tools if request.tools is None else request.tools,
    )


def _known(before: Sequence[Entry]) -> tuple[str | None, str | None]:
    requests = [entry.request for entry in reversed(before) if isinstance(entry, Replied) and entry.request is not None]
    instructions = next((request.instructions for request in requests if request.instructions is not None), None)
    return instructions, next((request.tools for request in requests if request.tools is not None), None)
