"""Whether anybody who may approve a change sees it: asked of the chat service, and in doubt assumed."""

from __future__ import annotations

import structlog

from bot.errors import SurfaceError
from bot.threads.inbound import gate
from bot.threads.world import World
from bot.values.people import Reach

log = structlog.get_logger()

_DIRECT = "D"
"""What the ids of direct messages begin with. Nobody but the asker and the bot is ever in one."""


async def find_reach(world: World, channel_id: str, asker: str, *, is_fresh: bool = False) -> Reach:
    """Who sees what `asker` asks for in this channel; `is_fresh` asks for its members as they are now. Where nobody is set up to
    approve there is nobody to look for: the card says that."""
    rules = world.settings.changes
    is_direct = channel_id.startswith(_DIRECT)
    if not rules.approvers:
        return Reach.SEEN
    if is_direct and not rules.self_approval:
        return Reach.NEVER
    try:
        deciders = await gate.members(world.surface, rules.approvers)
        if is_direct:
            return Reach.SEEN if asker in deciders else Reach.NEVER
        for user_id in sorted(deciders if rules.self_approval else deciders - {asker}):
            if await world.surface.is_member(channel_id, user_id, is_fresh=is_fresh):
                return Reach.SEEN
            is_fresh = False  # the first answer is about everybody
    except SurfaceError:
        log.warning("reach_unknown", channel=channel_id, exc_info=True)
        return Reach.SEEN
    return Reach.ABSENT
