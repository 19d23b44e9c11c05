"""Gathers what one person sees of everything, and answers when they open the app."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from bot.agent.loop import active_turn
from bot.changes import policy
from bot.changes.change import UNDOABLE, Change
from bot.changes.freeze import Freeze
from bot.errors import BotError, SurfaceError
from bot.threads.inbound import gate
from bot.threads.inbound.incoming import Opened
from bot.threads.inbound.overview import Health, Overview, ThreadLine
from bot.threads.ports import Cluster
from bot.threads.steps import undoing
from bot.threads.world import World
from bot.values.people import Person, ThreadKey
from bot.values.requests import ApiRequest
from bot.values.transcript import Asked

_MOST = 10
"""Lines of each part."""
_HEALTH_SECONDS = 3.0


async def handle_opened(world: World, opened: Opened) -> None:
    """The person looks at the app: its Home is drawn, or its messages get suggestions. Raises as the surface does."""
    if opened.tab != "home":
        await world.surface.suggest(opened.channel_id)
        return
    person = await world.surface.person(opened.user_id)
    await world.surface.show_home(opened.user_id, await gather_all(world, person))


async def draw_soon(world: World, team_id: str, user_id: str, key: str) -> None:
    """Has the Home of one person drawn again, once per key: as if they had opened it, so that it is tried again when Slack is away."""
    await world.stores.inbox.put(f"home:{key}", Opened(team_id, user_id, "", "home"))
    world.signals.inbox.set()


async def _can_see(world: World, person: Person, change: Change) -> bool:
    """Whether they are in the conversation of the change: commands of others' private channels are not theirs to read."""
    try:
        return await world.surface.is_member(ThreadKey.of(change.thread_id).channel_id, person.user_id)
    except SurfaceError:
        return False


async def gather_all(world: World, person: Person) -> Overview:
    """Everything the Home shows."""
    if person.refusal:
        return Overview(world.clock(), refusal=person.refusal)
    deciding, waiting = await gather_open(world, person)
    recent = await gather_recent(world, person)
    return Overview(
        world.clock(),
        world.settings.changes.undo_seconds,
        deciding=deciding,
        waiting=waiting,
        recent=recent,
        undoing=await find_undoing(world, recent),
        threads=await gather_threads(world, person),
        freezes=await gather_freezes(world),
        clusters=await check_clusters(world),
        models=name_models(world),
    )


async def gather_open(world: World, person: Person) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Open changes this person may approve where they can see them, and their own others."""
    changes = await world.stores.threads.open_changes(100)
    try:
        members = await gate.members(world.surface, world.settings.changes.approvers)
    except SurfaceError:
        members = frozenset()  # nobody known: nothing to decide is shown, the cards still ask
    deciding = [change for change in changes if _may_approve(world, person, change, members) and await _can_see(world, person, change)]
    own = [change for change in changes if change.asked_by == person.user_id and change not in deciding]
    return tuple(deciding), tuple(own)


async def gather_recent(world: World, person: Person) -> tuple[Change, ...]:
    return tuple(await world.stores.threads.changes_of(person.user_id, _MOST))


async def find_undoing(world: World, changes: Iterable[Change]) -> frozenset[int]:
    """Which of them are being undone, or wait for a decision about that."""
    found = set()
    for change in changes:
        if change.state in UNDOABLE:
            pending = undoing.find_open_undo(await world.stores.changes.of_thread(change.thread_id), change.id)
            asked = undoing.find_asked(await world.stores.threads.transcript(change.thread_id), change.id)
            found |= {change.id} if pending is not None or asked is not None else set()
    return frozenset(found)


async def gather_threads(world: World, person: Person) -> tuple[ThreadLine, ...]:
    lines = []
    for thread_id, active_at in await world.stores.threads.recent(person.user_id, _MOST):
        entries = await world.stores.threads.transcript(thread_id)
        first = next((entry.text for entry in entries if isinstance(entry, Asked)), "")
        changes: Sequence[Change] = await world.stores.changes.of_thread(thread_id)
        state = "waiting" if any(change.is_open for change in changes) else "working" if active_turn(entries) is not None else "idle"
        lines.append(ThreadLine(thread_id, first, state, active_at))
    return tuple(lines)


async def gather_freezes(world: World) -> tuple[Freeze, ...]:
    found = [await world.stores.freezes.active(cluster) for cluster in world.clusters]
    return tuple(freeze for freeze in found if freeze is not None and freeze.holds(world.clock()))


async def check_clusters(world: World) -> tuple[Health, ...]:
    return tuple(await asyncio.gather(*(_check(name, cluster) for name, cluster in world.clusters.items())))


def name_models(world: World) -> tuple[str, ...]:
    return tuple(model.name for model in world.models)


async def _check(name: str, cluster: Cluster) -> Health:
    try:
        async with asyncio.timeout(_HEALTH_SECONDS):
            answer = await cluster.api.send(ApiRequest("GET", "/version"), None, dry_run=False)
    except TimeoutError:
        return Health(name, "", f"its API server did not answer within {_HEALTH_SECONDS:.0f} s")
    except BotError as exc:
        return Health(name, "", str(exc))
    if not answer.is_success or not isinstance(answer.object, dict):
        return Health(name, "", f"its API server answered HTTP {answer.status}")
    return Health(name, str(answer.object.get("gitVersion") or "a Kubernetes of unknown version"))


def _may_approve(world: World, person: Person, change: Change, members: frozenset[str]) -> bool:
    rules = world.settings.changes
    return policy.may_approve(person, change, rules, members, digest=change.digest, now=world.clock()).allowed
