"""A scripted model in this process, behind the real wire format, that keeps what it was sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.agent.models import script as scripts
from bot.agent.models.scripted import ScriptedService, serve


@dataclass
class Listener:
    """The environment that leads a bot to it, and the bodies of the requests."""

    environment: dict[str, str]
    bodies: list[str] = field(default_factory=list)


@asynccontextmanager
async def listening_model(script: str) -> AsyncIterator[Listener]:
    """Serves a script (YAML)."""
    bodies: list[str] = []
    service = ScriptedService(scripts.parse(script), lambda body: bodies.append(json.dumps(body, ensure_ascii=False)))
    runner = await serve(service, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield Listener({"GOOGLE_GEMINI_BASE_URL": address, "GEMINI_API_KEY": "scripted", "GEMINI_MODEL": "scripted"}, bodies)
    finally:
        await runner.cleanup()
