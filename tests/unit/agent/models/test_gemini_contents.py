"""The neutral history as Gemini's contents, where several models took part."""

from __future__ import annotations

from google.genai import types

from bot.agent.history import ModelSaid, UserSaid
from bot.agent.models.gemini_contents import build_contents
from bot.values.transcript import ToolCall

CALL = ToolCall("c", "shell", {"command": "ls"})


def said(*parts: types.Part) -> str:
    return types.Content(role="model", parts=list(parts)).model_dump_json(exclude_none=True)


def first_signature(content: str, model: str) -> bytes | None:
    _, built = build_contents([UserSaid("why?"), ModelSaid("gemini-old", content, "", (CALL,))], model)
    return next(part.thought_signature for part in built.parts or [] if part.function_call is not None)


def test_a_call_that_an_older_model_made_without_a_signature_gets_google_s_mark() -> None:
    content = said(types.Part(text="Let me look."), types.Part(function_call=types.FunctionCall(name="shell", args={"command": "ls"})))

    assert first_signature(content, "gemini-new") == b"skip_thought_signature_validator"


def test_its_own_replies_go_back_to_a_model_exactly_as_they_came() -> None:
    content = said(types.Part(function_call=types.FunctionCall(name="shell", args={"command": "ls"})))

    assert first_signature(content, "gemini-old") is None


def test_a_signature_that_is_there_stays() -> None:
    content = said(types.Part(function_call=types.FunctionCall(name="shell", args={"command": "ls"}), thought_signature=b"signed"))

    assert first_signature(content, "gemini-new") == b"signed"
