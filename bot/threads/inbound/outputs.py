"""Windows on whole texts: what a message only summarizes, read again from the transcript."""

from __future__ import annotations

import structlog

from bot.errors import SurfaceError
from bot.threads import progress
from bot.threads.inbound import gate
from bot.threads.inbound.gate import Refused
from bot.threads.inbound.incoming import Glance
from bot.threads.world import World
from bot.values.people import ThreadKey

log = structlog.get_logger()

_GONE = "That text is not kept any more; the file in the thread has it."
_UNOPENED = "The window could not be opened; please press the button again."


async def handle_glance(world: World, glance: Glance) -> None:
    """Raises SurfaceUnavailableError if the person could not be told why not: handle it again later."""
    key = ThreadKey.of(glance.thread_id)
    is_external = glance.is_external or glance.team_id != key.team_id
    passed = await gate.check(world.surface, glance.user_id, key.channel_id, is_external=is_external)
    if isinstance(passed, Refused):
        await world.surface.whisper(key.channel_id, key.thread_ts, glance.user_id, passed.why)
        return
    turns = progress.by_turn(await world.stores.threads.transcript(glance.thread_id))
    text = progress.find_text(turns, glance.key)
    if text is None:
        await world.surface.whisper(key.channel_id, key.thread_ts, glance.user_id, _GONE)
        return
    try:
        await world.surface.show_output(glance, text.text, text.code)
    except SurfaceError:
        log.warning("output_not_shown", thread=glance.thread_id, key=glance.key, exc_info=True)
        await world.surface.whisper(key.channel_id, key.thread_ts, glance.user_id, _UNOPENED)
