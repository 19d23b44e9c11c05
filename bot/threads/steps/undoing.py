"""A press of Undo: the undo of a change is computed against the cluster as it is now, and becomes a change of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog

from bot.agent import loop
from bot.changes import propose, undo_rehearsal
from bot.changes.change import UNDOABLE, Change
from bot.changes.undo import Left
from bot.changes.undo_rehearsal import Rehearsed
from bot.errors import BotError, StoreError
from bot.threads.steps import proposing
from bot.threads.steps.work import Stopped, Work
from bot.values.requests import Recording
from bot.values.transcript import Answered, Asked, Ended, Entry, Mode, ToolResult

log = structlog.get_logger()

_PAUSES = (1.0, 3.0, 8.0)
"""Seconds before another attempt when the API server is away for a moment."""
_NAMED = 5
"""Objects that an answer tells why they stay; the rest is counted."""


async def run_undo(work: Work, step: loop.RunUndo) -> None:
    """Proposes the undo, or appends the answer that says why there is none. Nothing if somebody asked to stop."""
    change = work.rows.changes.get(step.change_id)
    why = _obstacle(work, change, step.change_id)
    if why or change is None:
        await _answer(work, step, why)
        return
    work.show(step.turn, call_id=step.call.id)
    outcome = await _rehearse_until_it_runs(work, step, change)
    match outcome:
        case Stopped():
            return
        case str():
            await _answer(work, step, outcome)
        case Rehearsed(writes=()):
            await _answer(work, step, f"Change {change.id} cannot be undone. {_list_left(outcome.left)}")
        case Rehearsed():
            await _propose(work, step, change, outcome)


def _obstacle(work: Work, change: Change | None, change_id: int) -> str:
    if change is None:
        return f"There is no change {change_id} in this thread."
    if change.state not in UNDOABLE or not change.writes:
        return f"Change {change.id} is {change.state.value}: there is nothing to undo."
    other = find_open_undo(work.rows.changes.values(), change.id)
    return f"Change {other.id} undoes change {change.id} already; decide about that one." if other else ""


def find_open_undo(changes: Iterable[Change], change_id: int) -> Change | None:
    """The change that is about to undo another one, if there is one."""
    return next((change for change in changes if change.undoes == change_id and change.is_open), None)


def find_asked(entries: Sequence[Entry], change_id: int) -> Asked | None:
    """The question for the undo of a change that is being worked on."""
    asked = [e for e in entries if isinstance(e, Asked) and e.mode is Mode.UNDO and e.change_id == change_id]
    over = {e.turn for e in entries if isinstance(e, Ended)}
    return asked[-1] if asked and asked[-1].turn not in over else None


def count_asked(entries: Sequence[Entry], change_id: int) -> int:
    """How often the undo of a change was asked for so far."""
    return sum(isinstance(e, Asked) and e.mode is Mode.UNDO and e.change_id == change_id for e in entries)


async def _rehearse_until_it_runs(work: Work, step: loop.RunUndo, change: Change) -> Rehearsed | str | Stopped:
    """Tries again what may pass by itself; otherwise the reason."""
    pauses = list(_PAUSES)
    while True:
        try:
            return await work.unless_stopped(_rehearse(work, step, change))
        except StoreError:
            raise
        except BotError as exc:
            log.warning("undo_not_rehearsed", thread=work.thread.id, change=change.id, error=type(exc).__name__, left=len(pauses))
            if not pauses or not exc.retryable:
                return str(exc)
            work.show(step.turn, f"{exc} Trying again", call_id=step.call.id)
            await work.pause(pauses.pop(0) * work.world.pace)
            if work.attention.stopped.is_set():
                return Stopped()


async def _rehearse(work: Work, step: loop.RunUndo, change: Change) -> Rehearsed | str:
    asker = await work.world.surface.person(loop.asker_of(work.rows.entries, step.turn))
    if asker.refusal:
        return asker.refusal
    cluster = work.world.cluster_of(work.thread)
    return await undo_rehearsal.rehearse(change, cluster.api_for(work.thread.id), cluster.identity(asker))


async def _propose(work: Work, step: loop.RunUndo, change: Change, rehearsed: Rehearsed) -> None:
    new = propose.build(
        Recording(rehearsed.writes),
        thread_id=work.thread.id,
        call_id=step.call.id,
        turn=step.turn,
        cluster=change.cluster,
        command=str(step.call.arguments["command"]),
        asked_by=loop.asker_of(work.rows.entries, step.turn),
        settings=work.world.settings.changes,
        now=work.world.clock(),
    )
    new = replace(new, undoes=change.id, impact=(*map(str, rehearsed.left), *new.impact))
    await proposing.store(work, new, ToolResult(status="ok", command=new.command))


async def _answer(work: Work, step: loop.RunUndo, why: str) -> None:
    result = ToolResult(status="error", command=str(step.call.arguments["command"]), note=why)
    await work.world.stores.threads.append(work.thread.id, [Answered(step.turn, step.call.id, result)])


def _list_left(left: Sequence[Left]) -> str:
    more = f" {len(left) - _NAMED} more objects stay as they are." if len(left) > _NAMED else ""
    return " ".join(f"{one.title}: {one.why}" for one in left[:_NAMED]) + more
