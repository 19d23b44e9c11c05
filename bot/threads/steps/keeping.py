"""Puts what an approved exec wrote, and is not text, into the thread's sandbox: `kubectl cp` out of a container."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.changes.change import Change
from bot.errors import SandboxError
from bot.threads.steps.rehearsing import acquire_sandbox
from bot.threads.steps.work import Work
from bot.values.execs import Executed, Output

log = structlog.get_logger()


async def keep_in_sandbox(work: Work, change: Change, position: int, done: Executed) -> Output:
    """The output with a note that says where its bytes are. If they cannot be put there, the note says why: the exec is not run again."""
    name = f"change-{change.id}-{position + 1}.{'tar' if done.is_archive else 'bin'}"
    what = f"It wrote {len(done.data):,} bytes that are not text"
    try:
        sandbox = await acquire_sandbox(work)
        path = await sandbox.put(name, done.data)
    except SandboxError as exc:
        log.warning("exec_output_not_kept", thread=work.thread.id, change=change.id, error=type(exc).__name__)
        return replace(done.output, note=f"{what}, which could not be put into the sandbox and are gone: {exc}")
    unpack = f"; unpack them with `tar xf {path}`" if done.is_archive else ""
    return replace(done.output, note=f"{what}: they are in the file {path} of this thread's sandbox{unpack}.")
