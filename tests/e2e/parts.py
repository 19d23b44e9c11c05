"""The product's processes, started the way a user starts them, and windows into what they did."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from bot.devslack.driver import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]


def free_port(host: str = "127.0.0.1", start: int = 0, end: int = 0) -> int:
    """A port nobody listens on: any, or one of a range (at random, so that two who ask at once seldom get the same)."""
    for port in random.sample(range(start, end + 1), end + 1 - start) if start else [0]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    raise RuntimeError(f"no free port on {host}")


async def until(
    what: str,
    probe: Callable[[], Any],
    seconds: float = PATIENCE_SECONDS,
    every: float = 0.05,
    found: Callable[[], str] = lambda: "",
) -> Any:
    """Waits until `probe` gives something true and returns it; the failure says what was waited for, and what `found` sees instead."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}\n{found()}".rstrip())
        await asyncio.sleep(every)


@dataclass
class Process:
    """A child process whose output goes to a file."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env={**os.environ, **self.environment}, stdout=out, stderr=out, start_new_session=True
            )

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill9(self) -> None:
        """Ends it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass
class Database:
    """The bot's SQLite database, read while the bot runs or is dead."""

    path: Path

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in connection.execute(query, parameters)]
            except sqlite3.OperationalError as exc:
                if "no such table" in str(exc) or "unable to open" in str(exc):
                    return []
                raise


@dataclass
class AuditLog:
    """The API server's own audit log, from where it stood when this was made."""

    path: Path
    offset: int = field(init=False)

    def __post_init__(self) -> None:
        self.offset = self.path.stat().st_size if self.path.exists() else 0

    def events(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as log:
            log.seek(self.offset)
            for line in log:
                if line.endswith(b"\n"):
                    event = json.loads(line)
                    if event["stage"] in ("ResponseComplete", "Panic"):
                        yield event

    def writes(self, namespace: str, resource: str, name: str = "", *, by: str = "") -> list[dict[str, Any]]:
        """Persisted writes (verb, no dry run, success) of one object or kind, oldest first; `by` narrows to a user (part of its name)."""
        found = []
        for event in self.events():
            reference = event.get("objectRef") or {}
            user = (event.get("impersonatedUser") or event["user"]).get("username", "")
            if (
                event["verb"] in ("create", "update", "patch", "delete", "deletecollection")
                and reference.get("namespace", "") == namespace
                and reference.get("resource") == resource
                and (not name or reference.get("name") == name)
                and "dryRun=All" not in urlsplit(event["requestURI"]).query
                and event.get("responseStatus", {}).get("code", 0) < 300
                and by in user
            ):
                found.append(event)
        return found


def bot_process(folder: Path, settings: dict[str, Any], environment: dict[str, str]) -> tuple[Process, Database]:
    """The bot as `kubectl-ai-slack serve` with its own settings file and database in `folder`."""
    database = folder / "bot.db"
    settings = {**settings, "store": {"url": f"sqlite+aiosqlite:///{database}"}}
    config = folder / "settings.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "bot.cli", "serve", "--config", str(config)]
    return Process("bot", command, environment, folder / "bot.log"), Database(database)
