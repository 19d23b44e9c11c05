"""A scripted model behind the real REST and SSE formats of Gemini, Vertex AI and OpenAI, for tests and for the recorded demo. It is not a
model: it answers from a script, and says so in its name.

    python -m bot.agent.models.scripted --script demo.yaml --port 8899
    GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8899 GEMINI_MODEL=scripted-demo GEMINI_API_KEY=any kubectl-ai-slack serve

What it replies follows from the request alone, so either side may be restarted at any time. Only faults that pass (`times`) are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from bot.agent.models import openai_wire, playing, wire
from bot.agent.models import script as scripts
from bot.agent.models.playing import Chosen, Event
from bot.agent.models.script import Fault, Rule, Script
from bot.errors import ConfigError

log = structlog.get_logger()

DEMO = Path(__file__).with_name("demo.yaml")
"""The script of the demo."""

MAX_REQUEST_BYTES = 20 * 1024 * 1024
"""The service's own limit."""

_VERTEX = "/{version:v1|v1beta1}/projects/{project}/locations/{location}"
_COMPLETIONS = ("/v1/chat/completions", "/openai/deployments/{model}/chat/completions")


@dataclass(frozen=True, slots=True)
class _Reply:
    """One answer: its events, each with the seconds before it, and the fault that comes with them."""

    events: tuple[Event, ...]
    fault: Fault | None


class ScriptedService:
    """The service's endpoints, over one script. `on_request` sees the body of every generate request."""

    def __init__(self, script: Script, on_request: Callable[[Mapping[str, Any]], None] | None = None) -> None:
        self._script = script
        self._on_request = on_request
        self._faults: Counter[str] = Counter()

    def build(self) -> web.Application:
        """The application that serves them."""
        app = web.Application(client_max_size=MAX_REQUEST_BYTES)
        for models in ("/{version:v1|v1beta}/models", f"{_VERTEX}/publishers/google/models", "/{version:v1beta1}/publishers/google/models"):
            app.router.add_get(f"{models}/{{model}}", self.on_get)
            app.router.add_post(f"{models}/{{model}}:generateContent", self.on_generate)
            app.router.add_post(f"{models}/{{model}}:streamGenerateContent", self.on_stream)
        app.router.add_get("/{version:v1|v1beta}/models", self.on_list)
        for path in _COMPLETIONS:
            app.router.add_post(path, self.on_complete)
        return app

    async def on_list(self, request: web.Request) -> web.Response:
        """Both services list their models here; only Gemini's clients send their key in a header of its own."""
        refused = self._refuse_key(request)
        if refused is not None:
            return refused
        if _speaks_openai(request):
            listed = [{"id": name, "object": "model", "created": 0, "owned_by": "script"} for name in self._script.models]
            return web.json_response({"object": "list", "data": listed})
        return web.json_response({"models": [self._describe(name) for name in self._script.models]})

    async def on_get(self, request: web.Request) -> web.Response:
        refused = self._refuse_key(request) or self._refuse_model(request, request.match_info["model"])
        return refused or web.json_response(self._describe(request.match_info["model"]))

    async def on_generate(self, request: web.Request) -> web.Response:
        reply = await self._prepare_content(request)
        if isinstance(reply, web.Response):
            return reply
        if reply.fault is not None:
            return await self._fail(request, reply.fault)
        return web.json_response(wire.merge([body for _, body in reply.events]))

    async def on_stream(self, request: web.Request) -> web.StreamResponse:
        reply = await self._prepare_content(request)
        return reply if isinstance(reply, web.Response) else await self._stream(request, reply, b"")

    async def on_complete(self, request: web.Request) -> web.StreamResponse:
        reply = await self._prepare_completion(request)
        return reply if isinstance(reply, web.Response) else await self._stream(request, reply, b"data: [DONE]\n\n")

    async def _stream(self, request: web.Request, reply: _Reply, last: bytes) -> web.StreamResponse:
        fault = reply.fault
        if fault is not None and not fault.after:
            return await self._fail(request, fault)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for position, (delay, body) in enumerate(reply.events):
            if fault is not None and position == fault.after:
                break
            if delay:
                await asyncio.sleep(delay)
            await response.write(_event(body))
        if fault is not None:
            await asyncio.sleep(fault.hang)
            if fault.cut:
                _cut(request)
                return response
            if fault.status:
                await response.write(_event(_error_body(request, fault.status, fault.message, fault.retry_delay)))
        elif last:
            await response.write(last)
        await response.write_eof()
        return response

    async def _prepare_content(self, request: web.Request) -> _Reply | web.Response:
        model = request.match_info["model"]
        body = await self._receive(request, model)
        if isinstance(body, web.Response):
            return body
        problem = wire.refusal(body.get("contents"), signatures=self._script.signatures)
        if problem:
            return _error_response(request, 400, problem)
        return self._choose(request, body, wire.read(body["contents"]), lambda chosen: playing.contents(self._script, model, chosen))

    async def _prepare_completion(self, request: web.Request) -> _Reply | web.Response:
        body = await self._receive(request, request.match_info.get("model", ""))
        if isinstance(body, web.Response):
            return body
        refused = self._refuse_model(request, body.get("model"))
        if refused is not None:
            return refused
        problem = openai_wire.refusal(body.get("messages"))
        if problem:
            return _error_response(request, 400, problem)
        model = str(body["model"])
        return self._choose(
            request, body, openai_wire.read(body["messages"]), lambda chosen: playing.completion(self._script, model, chosen)
        )

    async def _receive(self, request: web.Request, model: str) -> Mapping[str, Any] | web.Response:
        """The body, or the refusal of the key, the model (if the path names it) or the body."""
        refused = self._refuse_key(request) or (self._refuse_model(request, model) if model else None)
        if refused is not None:
            return refused
        try:
            body: Mapping[str, Any] = await request.json()
        except ValueError:
            return _error_response(request, 400, "Invalid JSON payload received.")
        if self._on_request is not None:
            self._on_request(body)
        return body

    def _choose(
        self, request: web.Request, body: Mapping[str, Any], asked: wire.Asked, play: Callable[[Chosen], Iterable[Event]]
    ) -> _Reply | web.Response:
        found = scripts.choose(self._script, asked)
        if found is None:
            return _error_response(request, 400, "The script of this scripted model has no rule for this request.")
        index, rule, groups = found
        log.info("scripted_reply", rule=index, step=asked.step)
        return _Reply(tuple(play(Chosen(index, rule, groups, asked.step, _usage(body, rule)))), self._fault(index, rule, body))

    def _fault(self, index: int, rule: Rule, body: Mapping[str, Any]) -> Fault | None:
        if rule.fault is None or not rule.fault.times:
            return rule.fault
        digest = hashlib.sha256(json.dumps(body.get("contents") or body.get("messages"), sort_keys=True).encode()).hexdigest()
        key = f"{index} {digest}"
        self._faults[key] += 1
        return rule.fault if self._faults[key] <= rule.fault.times else None

    async def _fail(self, request: web.Request, fault: Fault) -> web.Response:
        await asyncio.sleep(fault.hang)
        if fault.cut:
            _cut(request)
        return _error_response(request, fault.status or 500, fault.message, fault.retry_delay)

    def _refuse_key(self, request: web.Request) -> web.Response | None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        given = request.headers.get("x-goog-api-key") or request.headers.get("api-key") or bearer or request.query.get("key", "")
        if self._script.key and given != self._script.key:
            if _speaks_openai(request):
                return _error_response(request, 401, "Incorrect API key provided.")
            return _error_response(request, 400, "API key not valid. Please pass a valid API key.")
        return None

    def _refuse_model(self, request: web.Request, name: object) -> web.Response | None:
        if name in self._script.models:
            return None
        if _speaks_openai(request):
            return _error_response(request, 404, f"The model `{name}` does not exist or you do not have access to it.")
        return _error_response(request, 404, f"models/{name} is not found for API version v1beta, or is not supported for generateContent.")

    def _describe(self, name: str) -> dict[str, Any]:
        return {
            "name": f"models/{name}",
            "displayName": name,
            "description": "Not a model: answers from a script.",
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent"],
        }


def _usage(body: Mapping[str, Any], rule: Rule) -> dict[str, int]:
    """Token counts by the rule of thumb of four characters each."""
    sent = len(json.dumps(body)) // 4
    replied = len(rule.model_dump_json(include={"reply"})) // 4
    return {"promptTokenCount": sent, "candidatesTokenCount": replied, "totalTokenCount": sent + replied}


def _event(body: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\r\n\r\n"


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _speaks_openai(request: web.Request) -> bool:
    return request.path.endswith("/chat/completions") or (request.path == "/v1/models" and "Authorization" in request.headers)


def _error_body(request: web.Request, status: int, message: str, retry_delay: str) -> dict[str, Any]:
    return openai_wire.error(status, message) if _speaks_openai(request) else wire.error(status, message, retry_delay)


def _error_response(request: web.Request, status: int, message: str, retry_delay: str = "") -> web.Response:
    """OpenAI tells in a header how long to wait, Gemini in the body."""
    headers = {"Retry-After": retry_delay.removesuffix("s")} if retry_delay and _speaks_openai(request) else {}
    return web.json_response(_error_body(request, status, message, retry_delay), status=status, headers=headers)


async def serve(service: ScriptedService, host: str, port: int) -> web.AppRunner:
    """Starts the service; the caller cleans the runner up. Raises OSError if the port is taken."""
    runner = web.AppRunner(service.build(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def _run(script: Script, host: str, port: int) -> None:
    runner = await serve(ScriptedService(script), host, port)
    try:
        address = runner.addresses[0]
        print(f"Scripted model ({', '.join(script.models)}) on http://{address[0]}:{address[1]}", flush=True)  # noqa: T201 – its only output
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main(arguments: list[str] | None = None) -> int:
    """The command line. 2 is a script or an address that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m bot.agent.models.scripted", description="A scripted model with the wire formats of Gemini and OpenAI."
    )
    parser.add_argument("--script", type=Path, default=DEMO, help="YAML script (default: the demo's)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8899, help="port to listen on; 0 picks a free one")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_run(scripts.load(options.script), options.host, options.port))
    except ConfigError as exc:
        print(exc, file=sys.stderr)  # noqa: T201
        return 2
    except OSError as exc:
        print(f"Cannot listen on {options.host}:{options.port}: {exc.strerror}. Choose another --port.", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
