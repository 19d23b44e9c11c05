"""The neutral history as Gemini's contents. The model's own replies go back exactly as they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.genai import types
from pydantic import ValidationError

from bot.agent.history import CallAnswer, Message, ModelSaid, ToolsAnswered, UserSaid

_NO_SIGNATURE = b"skip_thought_signature_validator"
"""Google's mark for a call that another model made: without any signature Gemini 3 refuses the history."""


def build_contents(messages: Iterable[Message], model: str = "") -> Sequence[types.Content]:
    """One Content per message; function responses carry the ids that the service itself gave, if it gave any. `model` is the one that
    is asked: what another one replied may have no signatures."""
    contents: list[types.Content] = []
    natives: list[types.FunctionCall] = []
    for message in messages:
        match message:
            case UserSaid():
                contents.append(types.Content(role="user", parts=[types.Part(text=message.text)]))
            case ModelSaid():
                content = _restore(message, model)
                natives = [part.function_call for part in content.parts or [] if part.function_call is not None]
                contents.append(content)
            case ToolsAnswered():
                pairs = zip(natives, message.answers, strict=True)
                contents.append(types.Content(role="user", parts=[_response(native, answer) for native, answer in pairs]))
    return contents


def _restore(message: ModelSaid, model: str) -> types.Content:
    """The stored Content, or one made from text and calls if the reply came from another kind of service."""
    try:
        content = types.Content.model_validate_json(message.content)
        return content if message.model == model else _sign(content)
    except ValidationError:
        parts = [types.Part(text=message.text)] if message.text else []
        parts += [
            types.Part(
                function_call=types.FunctionCall(id=call.id, name=call.name, args=dict(call.arguments)),
                thought_signature=_NO_SIGNATURE if position == 0 else None,
            )
            for position, call in enumerate(message.calls)
        ]
        return types.Content(role="model", parts=parts)


def _sign(content: types.Content) -> types.Content:
    """The Content with Google's mark on its first call, if that has no signature: an older Gemini gives none."""
    first = next((part for part in content.parts or [] if part.function_call is not None), None)
    if first is not None and not first.thought_signature:
        first.thought_signature = _NO_SIGNATURE
    return content


def _response(native: types.FunctionCall, answer: CallAnswer) -> types.Part:
    key = "error" if answer.is_error else "output"
    return types.Part(function_response=types.FunctionResponse(id=native.id, name=native.name, response={key: answer.text}))
