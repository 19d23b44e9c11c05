"""The services that models are at, as far as they judge a history: what a reply of theirs looks like, and whether they take a request."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.agent import history
from bot.agent.models import openai_wire, wire
from bot.agent.models.gemini_contents import build_contents
from bot.agent.models.openai_messages import build_messages, tool_call
from bot.values.transcript import Entry, ToolCall

SERVICES = ("gemini", "openai", "unknown")
SIGNATURE = "c2lnbmF0dXJl"


def content_of(service: str, calls: tuple[ToolCall, ...], text: str = "I look.") -> str:
    """The reply as this service would have sent it."""
    if service == "gemini":
        parts = [{"functionCall": {"name": c.name, "args": c.arguments}} for c in calls]
        signed = [{**part, "thoughtSignature": SIGNATURE} if place == 0 else part for place, part in enumerate(parts)]
        return json.dumps({"role": "model", "parts": [{"text": text}, *signed]})
    if service == "openai":
        sent = [tool_call(call.id, call.name, json.dumps(call.arguments)) for call in calls]
        return json.dumps({"role": "assistant", "content": text, **({"tool_calls": sent} if sent else {})})
    return "not of any service we know"


def assert_accepted(rows: Sequence[Entry]) -> None:
    """Fails if one of them would refuse these rows as the history of a request."""
    messages = history.messages(rows)
    contents = [content.model_dump(mode="json", by_alias=True, exclude_none=True) for content in build_contents(messages)]
    assert wire.refusal(contents, signatures=True) == ""
    assert openai_wire.refusal(build_messages("Be brief.", messages)) == ""
