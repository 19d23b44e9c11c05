"""What the agent's loop costs by itself: a model that answers at once, commands that print at once, the real store and workers."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import structlog

from bot.agent.ports import ModelReply
from bot.threads.inbound.incoming import Message
from bot.values.transcript import Entry, Replied
from tests.fakes import FakeModel, prints, say
from tests.unit.threads.harness import RULES, Bench, bench

STEPS = 200
THREADS = 100
STEPS_PER_THREAD = 5
OUTPUT = "NAME   READY   STATUS    RESTARTS   AGE\n" + "web-6c79fb759c-hksg4   1/1   Running   0   6m\n" * 20


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(_measure_steps())
    asyncio.run(_measure_memory())


async def _measure_steps() -> None:
    """One thread that goes on and on: what a step costs at its beginning, and with a long transcript behind it."""
    async with bench() as b:
        times = _prepare(b, STEPS)
        await b.write("why?")
        await b.rest()
    steps = [later - earlier for earlier, later in pairwise(times)]
    first, last = sum(steps[:20]) / 20, sum(steps[-20:]) / 20
    print(f"{'loop, per step of model and command':<46} first 20: {first * 1e3:5.1f} ms  last 20 of {STEPS}: {last * 1e3:5.1f} ms")


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
    print(f"{'memory per thread at rest':<46} {grown / THREADS / 1024:5.1f} KiB (database in memory included; {THREADS} threads)")


def _prepare(b: Bench, steps: int) -> list[float]:
    """A model that looks that often and then answers; the times at which it was asked, seconds."""
    asked: list[float] = []

    def think(entries: Sequence[Entry]) -> ModelReply:
        asked.append(time.perf_counter())
        number = sum(isinstance(entry, Replied) for entry in entries)
        return say("", (f"c{number}", f"look {number}")) if number < steps else say("That is all.")

    b.model = FakeModel(think)
    b.rules = RULES.model_copy(update={"model": RULES.model.model_copy(update={"max_steps": steps + 1})})
    for number in range(steps):
        b.sandboxes.programs[f"look {number}"] = prints(f"{number}\n{OUTPUT}")
    return asked


async def _open(b: Bench, first: int, count: int) -> None:
    for number in range(first, first + count):
        root = f"{1000 + number}.1"
        await b.put(Message("T1", "C1", "U1", root, root, "why?", is_mention=True, is_direct=False))


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
