"""The Continue button: a turn that goes on where a limit ended the last one."""

from __future__ import annotations

import structlog

from bot.agent.budgets import CONTINUE
from bot.threads.world import World
from bot.values.transcript import Asked, Ended, Mode

log = structlog.get_logger()

_NOTHING = "I did not stop at a limit here, so there is nothing to go on with; write what you want to know."


async def go_on(world: World, thread_id: str, user_id: str) -> str:
    """Begins the turn, once however often the button is pressed; why not, if not."""
    entries = await world.stores.threads.transcript(thread_id)
    ended = next((entry for entry in reversed(entries) if isinstance(entry, Ended)), None)
    if ended is None or ended.reason != "limit":
        return _NOTHING
    asked = Asked(0, user_id, CONTINUE, Mode.QUESTION)
    turn = await world.stores.threads.begin_turn(thread_id, asked, key=f"{CONTINUE}:{ended.turn}")
    if turn is not None:
        world.signals.wake(thread_id)
        log.info("turn_continued", thread=thread_id, turn=turn, user=user_id)
    return ""
