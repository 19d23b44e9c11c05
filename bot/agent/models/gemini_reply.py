"""What the chunks of a Gemini stream add up to: one Content with every part as it came, and what we read out of it."""

from __future__ import annotations

from collections.abc import Collection

from google.genai import types

from bot.agent.ports import ModelReply
from bot.errors import ModelUnavailableError
from bot.values.transcript import ToolCall

_FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "MALFORMED_FUNCTION_CALL": "malformed",
    "UNEXPECTED_TOOL_CALL": "malformed",
    "TOO_MANY_TOOL_CALLS": "malformed",
    "MISSING_THOUGHT_SIGNATURE": "malformed",
    "MALFORMED_RESPONSE": "malformed",
    "SAFETY": "safety",
    "RECITATION": "safety",
    "LANGUAGE": "safety",
    "BLOCKLIST": "safety",
    "PROHIBITED_CONTENT": "safety",
    "SPII": "safety",
    "MODEL_ARMOR": "safety",
}
"""The service's finish reasons in the transcript's words. Others (OTHER, and what may be added) mean what the content says."""


class Collected:
    """The chunks so far. All parts go into one Content, also those of a chunk that carries nothing but a thought signature: without
    its signature a function call is refused later."""

    def __init__(self) -> None:
        self.text = ""
        self._parts: list[types.Part] = []
        self._finish = ""
        self._input_tokens = 0
        self._output_tokens = 0

    def add(self, chunk: types.GenerateContentResponse) -> bool:
        """Takes a chunk in; whether there is more text than before."""
        before = len(self.text)
        if chunk.usage_metadata is not None:
            usage = chunk.usage_metadata
            self._input_tokens = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
            self._output_tokens = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason is not None:
            self._finish = "SAFETY"
        for candidate in (chunk.candidates or [])[:1]:
            if candidate.finish_reason is not None:
                self._finish = candidate.finish_reason.value
            for part in (candidate.content.parts if candidate.content else None) or []:
                self._add_part(part)
        return len(self.text) > before

    def reply(self, model: str, prefix: str, taken: Collection[str]) -> ModelReply:
        """The whole reply. Calls that have no id of their own, or one that is in `taken`, get `<prefix>-<position>`.
        Raises ModelUnavailableError if the stream ended without a finish reason: something is missing then."""
        if not self._finish:
            raise ModelUnavailableError("The model's reply broke off before its end; ask again.")
        calls = self._calls(prefix, taken)
        said_something = bool(calls or self.text.strip())
        finish = _FINISH.get(self._finish, "stop")
        if finish == "stop" and not said_something:
            finish = "empty"
        return ModelReply(
            model=model,
            content=self._content() if said_something else "",
            text=self.text,
            calls=calls,
            finish=finish,
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
        )

    def _add_part(self, part: types.Part) -> None:
        if not part.model_dump(exclude_none=True, exclude_defaults=True) or part == types.Part(text=""):
            return  # an empty part sent back would make the request invalid
        self._parts.append(part)
        if part.text and not part.thought:
            self.text += part.text

    def _calls(self, prefix: str, taken: Collection[str]) -> tuple[ToolCall, ...]:
        used = set(taken)
        calls = []
        for position, native in enumerate(part.function_call for part in self._parts if part.function_call is not None):
            call_id = native.id if native.id and native.id not in used else f"{prefix}-{position}"
            used.add(call_id)
            calls.append(ToolCall(call_id, native.name or "", dict(native.args or {})))
        return tuple(calls)

    def _content(self) -> str:
        return types.Content(role="model", parts=self._parts).model_dump_json(by_alias=True, exclude_none=True)
