"""The neutral history as Chat Completions messages. The model's own replies go back as they came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, cast

from openai.types.chat import ChatCompletionMessageParam

from bot.agent.history import CallAnswer, Message, ModelSaid, ToolsAnswered, UserSaid
from bot.values.transcript import ToolCall

_NAME = re.compile(r"[^a-zA-Z0-9_-]")


def build_messages(instructions: str, messages: Iterable[Message]) -> list[ChatCompletionMessageParam]:
    """The system message, then one message per reply and per answer. What people said in a row is one message: the templates of some
    local models take no two user messages in a row."""
    built: list[dict[str, Any]] = [{"role": "system", "content": instructions}]
    native: list[str] = []
    for message in messages:
        match message:
            case UserSaid() if built[-1]["role"] == "user":
                built[-1]["content"] += f"\n\n{message.text}"
            case UserSaid():
                built.append({"role": "user", "content": message.text})
            case ModelSaid():
                restored = _restore(message)
                native = [call["id"] for call in restored.get("tool_calls", [])]
                built.append(restored)
            case ToolsAnswered():
                built += [_answer(call_id, answer) for call_id, answer in zip(native, message.answers, strict=True)]
    return cast("list[ChatCompletionMessageParam]", built)


def tool_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """A call as it is sent back. A name that the service would refuse for ever after is mended."""
    return {"id": call_id, "type": "function", "function": {"name": _NAME.sub("_", name)[:64] or "unnamed", "arguments": arguments}}


def _restore(message: ModelSaid) -> dict[str, Any]:
    """The stored message, or one made from text and calls if the reply came from another kind of service."""
    try:
        stored = json.loads(message.content)
    except ValueError:
        stored = None
    if isinstance(stored, dict) and stored.get("role") == "assistant" and len(stored.get("tool_calls", ())) == len(message.calls):
        return stored
    calls = [_call(call) for call in message.calls]
    return {"role": "assistant", "content": message.text, **({"tool_calls": calls} if calls else {})}


def _call(call: ToolCall) -> dict[str, Any]:
    return tool_call(call.id, call.name, json.dumps(call.arguments))


def _answer(call_id: str, answer: CallAnswer) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": answer.text}
