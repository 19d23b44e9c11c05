"""The steps that only write rows: answers of decided changes, the ends of turns."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.agent import answers, leaving, loop
from bot.agent.finish import STOP_REASON
from bot.changes.change import Change, State
from bot.changes.ports import AuditLine
from bot.threads.steps.work import Work
from bot.threads.world import BOT
from bot.values.transcript import Answered, Ended, Entry

log = structlog.get_logger()

UNSEEN = "Nobody who may approve it sees this direct message. It has to be asked for in a channel where approvers are."
"""Why a change lapses as soon as it is proposed."""


async def answer_change(work: Work, step: loop.AnswerChange) -> None:
    """The call gets what really became of its change."""
    change = work.rows.changes[step.change_id]
    who = await _decider(work, change)
    result = answers.of_change(leaving.proposed_of(work.rows.entries, step.turn)[step.call_id], change, who)
    await _append(work, [Answered(step.turn, step.call_id, result, answers.decided(change, who))])


async def report(work: Work, step: loop.Report) -> None:
    """A change whose turn is over was decided: a new turn hears of it."""
    change = work.rows.changes[step.change_id]
    happened = answers.happened(change, step.turn, step.asker, await _decider(work, change))
    await work.world.stores.threads.begin_turn(work.thread.id, happened, key=f"happened:{change.id}")


async def expire(work: Work, step: loop.Expire) -> None:
    change = work.rows.changes[step.change_id]
    audit = AuditLine("expired", BOT, work.thread.id, {"change": change.id, "digest": change.digest})
    reason = UNSEEN if change.is_shown_only else "Nobody decided in time."
    await work.world.stores.changes.move(change.id, [State.PROPOSED], State.EXPIRED, audit, decided_at=work.world.clock(), reason=reason)


async def yield_turn(work: Work, step: loop.YieldTurn) -> None:
    """Somebody wrote meanwhile: the waiting call is answered as waiting, what came after it as not run."""
    await _append(work, leaving.give_way(work.rows.entries, step, work.rows.changes))


async def finish(work: Work, step: loop.Finish) -> None:
    await _append(work, [Ended(step.turn, step.reason, step.text)])
    log.info("turn_ended", thread=work.thread.id, turn=step.turn, reason=step.reason)


async def stop(work: Work, step: loop.Stop) -> None:
    """Withdraws the turn's open changes, answers its calls, and says what was and was not done."""
    for change_id in step.change_ids:
        if not await _withdraw(work, change_id, step.by):
            return  # it moved meanwhile: decide again on what the rows say now
    name = await work.name_of(step.by)
    await _append(work, leaving.stop(work.rows.entries, step, work.rows.changes, name))
    log.info("turn_stopped", thread=work.thread.id, turn=step.turn, by=step.by)


async def give_up(work: Work, turn: int, why: str) -> None:
    """Ends a turn that cannot go on, with an answer for each of its calls. Not while one of its changes is open: its end is
    waited for, however long it takes."""
    written = leaving.give_up(work.rows.entries, turn, why)
    if written:
        await _append(work, written)


async def _decider(work: Work, change: Change) -> str:
    """The name of who decided: a model repeats it to people, to whom an id says nothing."""
    return await work.name_of(change.decided_by) if change.decided_by else ""


async def _append(work: Work, entries: Sequence[Entry]) -> None:
    await work.world.stores.threads.append(work.thread.id, entries)


async def _withdraw(work: Work, change_id: int, by: str) -> bool:
    audit = AuditLine("denied", by, work.thread.id, {"change": change_id, "by": "stop"})
    return await work.world.stores.changes.move(
        change_id,
        [State.PROPOSED, State.APPROVED],
        State.DENIED,
        audit,
        decided_by=by,
        decided_at=work.world.clock(),
        reason=STOP_REASON,
    )
