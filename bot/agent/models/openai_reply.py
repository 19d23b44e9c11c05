"""What the chunks of a Chat Completions stream add up to: one message to send back, and what we read out of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

from bot.agent.models.openai_messages import tool_call
from bot.agent.ports import ModelReply
from bot.errors import ModelUnavailableError
from bot.values.transcript import ToolCall

_FINISH = {"stop": "stop", "tool_calls": "stop", "function_call": "stop", "length": "length", "content_filter": "safety"}
"""The service's finish reasons in the transcript's words."""
_BROKEN = frozenset({"error", "abort", "insufficient_system_resource"})
"""Finish reasons of vLLM, DeepSeek and routers that mean a failure on their side."""

_THOUGHTS = re.compile(r"\A\s*<think>.*?(?:</think>\s*|\Z)", re.DOTALL)
"""What Ollama and vLLM leave in the text of models that think, unless they are told to take it out."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    """Fields of the service's own, such as Gemini's thought signatures: they go back as they came."""


class Collected:
    """The chunks so far."""

    def __init__(self) -> None:
        self._said = ""
        self._calls: list[_Call] = []
        self._slots: dict[int, _Call] = {}
        self._finish = ""
        self._input_tokens = 0
        self._output_tokens = 0

    @property
    def text(self) -> str:
        """What the model says so far, without thoughts that its service did not take out."""
        return _THOUGHTS.sub("", self._said)

    def add(self, chunk: ChatCompletionChunk) -> bool:
        """Takes a chunk in; whether there is more text than before. The last chunk may carry usage and no choice."""
        before = len(self.text)
        if chunk.usage is not None:
            self._input_tokens, self._output_tokens = chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0
        for choice in (chunk.choices or [])[:1]:
            self._finish = choice.finish_reason or self._finish
            delta = choice.delta
            if delta is not None:
                self._said += (delta.content or "") + (delta.refusal or "")
                for part in delta.tool_calls or ():
                    self._add_call(part)
        return len(self.text) > before

    def reply(self, model: str, prefix: str, taken: Collection[str]) -> ModelReply:
        """The whole reply. Calls without an id, or with one that is in `taken`, get `<prefix>-<position>`; a call whose arguments cannot
        be read makes the reply malformed and is dropped, because services refuse a history that holds it.
        Raises ModelUnavailableError if the stream ended without a finish reason: something is missing then."""
        if not self._finish:
            raise ModelUnavailableError("The model's reply broke off before its end; ask again.")
        if self._finish in _BROKEN:
            raise ModelUnavailableError(f"The model's service gave up in the middle of its reply ({self._finish}); ask again.")
        finish = _FINISH.get(self._finish, "stop")
        read = [(call, _read(call.arguments)) for call in self._calls]
        whole = [(call, arguments) for call, arguments in read if arguments is not None]
        if len(whole) < len(read) and finish != "length":
            finish, whole = "malformed", []
        native, calls = _number(whole, prefix, taken)
        said_something = bool(calls or self.text.strip())
        if finish == "stop" and not said_something:
            finish = "empty"
        message = {"role": "assistant", "content": self.text, **({"tool_calls": native} if native else {})}
        return ModelReply(
            model=model,
            content=json.dumps(message, ensure_ascii=False) if said_something else "",
            text=self.text,
            calls=calls,
            finish=finish,
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
        )

    def _add_call(self, part: ChoiceDeltaToolCall) -> None:
        """Parts belong together by their index; some services give every parallel call the index 0 and an id of its own."""
        call = self._slots.get(part.index)
        if call is None or (part.id and call.id and part.id != call.id):
            call = _Call()
            self._slots[part.index] = call
            self._calls.append(call)
        call.id = call.id or part.id or ""
        call.extra.update({key: value for key, value in (part.model_extra or {}).items() if value is not None})
        if part.function is not None:
            call.name = call.name or part.function.name or ""  # some repeat it with every part
            call.arguments += part.function.arguments or ""


def _number(
    whole: list[tuple[_Call, dict[str, object]]], prefix: str, taken: Collection[str]
) -> tuple[list[dict[str, Any]], tuple[ToolCall, ...]]:
    """The calls as they are sent back, and as we know them. Ids that services use again in later replies are unique for us only."""
    native: list[dict[str, Any]] = []
    calls: list[ToolCall] = []
    own: set[str] = set()
    for position, (call, arguments) in enumerate(whole):
        made = f"{prefix}-{position}"
        sent = call.id if call.id and call.id not in own else made
        own.add(sent)
        native.append({**tool_call(sent, call.name, call.arguments.strip() or "{}"), **call.extra})
        calls.append(ToolCall(made if sent in taken else sent, call.name, arguments))
    return native, tuple(calls)


def _read(arguments: str) -> dict[str, object] | None:
    """The arguments as an object; None if they are something else. None at all means no arguments."""
    try:
        value = json.loads(arguments, parse_constant=_refuse) if arguments.strip() else {}
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON, although Python reads it")
