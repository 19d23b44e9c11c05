"""The demo's parts as processes: started, called, asked, ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

from bot.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
_END_SECONDS = 10


async def start(stack: contextlib.AsyncExitStack, command: list[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """A process that goes on until the stack is closed."""
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, start_new_session=True)
    stack.push_async_callback(_end, process)
    return process


async def call(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    """Runs to the end; what it says to stderr is seen. Raises ConfigError."""
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait() != 0:
        raise ConfigError(f"`{' '.join(command[:4])} …` failed; the lines above say why.")


async def read(command: list[str], environment: Mapping[str, str]) -> str:
    """What it writes to stdout. Raises ConfigError."""
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise ConfigError(f"`{' '.join(command[:4])} …` failed; the lines above say why.")
    return out.decode()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
