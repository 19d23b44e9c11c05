"""Gemini, on the Gemini API or on Vertex AI, through google-genai: one streamed reply per call, its Content kept as it was sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
from google import genai
from google.auth.credentials import Credentials
from google.genai import types

from bot.agent import history, observation
from bot.agent.models import gemini_errors, requests
from bot.agent.models.gemini_contents import build_contents
from bot.agent.models.gemini_reply import Collected
from bot.agent.ports import ModelReply, Tool
from bot.errors import ModelRefusedError
from bot.settings_model import ModelChoice
from bot.values.transcript import Entry

DEFAULT_WINDOW_TOKENS = 1_000_000
_LEVELS = ("minimal", "low", "medium", "high")
_THINKING = {level: types.ThinkingConfig(thinking_level=types.ThinkingLevel(level.upper())) for level in _LEVELS}
_MAX_SUGGESTIONS = 12
_READ_BUFFER_BYTES = 4 * 1024 * 1024  # one event of a stream is one line


class GeminiModel:
    """Implements `bot.agent.ports.Model`.

    The service keeps no state: every request carries the whole history, so a reply that broke off leaves nothing behind and can be
    asked for again from the start. `credentials` are Vertex AI's; None takes the application default credentials.
    """

    def __init__(self, choice: ModelChoice, timeout_seconds: float, credentials: Credentials | None = None) -> None:
        self._choice = choice
        self._timeout_seconds = timeout_seconds
        self._credentials = credentials
        self._window_tokens = choice.window_tokens
        self._session: aiohttp.ClientSession | None = None
        self._client: genai.Client | None = None

    @property
    def name(self) -> str:
        return self._choice.model

    @property
    def window_tokens(self) -> int:
        return self._window_tokens or DEFAULT_WINDOW_TOKENS

    async def close(self) -> None:
        client, session = self._client, self._session
        self._client = self._session = None
        if client is not None:
            await client.aio.aclose()
            client.close()
        if session is not None:
            await session.close()

    async def reply(
        self,
        instructions: str,
        transcript: Sequence[Entry],
        tools: Sequence[Tool],
        on_text: Callable[[str], None],
    ) -> ModelReply:
        contents, config = self._build(instructions, transcript, tools)
        window_tokens, body = self.window_tokens, _dump(self.name, contents, config)
        collected = Collected()
        try:
            stream = await self._aio.models.generate_content_stream(model=self.name, contents=list(contents), config=config)
            async for chunk in stream:
                if collected.add(chunk):
                    on_text(collected.text)
        except gemini_errors.FOREIGN as exc:
            raise gemini_errors.translate(exc, self._choice) from exc
        reply = collected.reply(self.name, history.call_prefix(transcript), history.call_ids(transcript))
        request = requests.record(
            "gemini",
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
        """The request that `reply` sends, as JSON: all that is given to the library, which writes it down as the service wants it."""
        return _dump(self.name, *self._build(instructions, transcript, tools))

    def _build(
        self, instructions: str, transcript: Sequence[Entry], tools: Sequence[Tool]
    ) -> tuple[Sequence[types.Content], types.GenerateContentConfig]:
        messages = history.messages(transcript, observation.model_chars(self.window_tokens))
        return build_contents(messages, self.name), _build_config(instructions, tools, self._choice.thinking)

    async def check(self) -> None:
        """See `Model.check`. Raises ModelUnavailableError if the service cannot be reached."""
        if self._choice.provider == "vertex" and not self._choice.project:
            raise ModelRefusedError("Vertex AI needs a project: set GOOGLE_CLOUD_PROJECT or `model.project`.")
        try:
            found = await self._aio.models.get(model=self.name)
        except gemini_errors.FOREIGN as exc:
            suggestion = await self._suggest() if gemini_errors.is_not_found(exc) else ""
            error = gemini_errors.translate(exc, self._choice)
            raise (ModelRefusedError(f"{error}{suggestion}") if suggestion else error) from exc
        if not _answers(found):
            raise ModelRefusedError(f"The model {self.name} does not answer questions. Set GEMINI_MODEL to another.{await self._suggest()}")
        self._window_tokens = self._choice.window_tokens or found.input_token_limit or 0

    @property
    def _aio(self) -> genai.client.AsyncClient:
        """The client, made on first use: its session belongs to the running event loop."""
        if self._client is None:
            self._session = aiohttp.ClientSession(trust_env=True, read_bufsize=_READ_BUFFER_BYTES)
            options = types.HttpOptions(
                base_url=self._choice.base_url or None,
                timeout=int(self._timeout_seconds * 1000),
                retry_options=types.HttpRetryOptions(attempts=1),  # the library's own retries ignore retryDelay and tell nobody
                aiohttp_client=self._session,  # the library's own subclasses ClientSession, which aiohttp warns about
            )
            if self._choice.provider == "vertex":
                project, location = self._choice.project, self._choice.location
                self._client = genai.Client(
                    vertexai=True, project=project, location=location, credentials=self._credentials, http_options=options
                )
            else:  # `vertexai` is given, otherwise GOOGLE_GENAI_USE_VERTEXAI in the environment would decide
                self._client = genai.Client(vertexai=False, api_key=self._choice.api_key.get_secret_value(), http_options=options)
        return self._client.aio

    async def _suggest(self) -> str:
        """` Served are: …`, or '' if the service does not say."""
        try:
            names = [m.name.removeprefix("models/") async for m in await self._aio.models.list() if _answers(m) and m.name]
        except gemini_errors.FOREIGN:
            return ""
        return f" Served are: {', '.join(sorted(names)[:_MAX_SUGGESTIONS])}." if names else ""


def _answers(model: types.Model) -> bool:
    return not model.supported_actions or "generateContent" in model.supported_actions


def _dump(model: str, contents: Sequence[types.Content], config: types.GenerateContentConfig) -> dict[str, Any]:
    return {
        "model": model,
        "contents": [content.model_dump(mode="json", by_alias=True, exclude_none=True) for content in contents],
        "config": config.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def _build_config(instructions: str, tools: Sequence[Tool], thinking: str) -> types.GenerateContentConfig:
    """Temperature and output limit stay the service's own: they are tuned per model. So is thinking, if the settings say nothing."""
    declarations = [
        types.FunctionDeclaration(name=tool.name, description=tool.description, parameters_json_schema=tool.parameters)
        for tool in sorted(tools, key=lambda tool: tool.name)
    ]
    return types.GenerateContentConfig(
        system_instruction=instructions,
        tools=[types.Tool(function_declarations=declarations)] if declarations else None,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        thinking_config=_THINKING[thinking] if thinking else None,
    )
