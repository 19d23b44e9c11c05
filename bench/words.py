"""From a person's message to the first words of the model's answer on their screen: in a channel, in a direct message, in a terminal.

The model takes no time to begin. It gives its answer either at once, or line by line as a real one does: then the first line is shown as
a preview where there is one. What is measured is the bot, and Slack's rates that it keeps to.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import struct
import sys
import termios
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.summary import summarise
from bot.devslack.driver import Driver, wait_until
from tests.e2e.parts import ROOT

ROUNDS = 15
PAUSE_SECONDS = 2.5
"""After each question: Slack lets a bot post about once a second in a channel, and the bot's progress waits for that."""
LINES = 3
LINE_SECONDS = 0.6
LONGEST_SECONDS = 60.0

RULES: tuple[dict[str, Any], ...] = (
    {
        "when": {"question": r"words at once, round (?P<round>\w+)"},
        "reply": [{"text": "Words ${round}: the cart crashes.\n\nIt misses a setting.\n"}],
    },
    {
        "when": {"question": r"words line by line, round (?P<round>\w+)"},
        "reply": [
            {"text": "Words ${round}: the cart crashes.\n\n"},
            *({"text": f"Line {number} of what is behind it.\n\n", "delay": LINE_SECONDS} for number in range(LINES)),
            {"text": "That is all.", "delay": LINE_SECONDS},
        ],
    },
)
"""For the scripted model."""


async def measure_in_slack(driver: Driver) -> None:
    """At a bot that is connected; prints a line for each place and manner."""
    places, manners = {"oncall": ("mention", "@kubectl-ai "), "dm": ("direct message", "")}, ("at once", "line by line")
    seconds: dict[str, list[float]] = {}
    shown_by: dict[str, Counter[str]] = {}
    for number in range(ROUNDS):
        for manner in manners:
            for place, (name, call) in places.items():
                what = f"{name} → first words, {manner}"
                took, method = await _ask(driver, place, f"{call}words {manner}, round {number}{place}{len(manner)}")
                seconds.setdefault(what, []).append(took)
                shown_by.setdefault(what, Counter())[method] += 1
                await asyncio.sleep(PAUSE_SECONDS)
    for what, values in seconds.items():
        print(summarise(what, values), " shown by", ", ".join(f"{method} {count}" for method, count in shown_by[what].most_common()))


async def _ask(driver: Driver, place: str, question: str) -> tuple[float, str]:
    """Seconds until the first words were shown, by the local Slack's clock, and the method that showed them. Returns when all is shown."""
    last = max((entry["number"] for entry in await driver.traffic()), default=0)
    said = await driver.say("ana", place, question)
    words = f"Words {question.rpartition(' ')[2]}:"

    async def look() -> dict[str, Any] | None:
        entries = await driver.traffic(last)
        return next((e for e in entries if e["line"] == "web api" and e["way"] == "from app" and words in json.dumps(e["body"])), None)

    shown = await wait_until(look, LONGEST_SECONDS)
    end = "That is all." if "line by line" in question else words
    await driver.wait_for_message(
        said["channel"], lambda m: end in json.dumps(m) and _key(m).startswith("text:"), said["ts"], LONGEST_SECONDS
    )
    return shown["at"] - float(said["ts"]), shown["name"]


async def measure_in_terminal(environment: dict[str, str], folder: Path) -> None:
    """`chat` on the cluster of the environment's kubeconfig, without sandboxes: from Enter to the words."""
    values: dict[str, list[float]] = {"at once": [], "line by line": []}
    async with _terminal(environment, folder) as terminal:
        await terminal.wait_for(">>> ")
        for number in range(ROUNDS):
            for manner, seconds in values.items():
                began = time.monotonic()
                terminal.type(f"words {manner}, round {number}t{len(manner)}\n")
                await terminal.wait_for(f"Words {number}t{len(manner)}:")
                seconds.append(time.monotonic() - began)
                await terminal.wait_for(">>> ")
    for manner, seconds in values.items():
        print(summarise(f"terminal → first words, {manner}", seconds))


class _Terminal:
    """The other side of a pseudo terminal, as text that nobody has looked at yet."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._shown = ""
        self._arrived = asyncio.Event()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def take(self) -> None:
        self._shown += os.read(self._master, 65536).decode(errors="replace")
        self._arrived.set()

    async def wait_for(self, text: str) -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            while text not in self._shown:
                self._arrived.clear()
                await self._arrived.wait()
        self._shown = self._shown.partition(text)[2]


@asynccontextmanager
async def _terminal(environment: dict[str, str], folder: Path) -> AsyncIterator[_Terminal]:
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", sys.executable, "-m", "bot.cli", "chat", "--state", str(folder)),
        cwd=ROOT,
        env={**environment, "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    terminal = _Terminal(master)
    asyncio.get_running_loop().add_reader(master, terminal.take)
    try:
        yield terminal
    finally:
        process.kill()
        await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
        os.close(slave)


def _key(message: dict[str, Any]) -> str:
    return str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))
