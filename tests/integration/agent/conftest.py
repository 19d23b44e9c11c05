"""A scripted model on a real socket, and an adapter pointed at it: Gemini's, Vertex AI's, OpenAI's or Azure's wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from google.oauth2.credentials import Credentials
from pydantic import SecretStr

from bot.agent.models import script as scripts
from bot.agent.models.gemini import GeminiModel
from bot.agent.models.openai import OpenAIModel
from bot.agent.models.scripted import ScriptedService, serve
from bot.agent.ports import Model, ModelReply
from bot.agent.tools import tools
from bot.settings_model import ModelChoice
from bot.values.transcript import Entry
from tests.integration.gateway.conftest import lab, seeded

__all__ = ["lab", "seeded"]

WIRES = ("gemini", "openai")
GEMINIS = ("gemini", "vertex")
OPENAIS = ("openai", "azure")
EVERY_SERVICE = (*GEMINIS, *OPENAIS)


@dataclass
class Bench:
    """A model over HTTP, what the service got, and what the adapter told."""

    model: Model
    address: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def reply(self, *transcript: Entry) -> ModelReply:
        return await self.model.reply("Be brief.", transcript, tools(has_runbooks=False), self.told.append)

    def answers_sent(self) -> list[str]:
        """The texts of the calls' answers that the service got with the last request."""
        last = self.requests[-1]
        if "messages" in last:
            return [message["content"] for message in last["messages"] if message["role"] == "tool"]
        parts = [part for content in last["contents"] for part in content["parts"]]
        return [next(iter(part["functionResponse"]["response"].values())) for part in parts if "functionResponse" in part]


Open = Callable[..., Awaitable[Bench]]


def calls(*commands: str) -> str:
    """A script whose model makes these calls and then says it is done."""
    reply = [{"call": {"args": {"command": command}}} for command in commands]
    return json.dumps({"rules": [{"when": {"step": 0}, "reply": reply}, {"reply": [{"text": "Done."}]}]})


def make_model(service: str, address: str, *, name: str = "scripted", key: str = "k", timeout_seconds: float = 30.0, **more: Any) -> Model:
    """The adapter for one of EVERY_SERVICE at this address."""
    match service:
        case "gemini":
            return GeminiModel(ModelChoice(name=name, api_key=SecretStr(key), base_url=address, **more), timeout_seconds)
        case "vertex":
            choice = ModelChoice(provider="vertex", name=name, project="p", base_url=address, **more)
            return GeminiModel(choice, timeout_seconds, Credentials(token=key))  # type: ignore[no-untyped-call]
        case "openai":
            choice = ModelChoice(provider="openai", name=name, api_key=SecretStr(key), base_url=f"{address}/v1", **more)
            return OpenAIModel(choice, timeout_seconds)
        case _:
            choice = ModelChoice(provider="openai", name=name, api_key=SecretStr(key), azure_endpoint=address, **more)
            return OpenAIModel(choice, timeout_seconds)


@pytest.fixture
async def open_bench() -> AsyncIterator[Open]:
    """Opens a bench over a YAML script; everything is closed at the end."""
    opened: list[tuple[web.AppRunner, Model]] = []

    async def open_(text: str, service: str = "gemini", **choice: Any) -> Bench:
        requests: list[dict[str, Any]] = []
        runner = await serve(ScriptedService(scripts.parse(text), lambda body: requests.append(dict(body))), "127.0.0.1", 0)
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        model = make_model(service, address, **choice)
        opened.append((runner, model))
        return Bench(model, address, requests)

    yield open_
    for runner, model in opened:
        await model.close()
        await runner.cleanup()
