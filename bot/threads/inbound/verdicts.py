"""What a decision comes to: whether this person may, now, and then one compare-and-set. Each says why not, if not.

An undo decides nothing: it begins a turn that proposes one."""

from __future__ import annotations

import structlog

from bot.changes import policy
from bot.changes.change import Change, State
from bot.changes.policy import Decision
from bot.changes.ports import AuditLine
from bot.errors import BotError, StoreError, SurfaceError
from bot.threads.inbound import editing, freezing, gate
from bot.threads.inbound.incoming import Reason
from bot.threads.reach import find_reach
from bot.threads.steps import rights, undoing
from bot.threads.world import World
from bot.values.people import Person, Reach
from bot.values.transcript import Asked, Mode

log = structlog.get_logger()

_LATE = "Slack could not be asked who you are when you pressed, so nothing was done; please press again."
_UNDECIDED = frozenset({State.PROPOSED, State.DENIED, State.EXPIRED})
"""States in which a change was not approved."""
_MOST_WORDS = 4000
"""Characters of a reason that are kept; the window takes no more, a message may be longer."""


async def approve(world: World, person: Person, change: Change, digest: str, *, is_late: bool, is_typed: bool = False) -> str:
    """Approves; why not, if not. Whoever presses the button has the card before them, for nothing else has it, also where Slack's answer
    that it was posted is still on its way; words can be typed below anything."""
    if change.decided_by == person.user_id and change.state not in _UNDECIDED and digest == change.digest:
        return ""  # the same click, delivered again after a crash, or pressed twice
    if is_late:
        return _LATE
    try:
        members = await gate.members(world.surface, world.settings.changes.approvers)
        decision = policy.may_approve(person, change, world.settings.changes, members, digest=digest, now=world.clock())
        why = decision.reason if not decision.allowed else await _missing_right(world, person, change)
    except SurfaceError:
        return gate.UNCHECKED
    why = why or await freezing.why_frozen(world, change.cluster)
    why = why or editing.why_held(await world.stores.threads.transcript(change.thread_id), change.id)
    why = why or (await _why_unseen(world, change) if is_typed else "")
    return why or await _move(world, person, change, State.APPROVED, "")


async def _why_unseen(world: World, change: Change) -> str:
    """Why people may not have seen all of what would be approved. It is tried once more to show it; whoever approved before that has to
    look and to approve again."""
    if await world.surface.shows_whole(change):
        return ""
    try:
        await _show_again(world, change)
    except SurfaceError:
        log.warning("change_not_shown_whole", change=change.id, exc_info=True)
    if await world.surface.shows_whole(change):
        return f"Change {change.id} was not shown whole until now, so nothing was approved; look at it there, then approve again."
    return f"Change {change.id} cannot be shown whole now, so nothing was approved; try again later, or ask for it in smaller parts."


async def _show_again(world: World, change: Change) -> None:
    """As its row is now; and once more if that moved meanwhile, so that no older picture stays."""
    thread = await world.stores.threads.get(change.thread_id)
    now = await world.stores.changes.get(change.id)
    shown = None
    while thread is not None and now is not None and now.state is not shown:
        freeze = await world.stores.freezes.active(now.cluster) if now.is_open else None
        reach = await find_reach(world, thread.channel_id, now.asked_by) if now.state is State.PROPOSED else Reach.SEEN
        await world.surface.show_change(thread, now, freeze=freeze, reach=reach)
        shown, now = now.state, await world.stores.changes.get(change.id)


async def deny(world: World, person: Person, change: Change, reason: Reason, *, is_late: bool) -> str:
    if change.state is State.DENIED and change.decided_by == person.user_id:
        return ""  # the same dialog, delivered again
    if is_late:
        return _LATE
    why = await check_denial(world, person, change, reason.digest)
    return why or await _move(world, person, change, State.DENIED, _shorten(reason.text))


def _shorten(reason: str) -> str:
    left = len(reason) - _MOST_WORDS
    return reason if left <= 0 else f"{reason[:_MOST_WORDS]}… ({left} more characters are in the message)"


async def undo(world: World, person: Person, change: Change, digest: str, *, key: str = "") -> str:
    """Begins a turn that proposes the undo, once per `key` if there is one; why not, if not. A second press while one is under way
    begins no other."""
    decision = policy.may_undo(person, change, world.settings.changes, digest=digest, now=world.clock())
    if not decision.allowed:
        return decision.reason
    pending = undoing.find_open_undo(await world.stores.changes.of_thread(change.thread_id), change.id)
    if pending is not None:
        is_theirs = pending.asked_by == person.user_id
        return "" if is_theirs else f"Change {pending.id} undoes change {change.id} already; decide about that one."
    entries = await world.stores.threads.transcript(change.thread_id)
    asked = undoing.find_asked(entries, change.id)
    if asked is not None:
        return "" if asked.user_id == person.user_id else f"The undo of change {change.id} was asked for a moment ago."
    first = Asked(0, person.user_id, f"undo change {change.id}", Mode.UNDO, change_id=change.id)
    key = key or str(undoing.count_asked(entries, change.id))
    turn = await world.stores.threads.begin_turn(change.thread_id, first, key=f"undo:{change.id}:{key}")
    if turn is not None:
        log.info("undo_asked", change=change.id, turn=turn, user=person.user_id)
        world.signals.wake(change.thread_id)
    return ""


async def check_denial(world: World, person: Person, change: Change, digest: str) -> str:
    try:
        members = await gate.members(world.surface, world.settings.changes.approvers)
    except SurfaceError:
        return gate.UNCHECKED
    decision: Decision = policy.may_deny(person, change, world.settings.changes, members, digest=digest, now=world.clock())
    return "" if decision.allowed else decision.reason


async def _move(world: World, person: Person, change: Change, target: State, words: str) -> str:
    """The decision itself, with its audit line; why not, if somebody or time was faster."""
    audit = AuditLine(target.value, person.user_id, change.thread_id, {"change": change.id, "digest": change.digest})
    is_moved = await world.stores.changes.move(
        change.id, [State.PROPOSED], target, audit, decided_by=person.user_id, decided_at=world.clock(), reason=words
    )
    if not is_moved:
        return f"Change {change.id} was decided a moment ago by somebody else, or has lapsed; the card shows what became of it."
    log.info("change_decided", change=change.id, state=target.value, user=person.user_id)
    world.signals.wake(change.thread_id)
    return ""


async def _missing_right(world: World, person: Person, change: Change) -> str:
    cluster = world.clusters.get(change.cluster)
    if cluster is None:
        return f"The cluster {change.cluster} of change {change.id} is not in the settings any more."
    try:
        return await rights.missing_right(cluster, person, change)
    except StoreError:
        raise
    except BotError as exc:
        return f"Your rights in the cluster could not be checked, so nothing was approved: {exc}"
