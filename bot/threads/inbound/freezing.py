"""Freezes: `freeze [cluster] [for 2h] reason…` and `unfreeze [cluster]`, for those who may approve. Without a cluster all are meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from bot.changes import policy
from bot.changes.freeze import Freeze
from bot.changes.ports import AuditLine
from bot.errors import SurfaceError
from bot.threads.inbound import gate
from bot.threads.inbound.wording import FreezeOrder
from bot.threads.world import World
from bot.values.people import Person

log = structlog.get_logger()

USAGE = "Say why: `freeze [cluster] [for 2h] reason`. Without a cluster everything is frozen, without a time until `unfreeze`."
_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_FOR = re.compile(r"(?:for\s+)?(\d{1,4})\s*(m|h|d|w|mins?|minutes?|hours?|days?|weeks?)\b[,:]?\s*", re.IGNORECASE)
_TIMED = re.compile(r"for\s+\d", re.IGNORECASE)
_LONGEST_SECONDS = 31 * 86_400.0
_TIMES = "A freeze lasts from a minute to 31 days (`30m`, `2h`, `3d`, `1w`); without a time it lasts until `unfreeze`."
_MOST_WORDS = 300
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order to freeze asks for."""

    clusters: tuple[str, ...]
    reason: str
    seconds: float | None
    """None: until it is lifted."""


def plan(words: str, clusters: Collection[str]) -> Plan | str:
    """Reads `[cluster] [for 2h] reason…`, also without the word `for`; the sentence that says what is wrong, if something is."""
    first, _, rest = words.partition(" ")
    chosen, left = ((first,), rest.strip()) if first in clusters else (tuple(clusters), words)
    found = _FOR.match(left)
    if found is None and first and first not in clusters and _TIMED.match(rest.strip()):
        return f"There is no cluster {first}; there is {_list(clusters)}."
    seconds = None
    if found is not None:
        seconds = int(found[1]) * _UNITS[found[2][0].lower()]
        left = left[found.end() :].strip()
        if not 0 < seconds <= _LONGEST_SECONDS:
            return _TIMES
    elif _TIMED.match(left):
        return _TIMES  # taken as the reason, it would freeze for ever what was meant for a while
    return Plan(chosen, left[:_MOST_WORDS], seconds) if left else USAGE


async def obey(world: World, order: FreezeOrder, person: Person, key: str, thread_id: str) -> tuple[bool, str]:
    """Does what a checked person ordered; whether it was done, and what to tell. `key` makes an order that is delivered twice one order;
    `thread_id` is where it was given, if it was in a thread."""
    try:
        members = await gate.members(world.surface, world.settings.changes.approvers)
    except SurfaceError:
        return False, gate.UNCHECKED
    decision = policy.may_freeze(person, world.settings.changes, members)
    if not decision.allowed:
        return False, decision.reason
    if order.is_lift:
        return await _lift(world, order.words, person, key, thread_id)
    planned = plan(order.words, world.clusters)
    if isinstance(planned, str):
        return False, planned
    return True, await _freeze(world, planned, person, key, thread_id)


async def why_frozen(world: World, cluster: str) -> str:
    """Why nothing may be approved or applied on the cluster now; '' if it may."""
    freeze = await world.stores.freezes.active(cluster)
    if freeze is None:
        return ""
    try:
        name = (await world.surface.person(freeze.by)).name or freeze.by
    except SurfaceError:
        name = freeze.by
    return f"{cluster} is frozen {_until(freeze.until)}, by {name}: {freeze.reason}"


async def _freeze(world: World, planned: Plan, person: Person, key: str, thread_id: str) -> str:
    now = world.clock()
    until = None if planned.seconds is None else now + planned.seconds
    for cluster in planned.clusters:
        freeze = Freeze(cluster, person.user_id, planned.reason, now, until)
        audit = AuditLine("frozen", person.user_id, thread_id, {"cluster": cluster, "until": until, "reason": planned.reason})
        if await world.stores.freezes.begin(key, freeze, audit):
            log.info("cluster_frozen", cluster=cluster, user=person.user_id, until=until)
    world.signals.threads.set()
    are = "is" if len(planned.clusters) == 1 else "are"
    return f"🧊 {_list(planned.clusters)} {are} frozen {_until(until)}: nothing is approved or applied. Reason: {planned.reason}"


async def _lift(world: World, words: str, person: Person, key: str, thread_id: str) -> tuple[bool, str]:
    name = words.partition(" ")[0]
    if name and name not in world.clusters:
        return False, f"There is no cluster {name}; there is {_list(world.clusters)}."
    lifted: list[str] = []
    for cluster in (name,) if name else tuple(world.clusters):
        audit = AuditLine("unfrozen", person.user_id, thread_id, {"cluster": cluster})
        if await world.stores.freezes.lift(key, cluster, person.user_id, audit):
            log.info("cluster_unfrozen", cluster=cluster, user=person.user_id)
            lifted.append(cluster)
    world.signals.threads.set()
    if not lifted:
        return True, f"{name} is not frozen." if name else "Nothing is frozen."
    return True, f"{_list(lifted)} {'is' if len(lifted) == 1 else 'are'} not frozen any more."


def _until(until: float | None) -> str:
    if until is None:
        return "until somebody lifts it"
    return f"until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"


def _list(names: Collection[str]) -> str:
    listed: Sequence[str] = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
