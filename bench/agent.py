"""What the agent's loop costs by itself: a model that answers at once, commands that print at once, the real store and workers. Requests
are built and accounted for as Gemini's adapter does it, and not sent. What it takes to send them, with the service's own library, is a
figure of its own."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import structlog
from pydantic import SecretStr

from bot.agent.models import requests
from bot.agent.models import script as scripts
from bot.agent.models.gemini import GeminiModel
from bot.agent.models.openai import OpenAIModel
from bot.agent.models.scripted import ScriptedService, serve
from bot.agent.ports import Model, ModelReply, Tool
from bot.agent.tools import tools
from bot.settings_model import ModelChoice
from bot.threads.inbound.incoming import Message
from bot.values.transcript import Answered, Asked, Entry, Mode, Replied, ToolCall, ToolResult
from tests.fakes import FakeModel, prints, say
from tests.unit.threads.harness import RULES, Bench, bench

STEPS = 200
THREADS = 100
STEPS_PER_THREAD = 5
OUTPUT = "NAME   READY   STATUS    RESTARTS   AGE\n" + "web-6c79fb759c-hksg4   1/1   Running   0   6m\n" * 20


class UnsentModel(FakeModel):
    """Does all that Gemini's adapter does for a reply, but for the sending."""

    def __init__(self, think: Callable[[Sequence[Entry]], ModelReply]) -> None:
        super().__init__(think)
        self._adapter = GeminiModel(ModelChoice(name="any", api_key=SecretStr("none")), 30.0)

    async def reply(
        self, instructions: str, transcript: Sequence[Entry], tools: Sequence[Tool], on_text: Callable[[str], None]
    ) -> ModelReply:
        body = self._adapter.request(instructions, transcript, tools)
        reply = await super().reply(instructions, transcript, tools, on_text)
        account = requests.record(
            "gemini",
            body,
            reply,
            window_tokens=self.window_tokens,
            thinking="",
            instructions=instructions,
            transcript=transcript,
            tools=tools,
        )
        return replace(reply, request=account)

    async def close(self) -> None:
        await self._adapter.close()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(_measure_steps())
    _measure_requests()
    asyncio.run(_measure_memory())


async def _measure_steps() -> None:
    """One thread that goes on and on: what a step costs at its beginning, and with a long transcript behind it."""
    async with bench() as b:
        times = _prepare(b, STEPS)
        await b.write("why?")
        await b.rest()
        await _close(b)
    steps = [later - earlier for earlier, later in pairwise(times)]
    first, last = sum(steps[:20]) / 20, sum(steps[-20:]) / 20
    print(f"{'loop, per step of model and command':<46} first 20: {first * 1e3:5.1f} ms  last 20 of {STEPS}: {last * 1e3:5.1f} ms")


def _measure_requests() -> None:
    """The CPU time of this process for one request and its reply, after some steps and after many; the service has a thread of its own."""
    address, end = Future[str](), threading.Event()
    service = threading.Thread(target=lambda: asyncio.run(_serve(address, end)))
    service.start()
    try:
        for name in ("gemini", "openai"):
            first, last = (asyncio.run(_time_request(name, address.result(), count)) for count in (20, STEPS))
            print(f"{f'request to {name}, CPU':<46} after 20: {first * 1e3:5.1f} ms  after {STEPS}:   {last * 1e3:5.1f} ms")
    finally:
        end.set()
        service.join()


async def _serve(address: Future[str], end: threading.Event) -> None:
    runner = await serve(ScriptedService(scripts.parse("rules: [{reply: [{text: Done.}]}]")), "127.0.0.1", 0)
    address.set_result(f"http://127.0.0.1:{runner.addresses[0][1]}")
    await asyncio.to_thread(end.wait)
    await runner.cleanup()


async def _time_request(name: str, address: str, steps: int) -> float:
    """Seconds of this thread per request: the mean of five, after one that loads what is loaded once."""
    entries: list[Entry] = [Asked(1, "U1", "why?", Mode.QUESTION)]
    for number in range(steps):
        call = ToolCall(f"c{number}", "shell", {"command": f"look {number}"})
        entries += (Replied(1, "other", "", "", (call,), "stop"), Answered(1, call.id, ToolResult("ok", "look", 0, f"{number}\n{OUTPUT}")))
    if name == "gemini":
        model: Model = GeminiModel(ModelChoice(name="scripted", api_key=SecretStr("none"), base_url=address), 30.0)
    else:
        model = OpenAIModel(ModelChoice(provider="openai", name="scripted", api_key=SecretStr("none"), base_url=f"{address}/v1"), 30.0)
    started = 0.0
    for attempt in range(6):
        if attempt == 1:
            started = time.thread_time()
        await model.reply("Be brief.", entries, tools(has_runbooks=False), lambda _: None)
    await model.close()
    return (time.thread_time() - started) / 5


async def _measure_memory() -> None:
    """Threads that were worked on and are at rest: what the process keeps of them."""
    async with bench() as b:
        _prepare(b, STEPS_PER_THREAD)
        async with b.running() as bot:
            await _open(b, 0, 20)  # what is loaded once
            await bot.settled()
            before = _resident()
            await _open(b, 20, THREADS)
            await bot.settled()
            grown = _resident() - before
        await _close(b)
    print(f"{'memory per thread at rest':<46} {grown / THREADS / 1024:5.1f} KiB (database in memory included; {THREADS} threads)")


def _prepare(b: Bench, steps: int) -> list[float]:
    """A model that looks that often and then answers; the times at which it was asked, seconds."""
    asked: list[float] = []

    def think(entries: Sequence[Entry]) -> ModelReply:
        asked.append(time.perf_counter())
        number = sum(isinstance(entry, Replied) for entry in entries)
        return say("", (f"c{number}", f"look {number}")) if number < steps else say("That is all.")

    b.model = UnsentModel(think)
    b.rules = RULES.model_copy(update={"model": RULES.model.model_copy(update={"max_steps": steps + 1})})
    for number in range(steps):
        b.sandboxes.programs[f"look {number}"] = prints(f"{number}\n{OUTPUT}")
    return asked


async def _close(b: Bench) -> None:
    if b.model is not None:
        await b.model.close()


async def _open(b: Bench, first: int, count: int) -> None:
    for number in range(first, first + count):
        root = f"{1000 + number}.1"
        await b.put(Message("T1", "C1", "U1", root, root, "why?", is_mention=True, is_direct=False))


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
