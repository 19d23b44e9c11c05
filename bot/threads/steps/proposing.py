"""A rehearsal that recorded writes becomes a change."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.agent import answers, edits, loop, repeats, sources
from bot.changes import digest
from bot.changes import propose as propose_
from bot.changes.change import Change, State
from bot.changes.ports import AuditLine, NewChange
from bot.threads.inbound import editing
from bot.threads.reach import find_reach
from bot.threads.steps.looking import look_around
from bot.threads.steps.work import Work
from bot.values.people import Reach
from bot.values.requests import Recording
from bot.values.transcript import Proposed, ToolResult

log = structlog.get_logger()

_ABSENT = "When it was proposed, none of those who may approve was in this channel; one has to be invited."


async def propose(work: Work, step: loop.RunCall, result: ToolResult, recording: Recording) -> None:
    """Stores the change and the call's `Proposed` at once; the call's answer follows when the change is decided."""
    thread = work.thread
    asked_by = loop.asker_of(work.rows.entries, step.turn)
    edited = await _find_open_edited(work, step.turn)
    change = propose_.build(
        recording,
        thread_id=thread.id,
        call_id=step.call.id,
        turn=step.turn,
        cluster=thread.cluster,
        command=step.shown,
        asked_by=asked_by,
        settings=work.world.settings.changes,
        now=work.world.clock(),
        around=await look_around(work, asked_by, recording.writes),
        read=sources.before(work.rows.entries, step.turn),
        reads=sources.of_proposal(recording),
    )
    if isinstance(edited, Change):
        change = propose_.replace_edited(edited, change)
    elif edited:
        result = replace(result, note=f"{result.note} {edited}".strip())
    await store(work, change, result)


async def refuse_again(work: Work, step: loop.RunCall, result: ToolResult, recording: Recording) -> ToolResult | None:
    """The answer of a call that came to the same change as one of its turn that was turned down; None if it may be proposed. A person's
    own command line has a turn of its own, and may."""
    asker = loop.asker_of(work.rows.entries, step.turn)
    same = digest.of(recording.writes, cluster=work.thread.cluster, asked_by=asker)
    before = repeats.find_turned_down(work.rows.changes.values(), step.turn, same)
    if before is None:
        return None
    who = await work.name_of(before.decided_by) if before.decided_by else ""
    note = f"Not proposed: these are exactly the requests of change {before.id}. {answers.outcome(before, who)}"
    return replace(result, status="error", exit_code=None, stdout="", stderr="", note=note)


async def _find_open_edited(work: Work, turn: int) -> Change | str | None:
    """The change whose command was edited into this one; if that was decided meanwhile, a sentence that says so."""
    edited = editing.find_edited(work, turn)
    if edited is None:
        return None
    now = await work.world.stores.changes.get(edited.id)
    if now is not None and now.state is State.PROPOSED:
        return now
    return edits.beside(edited.id)


async def store(work: Work, change: NewChange, result: ToolResult) -> None:
    """Stores a change that a call came to, with its audit line. One that nobody will ever see who may approve it has no time to wait: it
    shows what would change, and its call is answered at once."""
    reach = await find_reach(work.world, work.thread.channel_id, change.asked_by, is_fresh=True)
    if reach is Reach.NEVER:
        change = replace(change, expires_at=change.created_at)
    elif reach is Reach.ABSENT:
        result = replace(result, note=f"{result.note} {_ABSENT}".strip())
    facts: dict[str, object] = {
        "digest": change.digest,
        "turn": change.turn,
        "call": change.call_id,
        "cluster": change.cluster,
        "writes": [f"{write.request.method} {write.request.path}" for write in change.writes],
    }
    if change.refused:
        facts["refused"] = len(change.refused)
    if change.undoes is not None:
        facts["undoes"] = change.undoes
    audit, superseding = AuditLine("proposed", change.asked_by, change.thread_id, facts), None
    if change.supersedes is not None:
        superseding = AuditLine("edited", change.asked_by, change.thread_id, {"change": change.supersedes})
    proposed = Proposed(change.turn, change.call_id, 0, result)
    stored = await work.world.stores.threads.propose(proposed, change, audit, superseding=superseding, reason=editing.SUPERSEDED)
    log.info("change_proposed", thread=change.thread_id, turn=change.turn, change=stored.id, writes=len(change.writes))
