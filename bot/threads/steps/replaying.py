"""An approved change is carried out. A stop or a freeze holds back what is not sent yet; what is sent is never cut off."""

from __future__ import annotations

import asyncio
import functools

import structlog

from bot.agent import loop
from bot.changes import replay
from bot.changes.change import Change, SendState, State
from bot.changes.ports import AuditLine
from bot.errors import UpstreamUnavailableError
from bot.threads.inbound import freezing
from bot.threads.steps.keeping import keep_in_sandbox
from bot.threads.steps.looking import look_around
from bot.threads.steps.work import Work
from bot.threads.world import BOT

log = structlog.get_logger()

_LONGEST_PAUSE_SECONDS = 30.0


async def replay_change(work: Work, step: loop.Replay) -> None:
    """Returns when the change has come to its end. While the API server does not answer, it is tried again."""
    change = work.rows.changes[step.change_id]
    if work.thread.cluster not in work.world.clusters:
        await _end_without_cluster(work, change)
        return
    attempt = 0
    while True:
        try:
            ended = await _replay(work, change)
        except UpstreamUnavailableError as exc:
            seconds = min(2.0**attempt, _LONGEST_PAUSE_SECONDS)
            attempt += 1
            log.warning("replay_interrupted", thread=work.thread.id, change=change.id, attempt=attempt, pause_seconds=seconds)
            work.show(change.turn, f"{exc} Trying again")
            await asyncio.sleep(seconds * work.world.pace)
        else:
            log.info("change_replayed", thread=work.thread.id, change=change.id, state=ended.state.value)
            return


async def _replay(work: Work, change: Change) -> Change:
    world = work.world

    async def held() -> str:
        frozen = await freezing.why_frozen(world, change.cluster)
        if frozen:
            return frozen
        thread = await world.stores.threads.get(work.thread.id)
        is_stopped = thread is not None and thread.stop_requested_by and change.turn <= thread.stop_turn
        return "The turn was stopped." if is_stopped and loop.active_turn(work.rows.entries) == change.turn else ""

    async def pause(seconds: float) -> None:
        """Waits, but notices a stop within a second."""
        left = seconds * world.pace
        while left > 0 and not await held():
            await asyncio.sleep(min(left, 1.0))
            left -= 1.0

    return await replay.replay(
        change.id,
        api=world.cluster_of(work.thread).api_for(work.thread.id),
        changes=world.stores.changes,
        settings=world.settings.changes,
        clock=world.clock,
        pause=pause,
        held=held,
        look=functools.partial(look_around, work, change.asked_by),
        keep=functools.partial(keep_in_sandbox, work, change),
        call=world.call_tool,
    )


async def _end_without_cluster(work: Work, change: Change) -> None:
    """The settings no longer name the thread's cluster: nothing more can be sent, or looked at."""
    states = {send.state for send in change.sends}
    end = State.UNKNOWN if SendState.SENT in states else State.PARTIAL if SendState.LANDED in states else State.FAILED
    reason = f"The cluster {work.thread.cluster} is not in the settings any more."
    audit = AuditLine(f"change_{end.value}", BOT, work.thread.id, {"change": change.id, "digest": change.digest})
    await work.world.stores.changes.move(change.id, [State.APPROVED, State.REPLAYING], end, audit, reason=reason)
