"""`clear`: the model forgets what came before in a thread. The transcript and the audit log keep it."""

from __future__ import annotations

import structlog

from bot.agent.loop import active_turn
from bot.changes.ports import AuditLine
from bot.threads.world import World
from bot.values.transcript import Cleared

log = structlog.get_logger()

_DONE = "Cleared: the model no longer knows what came before in this thread. What is shown here stays, and so does the audit log."
_DONE_BEFORE = "Cleared: the model no longer knows what came before the question that I am working on. `stop` ends that one."


async def forget(world: World, thread_id: str, user_id: str, key: str) -> str:
    """Lets models forget every turn that is over, once per key; what to tell the thread. A turn that is not over goes on."""
    entries = await world.stores.threads.transcript(thread_id)
    active = active_turn(entries)
    turn = active - 1 if active is not None else max((entry.turn for entry in entries), default=0)
    if turn == 0:
        return "There is nothing to forget: nothing came before."
    audit = AuditLine("cleared", user_id, thread_id, {"turn": turn})
    if await world.stores.threads.append(thread_id, [Cleared(turn, user_id)], key=key, audit=audit):
        log.info("conversation_cleared", thread=thread_id, turn=turn)
    return _DONE if active is None else _DONE_BEFORE
