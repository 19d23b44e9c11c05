"""A recorded reply played back: its own content over the service's real format on loopback, read by the adapter that read it first.

Where the service cut its stream into chunks is not kept. No row depends on it: a reply is stored once it is whole, and what a stream does
before that (text as it comes, an end too early) leaves no row. So what is played is the whole reply in as few chunks as its format has.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.agent.asked_with import restore
from bot.agent.models import openai_wire, requests, wire
from bot.agent.models.gemini import GeminiModel
from bot.agent.models.openai import OpenAIModel
from bot.agent.models.script import Chunk, Rule, Script
from bot.agent.models.scripted import ScriptedService, serve
from bot.agent.ports import ModelReply
from bot.errors import ModelError
from bot.settings_model import ModelChoice
from bot.values.transcript import Entry, ModelRequest, Replied

_FINISH = {"length": "MAX_TOKENS", "safety": "SAFETY", "malformed": "MALFORMED_FUNCTION_CALL"}
"""The transcript's words in Gemini's; all others are STOP."""
_TIMEOUT_SECONDS = 60.0
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Playback:
    """A request that was built again, and what the adapter made of the reply."""

    request: dict[str, Any]
    digest: str
    reply: ModelReply | ModelError


async def play(replied: Replied, before: Sequence[Entry]) -> Playback | None:
    """Builds the reply's request again from the rows before it, and plays the reply. None if the rows do not tell the request."""
    if replied.request is None:
        return None
    asked = restore(replied.request, before)
    if asked.instructions is None or asked.tools is None or asked.wire not in ("gemini", "openai"):
        return None
    transcript, tools = before[: asked.entries], requests.load_tools(asked.tools)
    chunks = (_gemini if asked.wire == "gemini" else _openai)(replied)
    script = Script(models=(replied.model,), signatures=False, rules=(Rule(reply=tuple(Chunk(raw=chunk) for chunk in chunks), finish=""),))
    runner = await serve(ScriptedService(script), _LOOPBACK, 0)
    try:
        model = _open(asked, replied.model, f"http://{_LOOPBACK}:{runner.addresses[0][1]}")
        try:
            request = model.request(asked.instructions, transcript, tools)
            try:
                reply: ModelReply | ModelError = await model.reply(asked.instructions, transcript, tools, lambda _: None)
            except ModelError as exc:
                reply = exc
            return Playback(request, requests.digest_as(asked.version, request), reply)
        finally:
            await model.close()
    finally:
        await runner.cleanup()


def _open(asked: ModelRequest, name: str, address: str) -> GeminiModel | OpenAIModel:
    is_gemini = asked.wire == "gemini"
    choice = ModelChoice.model_validate(
        {
            "provider": asked.wire,
            "name": name,
            "api_key": "playback",
            "base_url": address if is_gemini else f"{address}/v1",
            "window_tokens": asked.window_tokens,
            "thinking": asked.thinking,
        }
    )
    return GeminiModel(choice, _TIMEOUT_SECONDS) if is_gemini else OpenAIModel(choice, _TIMEOUT_SECONDS)


def _gemini(replied: Replied) -> list[dict[str, Any]]:
    parts = _read(replied).get("parts") or ([{"text": replied.text}] if replied.text else [])
    return [wire.chunk(replied.model, parts, finish=_FINISH.get(replied.finish, "STOP"), usage=_usage(replied))]


def _openai(replied: Replied) -> list[dict[str, Any]]:
    message = _read(replied)
    text, native = message.get("content", replied.text), message.get("tool_calls") or []
    deltas: list[dict[str, Any]] = [{"content": text}] if text else []
    for position, (sent, call) in enumerate(zip(native, replied.calls, strict=False)):
        function = {**sent["function"], "name": call.name}  # a name that was mended to be sent back is as it came in the call
        deltas.append({"tool_calls": [{**sent, "index": position, "function": function}]})
    ending = openai_wire.ending(replied.model, _FINISH.get(replied.finish, "STOP"), _usage(replied), calls=len(native))
    return [*(openai_wire.event(replied.model, delta) for delta in deltas), *ending]


def _read(replied: Replied) -> dict[str, Any]:
    """The content; nothing if it is damaged or empty, which the comparison then shows."""
    try:
        content = json.loads(replied.content)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _usage(replied: Replied) -> dict[str, int]:
    sent, said = replied.input_tokens, replied.output_tokens
    return {"promptTokenCount": sent, "candidatesTokenCount": said, "totalTokenCount": sent + said}
