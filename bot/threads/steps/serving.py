"""Calls of tools that MCP servers offer: a tool that only reads is called at once, any other becomes a change that waits for approval."""

from __future__ import annotations

import structlog

from bot.agent import loop
from bot.agent.ports import ServedTool
from bot.changes.ports import AuditLine
from bot.threads.steps.work import Work
from bot.values.execs import Executed
from bot.values.requests import Recording
from bot.values.tool_use import ToolUse, to_write
from bot.values.transcript import ToolResult

log = structlog.get_logger()

_NOT_CALLED = "Not called yet: a person has to approve it first."


def record_use(step: loop.RunCall, served: ServedTool) -> tuple[ToolResult, Recording]:
    """The call as a change to propose. It is called once, when that is approved, and its answer becomes the answer of the call."""
    return ToolResult("ok", command=step.shown, note=_NOT_CALLED), Recording(writes=(to_write(_use(step, served)),))


async def call(work: Work, step: loop.RunCall, served: ServedTool) -> ToolResult:
    """What a tool that only reads answers. Calling it again after a crash does no harm."""
    asker = await work.world.surface.person(loop.asker_of(work.rows.entries, step.turn))
    if asker.refusal:
        return ToolResult("error", command=step.shown, note=asker.refusal)
    started = work.world.clock()
    done = await work.world.call_tool(_use(step, served))
    log.info("tool_called", thread=work.thread.id, turn=step.turn, server=served.server, tool=served.name, exit_code=done.output.exit_code)
    return _read(step, served, done, work.world.clock() - started)


def account(work: Work, step: loop.RunCall, served: ServedTool) -> AuditLine:
    """The line about a call that nobody had to approve."""
    facts = {"turn": step.turn, "call": step.call.id, "server": served.server, "tool": served.name}
    return AuditLine("tool_called", loop.asker_of(work.rows.entries, step.turn), work.thread.id, facts)


def _read(step: loop.RunCall, served: ServedTool, done: Executed, seconds: float) -> ToolResult:
    output = done.output
    if output.exit_code is None:
        return ToolResult("error", command=step.shown, note=f"{served.server} gave no answer: {done.why}.", seconds=seconds)
    return ToolResult(
        "ok",
        command=step.shown,
        exit_code=output.exit_code,
        stdout=output.stdout,
        stderr=output.stderr,
        note=output.note,
        seconds=seconds,
        truncated=output.truncated,
        sources=(f"the answer of {served.server}/{served.name}",),
    )


def _use(step: loop.RunCall, served: ServedTool) -> ToolUse:
    return ToolUse(served.server, served.name, step.call.arguments)
