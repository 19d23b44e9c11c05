"""What a client of the server can have done: a rehearsal, which leaves nothing behind, and a proposal, which waits for a person."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.agent import observation
from bot.agent.loop import successor_of
from bot.changes import refusals
from bot.changes.change import Change, Send, State
from bot.changes.ports import AuditLine
from bot.local import report
from bot.local.hiding import hide, hide_in_text
from bot.local.surface import CLIENT
from bot.local.working import work_on
from bot.slack.rendering.differences import describe_creation, describe_fields
from bot.threads.inbound import requests
from bot.threads.inbound.incoming import Command
from bot.threads.inbound.wording import Request
from bot.threads.ports import Clock, Rehearsal, Sandbox
from bot.threads.steps.work import cancel
from bot.threads.stores import Stores, Thread
from bot.threads.world import World
from bot.values.people import ThreadKey
from bot.values.requests import Json
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Entry, Mode, Proposed, ToolResult

_OUTPUT_BYTES = 200_000
"""Of each of stdout and stderr: a client reads it with a model."""
_OUTPUT_CHARS = 200_000
_WAITING = "It waits for a person."
_NOT_TAKEN = "The bot has not taken it yet, or may not work for this person in this channel; its log says so."
_STOPPED_CODE = 143
"""Exit code of a command that the gateway stopped."""


@dataclass(frozen=True, slots=True)
class Report:
    """A proposal, as clients see it."""

    id: str
    """What `status` is asked about; '' if the command would change nothing."""
    state: str
    """That of the change (`proposed`, `approved`, `replaying`, `done`, `failed`, `partial`, `unknown`, `denied`, `expired`, `undone`);
    `queued` while the bot has not rehearsed it yet; `nothing to change` and `error` of a command that comes to no change."""
    told: str
    """In a sentence: what is the case, and what to do."""
    changes: tuple[str, ...] = ()
    """The difference that was or would be made, line by line, and what it means around it."""
    output: str = ""
    """What the command printed, while its change waits or if it comes to none; then what an exec that was approved printed. Of a long one
    head and tail."""


class Desk(Protocol):
    """Where proposals go."""

    async def propose(self, command: str) -> Report: ...

    async def status(self, proposal: str) -> Report: ...


async def rehearse(world: World, thread: Thread, command: str) -> dict[str, Json]:
    """The command's output and the writes that were recorded; the audit log has that it ran. Raises BotError."""
    limits, log_lines = world.settings.sandbox, world.settings.reads.log_lines
    client = await world.surface.person(CLIENT)
    sandbox = await world.sandboxes.acquire(thread.id)
    cluster = world.cluster_of(thread)
    async with cluster.rehearse(thread.id, client, thread.namespace, sandbox.address, log_lines=log_lines) as rehearsal:
        most = min(limits.max_output_bytes, _OUTPUT_BYTES)
        ran = await _run(sandbox, rehearsal, command, seconds=limits.command_seconds, most_bytes=most)
        recording = rehearsal.end().as_taken_by(ran.exit_code)
        stdout, stderr = await rehearsal.redact(ran.stdout), await rehearsal.redact(ran.stderr)
    if ran.timed_out:
        stderr += f"\nstopped: after {limits.command_seconds:.0f} seconds, the longest that a command may run\n"
    stderr += "".join(f"\n{note}\n" for note in observation.notes_about_streams(recording, log_lines))
    facts = {
        "command": hashlib.sha256(command.encode("utf-8", "surrogatepass")).hexdigest(),
        "reads": recording.reads,
        "writes": len(recording.writes),
        "refused": len(recording.refused),
    }
    await world.stores.audit.write(AuditLine("rehearsed", CLIENT, thread.id, facts))
    described = report.describe(ran.exit_code, stdout, stderr, recording)
    return described | {"writes": hide(described["writes"]), "connects": hide(described["connects"])}


async def _run(sandbox: Sandbox, rehearsal: Rehearsal, command: str, *, seconds: float, most_bytes: int) -> Ran:
    running = asyncio.create_task(sandbox.run(command, rehearsal.kubeconfig, timeout_seconds=seconds, max_output_bytes=most_bytes))
    ending = asyncio.create_task(rehearsal.stopped())
    try:
        await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        ending.result()  # raises what went wrong in waiting
        return Ran(_STOPPED_CODE, "", "", 0.0)
    finally:
        await cancel(running, ending)


class LocalDesk:
    """Proposals of this machine's own database, which people decide about with `kubectl-ai-slack approve`."""

    def __init__(self, world: World, thread: Thread) -> None:
        self._world = world
        self._thread = thread
        self._lock = asyncio.Lock()

    async def propose(self, command: str) -> Report:
        """Rehearses the command and stores what it would change. Raises StoreError."""
        async with self._lock:
            await requests.ask(self._world, self._thread, Request(Mode.COMMAND, command), CLIENT, uuid.uuid4().hex)
            await work_on(self._world, self._thread.id)
        entries = await self._world.stores.threads.transcript(self._thread.id)
        turn = max(entry.turn for entry in entries)
        own = [entry for entry in entries if entry.turn == turn]
        proposed = next((entry for entry in own if isinstance(entry, Proposed)), None)
        if proposed is not None:
            return await self.status(str(proposed.change_id))
        return describe_answer(own)

    async def status(self, proposal: str) -> Report:
        """What became of a proposal of any client on this machine. Raises StoreError."""
        change = await self._world.stores.changes.get(int(proposal)) if proposal.isdecimal() and len(proposal) < 19 else None
        if change is None or change.asked_by != CLIENT:
            return Report("", "error", f"There is no proposal {proposal[:80]}.")
        latest = await _find_latest(self._world.stores, change)
        where = f"A person decides in a terminal on this machine: kubectl-ai-slack approve {latest.id}"
        entries = await self._world.stores.threads.transcript(change.thread_id)
        return replace(describe_change(latest, entries, where, self._world.clock()), id=str(latest.id))


class SlackDesk:
    """Proposals that the running bot rehearses in its sandbox and shows in a channel: they are put into its inbox, as if the person had
    used the slash command there, and everything that holds in Slack holds for them."""

    def __init__(self, stores: Stores, *, team_id: str, channel_id: str, user_id: str, now: Clock) -> None:
        self._stores = stores
        self._team_id = team_id
        self._channel_id = channel_id
        self._user_id = user_id
        self._now = now

    async def propose(self, command: str) -> Report:
        """Hands the command to the bot. Raises StoreError."""
        key = f"mcp:{uuid.uuid4().hex}"
        await self._stores.inbox.put(key, Command(self._team_id, self._channel_id, self._user_id, f"! {command}"))
        return Report(key, "queued", "The bot rehearses it and shows what it would change in the Slack channel, where people approve it.")

    async def status(self, proposal: str) -> Report:
        """What became of it. Raises StoreError."""
        root = await self._stores.messages.get(f"root:{proposal}") if proposal.startswith("mcp:") else None
        if root is None or not root.ts:
            return Report(proposal, "queued", _NOT_TAKEN)
        thread_id = ThreadKey(self._team_id, self._channel_id, root.ts).id
        changes = await self._stores.changes.of_thread(thread_id)
        entries = [entry for entry in await self._stores.threads.transcript(thread_id) if entry.turn == 1]
        if changes:
            latest = await _find_latest(self._stores, changes[0])
            return replace(describe_change(latest, entries, "People decide in the Slack thread.", self._now()), id=proposal)
        if any(isinstance(entry, Answered) for entry in entries):
            return replace(describe_answer(entries), id=proposal)
        return Report(proposal, "queued", "The bot is rehearsing it.")


def describe_answer(entries: Sequence[Entry]) -> Report:
    """A command that came to no change."""
    result = next((entry.result for entry in entries if isinstance(entry, Answered)), ToolResult("error", note="It did not run."))
    output = _bound(_join(result.stdout, result.stderr))
    if result.status != "ok":
        return Report("", "error", result.note or f"It could not run: {result.status}.", output=output)
    return Report("", "nothing to change", f"The command only read; exit code {result.exit_code}. {result.note}".strip(), output=output)


def describe_change(change: Change, entries: Sequence[Entry], where: str, now: float) -> Report:
    """A proposal that became a change. `entries` are those of its thread, `where` is where people approve it, `now` epoch seconds."""
    lines = []
    for diff in change.diffs:
        lines.append(f"{diff.action} {diff.title}")
        shown = describe_creation(diff.fields) if diff.action == "create" else describe_fields(diff.fields)
        lines += [f"  {line}" for line in "\n".join(shown).split("\n") if line]
        lines += [f"  ! {note}" for note in diff.notes]
    is_lapsed = change.state is State.PROPOSED and now >= change.expires_at
    state = State.EXPIRED if is_lapsed else change.state
    told = [f"Change {change.id} is {state}."]
    output = "\n".join(_printed(send) for send in change.sends if send.output is not None)
    if state is State.PROPOSED:
        rehearsed = _find_rehearsed(entries, change.id)
        output = _join(rehearsed.stdout, rehearsed.stderr)
        told += [_WAITING, where, *_tell_end(rehearsed, change)]
        lines += refusals.lines(change.refused, len(change.refused))
        lines += [f"• {line}" for line in change.impact]
    if is_lapsed:
        told.append("Nobody decided in time; propose it again.")
    told += [text for text in (change.reason, change.rollout and f"Rollout: {change.rollout}.") if text]
    return Report("", str(state), " ".join(told), tuple(map(hide_in_text, lines)), _bound(output.strip()))


async def _find_latest(stores: Stores, change: Change) -> Change:
    changes = {one.id: one for one in await stores.changes.of_thread(change.thread_id)}
    return successor_of(changes, change.id)


def _find_rehearsed(entries: Sequence[Entry], change_id: int) -> ToolResult:
    """What the change's command came to; nothing of one that took the place of another, since no command of its own ran."""
    found = (entry.result for entry in entries if isinstance(entry, Proposed) and entry.change_id == change_id)
    return next(found, ToolResult("ok"))


def _tell_end(rehearsed: ToolResult, change: Change) -> list[str]:
    """How the command ended, where it was not well. kubectl fails at each exec, since none is run before it is approved."""
    has_failed = bool(rehearsed.exit_code) and not any(write.connect for write in change.writes)
    ending = f"Its command ended with exit code {rehearsed.exit_code}." if has_failed else ""
    return [text for text in (ending, rehearsed.note) if text]


def _printed(send: Send) -> str:
    return "" if send.output is None else "\n".join(part for part in (send.output.stdout, send.output.stderr, send.output.note) if part)


def _join(stdout: str, stderr: str) -> str:
    return "\n".join(part for part in (stdout.rstrip("\n"), stderr.rstrip("\n")) if part)


def _bound(output: str) -> str:
    return observation.bound(output, _OUTPUT_CHARS)
