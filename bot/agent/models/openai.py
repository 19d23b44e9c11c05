"""Services that speak OpenAI's Chat Completions, through the `openai` library: OpenAI, Azure, Grok, vLLM, llama.cpp, Ollama, ….

One streamed reply per call. Only what all of them understand is sent: messages, tools, a stream with usage at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import openai
import structlog
from openai.types.chat import ChatCompletionChunk, ChatCompletionToolParam

from bot.agent import history, observation
from bot.agent.models import openai_errors, requests
from bot.agent.models.openai_messages import build_messages
from bot.agent.models.openai_reply import Collected
from bot.agent.ports import ModelReply, Tool
from bot.errors import ModelRefusedError
from bot.settings_model import ModelChoice
from bot.values.transcript import Entry

log = structlog.get_logger()

DEFAULT_WINDOW_TOKENS = 128_000
_MAX_SUGGESTIONS = 12
_NO_KEY = "none"
"""The library wants a key; services that need none ignore it."""


class OpenAIModel:
    """Implements `bot.agent.ports.Model`."""

    def __init__(self, choice: ModelChoice, timeout_seconds: float) -> None:
        self._choice = choice
        self._timeout_seconds = timeout_seconds
        self._window_tokens = choice.window_tokens
        self._open_client: openai.AsyncOpenAI | None = None

    @property
    def name(self) -> str:
        return self._choice.model

    @property
    def window_tokens(self) -> int:
        return self._window_tokens or DEFAULT_WINDOW_TOKENS

    async def close(self) -> None:
        client, self._open_client = self._open_client, None
        if client is not None:
            await client.close()

    async def reply(
        self,
        instructions: str,
        transcript: Sequence[Entry],
        tools: Sequence[Tool],
        on_text: Callable[[str], None],
    ) -> ModelReply:
        window_tokens, body = self.window_tokens, self.request(instructions, transcript, tools)
        collected = Collected()
        try:
            # Sent as it is: `chat.completions.create` looks at every field of every message, 60 ms after two hundred steps.
            stream = await self._client.post(
                "/chat/completions", cast_to=ChatCompletionChunk, body=body, stream=True, stream_cls=openai.AsyncStream[ChatCompletionChunk]
            )
            async with stream:
                async for chunk in stream:
                    if collected.add(chunk):
                        on_text(collected.text)
        except openai_errors.FOREIGN as exc:
            raise openai_errors.translate(exc, self.name) from exc
        reply = collected.reply(self.name, history.call_prefix(transcript), history.call_ids(transcript))
        request = requests.record(
            "openai",
            body,
            reply,
            window_tokens=window_tokens,
            thinking=self._choice.thinking,
            instructions=instructions,
            transcript=transcript,
            tools=tools,
        )
        return replace(reply, request=request)

    def request(self, instructions: str, transcript: Sequence[Entry], tools: Sequence[Tool]) -> dict[str, Any]:
        """The body that `reply` sends, as JSON."""
        messages = build_messages(instructions, history.messages(transcript, observation.model_chars(self.window_tokens)))
        described = _describe(tools)
        body: dict[str, Any] = {"model": self.name, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
        if described:
            body["tools"] = described
        if self._choice.thinking:
            body["reasoning_effort"] = self._choice.thinking
        return body

    async def check(self) -> None:
        """See `Model.check`. Raises ModelUnavailableError if the service cannot be reached."""
        if not self.name:
            raise ModelRefusedError(f"No model is named: set OPENAI_MODEL or `model.name`.{await self._suggest()}")
        if self._choice.azure_endpoint:
            await self._check_deployment()
            return
        try:
            served = {model.id: model async for model in self._client.models.list()}
        except openai.NotFoundError:
            log.info("model_list_not_served", model=self.name)  # some gateways serve completions only: the first question will tell
            return
        except openai_errors.FOREIGN as exc:
            raise openai_errors.translate(exc, self.name) from exc
        found = served.get(self.name) or served.get(f"{self.name}:latest")  # Ollama's names for its newest
        if found is None:
            raise ModelRefusedError(
                f"There is no model {self.name} at this service. Set OPENAI_MODEL to one that is served.{_list(served)}"
            )
        length = (found.model_extra or {}).get("max_model_len")  # vLLM tells it
        if isinstance(length, int) and not self._window_tokens:
            self._window_tokens = length

    async def _check_deployment(self) -> None:
        """Azure lists models, not deployments: only a small question shows that this one is there."""
        try:
            await self._client.chat.completions.create(
                model=self.name, messages=[{"role": "user", "content": "Say ok."}], max_completion_tokens=16
            )
        except openai_errors.FOREIGN as exc:
            raise openai_errors.translate(exc, self.name) from exc

    @property
    def _client(self) -> openai.AsyncOpenAI:
        """The client, made on first use: its connections belong to the running event loop."""
        if self._open_client is None:
            choice = self._choice
            shared: dict[str, Any] = {
                "api_key": choice.api_key.get_secret_value() or _NO_KEY,
                "timeout": self._timeout_seconds,
                "max_retries": 0,  # the library's own retries tell nobody
            }
            if choice.azure_endpoint:
                self._open_client = openai.AsyncAzureOpenAI(
                    azure_endpoint=choice.azure_endpoint, azure_deployment=self.name, api_version=choice.azure_api_version, **shared
                )
            else:
                self._open_client = openai.AsyncOpenAI(base_url=choice.base_url or "https://api.openai.com/v1", **shared)
        return self._open_client

    async def _suggest(self) -> str:
        try:
            return _list([model.id async for model in self._client.models.list()])
        except openai_errors.FOREIGN:
            return ""


def _list(names: Sequence[str] | dict[str, Any]) -> str:
    return f" Served are: {', '.join(sorted(names)[:_MAX_SUGGESTIONS])}." if names else ""


def _describe(tools: Sequence[Tool]) -> list[ChatCompletionToolParam]:
    return [
        {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
        for tool in sorted(tools, key=lambda tool: tool.name)
    ]
