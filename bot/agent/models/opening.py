"""The model of the settings, opened and checked. Each adapter's library takes a second or two to import: only the one that is used is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module

import structlog

from bot.agent.ports import Model
from bot.errors import BotError, ModelUnavailableError
from bot.settings_model import ModelChoice, ModelSettings

log = structlog.get_logger()

_ADAPTERS = {
    "gemini": ("bot.agent.models.gemini", "GeminiModel"),
    "vertex": ("bot.agent.models.gemini", "GeminiModel"),
    "openai": ("bot.agent.models.openai", "OpenAIModel"),
}
_SET_UP = {
    "gemini": "Set GEMINI_API_KEY",
    "openai": "Set OPENAI_API_KEY, or OPENAI_BASE_URL for a service without keys",
}
"""What a provider needs before it can be asked. Vertex AI's credentials come from the environment the bot runs in."""
_PAUSES = (2.0, 4.0, 8.0)
"""Seconds between the attempts to check a model at start."""


def open_model(choice: ModelChoice, timeout_seconds: float) -> Model:
    """The adapter for the choice's provider; nothing is connected yet."""
    module, name = _ADAPTERS[choice.provider]
    model: Model = getattr(import_module(module), name)(choice, timeout_seconds)
    return model


@dataclass(frozen=True, slots=True)
class OpenModels:
    """Models that are open."""

    asked: tuple[Model, ...] = ()
    """The model that is asked, and after it its fallback."""
    others: tuple[Model, ...] = ()
    """Those that may be chosen instead."""


async def open_models(wanted: ModelSettings, stack: AsyncExitStack, problems: list[str]) -> OpenModels:
    """All models of the settings, opened and checked; the stack closes them. What is wrong goes to `problems`."""
    if not wanted.is_set_up:
        if wanted.required:
            problems.append(f"{_SET_UP[wanted.provider]}, or `model.required: false` to run command lines and `triage` without a model.")
        return OpenModels()

    async def open_checked(choice: ModelChoice, name: str) -> Model:
        model = open_model(choice, wanted.timeout_seconds)
        stack.push_async_callback(model.close)
        if not choice.is_set_up:
            problems.append(f"{name}{_SET_UP[choice.provider]}.")
            return model
        try:
            await check(model)
        except BotError as exc:
            problems.append(f"{name}{exc}")
        return model

    asked = [await open_checked(wanted, "")]
    if wanted.fallback is not None:
        asked.append(await open_checked(wanted.fallback, "The fallback model: "))
    return OpenModels(tuple(asked), tuple([await open_checked(choice, f"The model {choice.model}: ") for choice in wanted.choices]))


async def check(model: Model, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Raises ModelError with what to do if the model cannot be used; a service that is away for a moment is waited for."""
    for pause in _PAUSES:
        try:
            await model.check()
        except ModelUnavailableError as exc:
            log.warning("model_check_repeated", model=model.name, seconds=pause, error=str(exc))
            await sleep(pause)
        else:
            return
    await model.check()
