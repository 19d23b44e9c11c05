"""Who may use the bot, asked of the chat service at the moment it matters. Whoever cannot be checked is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from bot.errors import SurfaceError
from bot.threads.ports import Surface
from bot.values.people import Person

log = structlog.get_logger()

UNCHECKED = "Slack could not be asked who you are, so nothing was done. Please try again in a moment."
EXTERNAL = "Only members of this workspace can use kubectl-ai."


@dataclass(frozen=True, slots=True)
class Passed:
    """The person as checked just now."""

    person: Person


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not, in words for the person."""

    why: str


async def members(surface: Surface, approvers: Iterable[str]) -> frozenset[str]:
    """The user ids that the approvers stand for now: groups (`S…`) are asked about. Raises SurfaceError if that cannot be known."""
    found: set[str] = set()
    for approver in approvers:
        found |= await surface.members_of(approver) if approver.startswith("S") else {approver}
    return frozenset(found)


async def check(surface: Surface, user_id: str, channel_id: str, *, is_external: bool) -> Passed | Refused:
    """Whether the person may use the bot in this channel, now."""
    if is_external:
        return Refused(EXTERNAL)
    try:
        person, refusal = await asyncio.gather(surface.person(user_id), surface.channel_refusal(channel_id))
    except SurfaceError:
        log.warning("person_unchecked", user=user_id, channel=channel_id, exc_info=True)
        return Refused(UNCHECKED)
    why = person.refusal or refusal
    if why:
        log.info("person_refused", user=user_id, channel=channel_id, why=why)
        return Refused(why)
    return Passed(person)
