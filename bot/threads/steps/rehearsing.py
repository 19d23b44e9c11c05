"""A tool call: its command runs in the thread's sandbox, against a rehearsal of the cluster.

Running it again after a crash is safe: a rehearsal writes nothing. What it recorded is kept only by what is appended at the end.
"""

from __future__ import annotations

import asyncio
import hashlib
import shlex
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog

from bot import metrics
from bot.agent import calls as calls_
from bot.agent import custom_tools, loop, observation, reading, repeats, runbooks, sources
from bot.agent.budgets import Spent
from bot.agent.ports import ServedTool
from bot.changes.ports import AuditLine
from bot.errors import BotError, SandboxLostError, StoreError
from bot.settings import Settings
from bot.threads.inbound import editing
from bot.threads.ports import Rehearsal, Sandbox
from bot.threads.steps import proposing, querying, serving, spending
from bot.threads.steps.work import Stopped, Work, cancel
from bot.threads.stores import Notice
from bot.values.requests import Recording
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, ToolResult

log = structlog.get_logger()

T = TypeVar("T")

_PAUSES = (1.0, 3.0, 8.0)
"""Seconds before another attempt when a part that the command needs is away for a moment."""
_FRESH = "This thread has a new sandbox: files that earlier commands made are gone."
_CUT = "Cut off: the budget of time is used up. Nothing was changed in the cluster by this command."
_NOTES = 5
"""Refusals that a result tells; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A command that ran, and what it asked of the cluster."""

    result: ToolResult
    recording: Recording


async def run_call(work: Work, step: loop.RunCall) -> None:
    """Appends the call's answer, or proposes the change that its rehearsal recorded. Nothing if somebody asked to stop."""
    result = _answer_without_sandbox(work, step)
    if isinstance(result, ToolResult):
        await _answer(work, step, replace(result, command=step.shown))
        return
    work.show(step.turn, call_id=step.call.id)
    if result is not None:
        await _query(work, step, result)
        return
    served = work.world.find_served(step.call.name)
    if served is not None:
        await _serve(work, step, served)
        return
    running = _complete(work, step)
    outcome = await _in_time(work, running, _until_it_runs(work, running, lambda: _rehearse(work, running)))
    match outcome:
        case Stopped():
            return
        case ToolResult():
            await _answer(work, step, outcome)
        case Rehearsed(result, recording) if recording.writes:
            await _propose(work, running, result, recording)
        case Rehearsed(result, recording):
            await _answer(work, step, result, _account(work, step, recording))


async def _serve(work: Work, step: loop.RunCall, served: ServedTool) -> None:
    if not served.is_read_only:
        await _propose(work, step, *serving.record_use(step, served))
        return
    outcome = await _in_time(work, step, _until_it_runs(work, step, lambda: serving.call(work, step, served)))
    if not isinstance(outcome, Stopped):
        await _answer(work, step, outcome, serving.account(work, step, served) if outcome.status == "ok" else None)


async def _query(work: Work, step: loop.RunCall, query: reading.Query) -> None:
    outcome = await _in_time(work, step, _until_it_runs(work, step, lambda: _ask_jq(work, query)))
    if isinstance(outcome, Stopped):
        return
    if outcome.status == "error":
        outcome = replace(outcome, note=f"{outcome.note} {querying.WITHOUT}")
    account = _account(work, step, Recording()) if outcome.exit_code is not None else None
    await _answer(work, step, replace(outcome, command=step.shown), account)


async def _ask_jq(work: Work, query: reading.Query) -> ToolResult:
    world, thread = work.world, work.thread
    cluster = world.cluster_of(thread)
    sandbox = await acquire_sandbox(work)

    async def redact(text: str) -> str:
        return await cluster.redact(thread.id, text)

    return _tell_fresh(work, sandbox, await querying.run(sandbox, query, world.settings.sandbox, redact))


async def _propose(work: Work, step: loop.RunCall, result: ToolResult, recording: Recording) -> None:
    refused = await proposing.refuse_again(work, step, result, recording)
    if refused is None:
        await _count(work, step, result)
        await proposing.propose(work, step, result, recording)
    else:
        await _answer(work, step, refused, _account(work, step, recording))


def _complete(work: Work, step: loop.RunCall) -> loop.RunCall:
    """The step with the whole command line of an installer's tool, as it runs and as a card shows it."""
    call = custom_tools.to_shell(work.world.custom_tools, step.call)
    return step if call is step.call else replace(step, call=call, shown=str(call.arguments["command"]))


def _answer_without_sandbox(work: Work, step: loop.RunCall) -> ToolResult | reading.Query | None:
    """The answer of a call that cannot run, may not run again, or asks for what is here already, or what jq must be asked for that;
    None if it is a command."""
    call, entries = step.call, work.rows.entries
    custom = [tool.name for tool in work.world.custom_tools]
    refused = None if work.world.find_served(call.name) else calls_.answer_without_running(call, custom)
    refused = refused or repeats.refusal(entries, step.turn, step.shown)
    if refused is not None:
        return refused
    if call.name == calls_.READ_OUTPUT:
        return reading.read(entries, call.arguments)
    if call.name == calls_.RUNBOOK:
        return runbooks.find(work.world.runbooks, call.arguments.get("query"))
    return None


async def _in_time(work: Work, step: loop.RunCall, doing: Coroutine[Any, Any, T]) -> T | ToolResult:
    """What it comes to, unless it is cut off where a budget of time is used up. That holds for the model's calls, not for people's."""
    if not calls_.is_of_model(work.rows.entries, step.turn, step.call.id):
        return await doing
    outcome = await spending.within(await spending.find_seconds_left(work, step.turn), doing)
    return ToolResult("stopped", step.shown, note=_CUT, seconds=outcome.seconds) if isinstance(outcome, spending.TimeUp) else outcome


async def _count(work: Work, step: loop.RunCall, result: ToolResult) -> None:
    """Counts the time that a call of the model took."""
    if result.seconds and calls_.is_of_model(work.rows.entries, step.turn, step.call.id):
        await spending.record(work, step.turn, f"ran:{step.turn}:{step.call.id}", Spent(seconds=result.seconds))


async def _until_it_runs(work: Work, step: loop.RunCall, attempt: Callable[[], Coroutine[Any, Any, T]]) -> T | ToolResult | Stopped:
    """Tries again what may pass by itself; otherwise the reason becomes the answer."""
    pauses = list(_PAUSES)
    while True:
        try:
            return await work.unless_stopped(attempt())
        except StoreError:
            raise
        except BotError as exc:
            log.warning("rehearsal_failed", thread=work.thread.id, turn=step.turn, error=type(exc).__name__, left=len(pauses))
            if not pauses or not (exc.retryable or isinstance(exc, SandboxLostError)):
                return ToolResult(status="error", command=step.shown, note=str(exc))
            work.show(step.turn, f"{exc} Trying again", call_id=step.call.id)
            await work.pause(pauses.pop(0) * work.world.pace)
            if work.attention.stopped.is_set():
                return Stopped()


async def _rehearse(work: Work, step: loop.RunCall) -> Rehearsed | ToolResult:
    world, thread = work.world, work.thread
    asker = await world.surface.person(loop.asker_of(work.rows.entries, step.turn))
    if asker.refusal:
        return ToolResult(status="error", command=step.shown, note=asker.refusal)
    cluster = world.cluster_of(thread)
    sandbox = await acquire_sandbox(work)
    is_for_model = asker.is_program or calls_.is_of_model(work.rows.entries, step.turn, step.call.id)
    log_lines = world.settings.reads.log_lines if is_for_model else 0
    async with cluster.rehearse(thread.id, asker, thread.namespace, sandbox.address, log_lines=log_lines) as rehearsal:
        started = asyncio.get_running_loop().time()
        ran = await _run(work, step, sandbox, rehearsal)
        seconds = asyncio.get_running_loop().time() - started
        metrics.REHEARSING.observe(seconds)
        recording = rehearsal.end()
        if ran is not None:  # before anything is stored or shown
            recording = recording.as_taken_by(ran.exit_code)
            ran = replace(ran, stdout=await rehearsal.redact(ran.stdout), stderr=await rehearsal.redact(ran.stderr))
    metrics.REHEARSALS.labels("change" if recording.writes else "refused" if recording.refused else "read").inc()
    log.info(
        "rehearsed", thread=thread.id, turn=step.turn, reads=recording.reads, writes=len(recording.writes), refused=len(recording.refused)
    )
    return Rehearsed(
        _tell_fresh(work, sandbox, _result(step.shown, ran, recording, seconds, world.settings)), _in_part(recording, ran, world.settings)
    )


def _in_part(recording: Recording, ran: Ran | None, settings: Settings) -> Recording:
    """The recording; it says so if the sandbox ended the command, as it does if the gateway did."""
    if ran is None or not ran.timed_out or recording.stopped:
        return recording
    return replace(recording, stopped=f"stopped: took longer than {settings.sandbox.command_seconds:.0f} seconds")


async def acquire_sandbox(work: Work) -> Sandbox:
    """The thread's sandbox; the thread is told if it is another one than before. Raises SandboxError."""
    world, thread = work.world, work.thread
    sandbox = await world.sandboxes.acquire(thread.id)
    if thread.sandbox_pod != sandbox.identity:
        if thread.sandbox_pod:
            await world.stores.threads.notify(thread.id, Notice(f"files:{sandbox.identity}", _FRESH))
        await world.stores.threads.update(thread.id, sandbox_pod=sandbox.identity, holds_sandbox=True)
    elif not thread.holds_sandbox:
        await world.stores.threads.update(thread.id, holds_sandbox=True)
    return sandbox


def _tell_fresh(work: Work, sandbox: Sandbox, result: ToolResult) -> ToolResult:
    """The result; it says so if the sandbox is another one than before."""
    is_fresh = work.thread.sandbox_pod not in ("", sandbox.identity)
    return replace(result, note=f"{_FRESH} {result.note}".strip()) if is_fresh else result


async def _run(work: Work, step: loop.RunCall, sandbox: Sandbox, rehearsal: Rehearsal) -> Ran | None:
    """The finished command; None if the gateway ended the rehearsal first (the command is stopped then)."""
    limits = work.world.settings.sandbox
    running = asyncio.create_task(
        sandbox.run(
            str(step.call.arguments["command"]),
            rehearsal.kubeconfig,
            timeout_seconds=limits.command_seconds,
            max_output_bytes=limits.max_output_bytes,
        )
    )
    ending = asyncio.create_task(rehearsal.stopped())
    try:
        await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        ending.result()  # raises what went wrong in waiting
        return None
    finally:
        await cancel(running, ending)


async def _answer(work: Work, step: loop.RunCall, result: ToolResult, audit: AuditLine | None = None) -> None:
    again = repeats.note(work.rows.entries, step.turn, step.shown, result)
    await _count(work, step, result)
    settled = await editing.settle_without_writes(work, step, result)
    result = replace(result, note=" ".join(part for part in (result.note, again, settled) if part))
    await work.world.stores.threads.append(work.thread.id, [Answered(step.turn, step.call.id, result)], audit=audit)


def _account(work: Work, step: loop.RunCall, recording: Recording) -> AuditLine:
    """The line about a command that nothing was proposed of."""
    facts = {
        "turn": step.turn,
        "call": step.call.id,
        "command": hashlib.sha256(step.shown.encode("utf-8", "surrogatepass")).hexdigest(),
        "reads": recording.reads,
        "refused": len(recording.refused),
        "execs": [f"{c.info.namespace}/{c.info.name} {c.container}: {shlex.join(c.argv)}" for c in recording.passed],
    }
    return AuditLine("rehearsed", loop.asker_of(work.rows.entries, step.turn), work.thread.id, facts)


def _result(command: str, ran: Ran | None, recording: Recording, seconds: float, settings: Settings) -> ToolResult:
    """What the call came to, as far as the rehearsal tells."""
    note = " ".join(_notes(ran, recording, settings))
    if ran is None:
        return ToolResult(status="ok", command=command, note=note, seconds=seconds)
    result = ToolResult(
        status="ok",
        command=command,
        exit_code=ran.exit_code,
        stdout=ran.stdout,
        stderr=ran.stderr,
        note=note,
        seconds=ran.seconds,
        truncated=ran.truncated,
        sources=sources.of_output(command, ran.stdout, recording.sources),
    )
    return observation.without_binary(result)


def _notes(ran: Ran | None, recording: Recording, settings: Settings) -> list[str]:
    notes = []
    if ran is not None and ran.timed_out:
        notes.append(f"Stopped after {settings.sandbox.command_seconds:.0f} seconds, the longest that a command may run.")
    if recording.stopped:
        notes.append(f"The command was stopped: {_sentence(recording.stopped.removeprefix('stopped: '))}")
    elif ran is None:
        notes.append("The command was stopped by the gateway.")
    notes += observation.notes_about_streams(recording, settings.reads.log_lines)
    reasons = list(dict.fromkeys(request.sentence for request in recording.refused))
    notes += [_sentence(reason) for reason in reasons[:_NOTES]]
    if len(reasons) > _NOTES:
        notes.append(f"{len(reasons) - _NOTES} more requests were refused or rejected.")
    return notes


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
