"""Clicks, and the windows that deny and edit: who presses is checked afresh, then one compare-and-set decides.

Undo and Edit decide nothing: they begin a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from bot.changes import policy
from bot.changes.change import UNDOABLE, Change, State
from bot.changes.policy import Decision
from bot.changes.ports import AuditLine
from bot.errors import BotError, StoreError, SurfaceError
from bot.threads.inbound import editing, freezing, gate, home, places, requests
from bot.threads.inbound.continuing import go_on
from bot.threads.inbound.gate import Passed, Refused
from bot.threads.inbound.incoming import Click, Edit, Message, Reason
from bot.threads.inbound.wording import ChangeOrder, Verb
from bot.threads.reach import find_reach
from bot.threads.steps import rights, undoing
from bot.threads.world import World
from bot.values.people import Person, Reach, ThreadKey
from bot.values.transcript import Asked, Mode

log = structlog.get_logger()

_UNOPENED = "The dialog could not be opened; please press the button again."
_AT_CARD = "A change is approved at its card, which shows what it does; nothing was done."
_OUT_OF_SIGHT = "You are not in the conversation of change {} now, so nothing was done."
_LATE = "Slack could not be asked who you are when you pressed, so nothing was done; please press again."
_UNKNOWN = "Change {} is not known here any more, so nothing was done; ask again for what you want."
_UNDECIDED = frozenset({State.PROPOSED, State.DENIED, State.EXPIRED})
"""States in which a change was not approved."""
_MOST_NAMED = 3
"""Changes that are named to somebody who named none; the latest are what people look at."""
_MOST_WORDS = 4000
"""Characters of a reason that are kept; the window takes no more, a message may be longer."""


async def handle_click(world: World, click: Click, *, is_late: bool = False) -> None:
    """Raises SurfaceUnavailableError if the person could not be told why not: handle it again later. `is_late` says that this
    happened to the click before: it decides nothing any more, the person is told to press again."""
    passed = await gate.check(world.surface, click.user_id, click.channel_id, is_external=click.is_external)
    if isinstance(passed, Refused):
        await _whisper(world, click, passed.why)
        return
    key = ThreadKey(click.team_id, click.channel_id, click.thread_ts)
    if click.action == "stop":
        if why := await requests.stop_if_running(world, key.id, click.user_id):
            await _whisper(world, click, why)
        return
    if click.action == "continue":
        why = await places.why_not_ask(world, click.user_id, click.channel_id) or await go_on(world, key.id, click.user_id)
        if why:
            await _whisper(world, click, why)
        return
    change = await world.stores.changes.get(click.change_id)
    if change is None or change.thread_id != key.id:
        await _whisper(world, click, "This button belongs to no change of this thread; nothing was done.")
        return
    why = await _press(world, passed.person, change, click, is_late=is_late)
    await _refuse(world, key, click.user_id, change, why)


async def handle_home_click(world: World, click: Click, *, key: str, is_late: bool = False) -> None:
    """A press in the Home. It names no conversation, so that of its change counts: whoever presses must be in it now. `key` is the
    delivery's. Raises as `handle_click` does."""
    change = await world.stores.changes.get(click.change_id)
    if change is None:
        await world.surface.tell(click.user_id, f"unknown:{key}", _UNKNOWN.format(click.change_id))
        await home.draw_soon(world, click.team_id, click.user_id, key)
        return
    passed = await _check_at_home(world, click, change)
    if isinstance(passed, Refused):
        await world.surface.tell(click.user_id, f"refused:{key}", passed.why)
    else:
        why = _AT_CARD if click.action == "approve" else await _press(world, passed.person, change, click, is_late=is_late)
        await _refuse(world, ThreadKey.of(change.thread_id), click.user_id, change, why, at_home=key)
    await home.draw_soon(world, click.team_id, click.user_id, key)


async def _check_at_home(world: World, act: Click | Reason, change: Change) -> Passed | Refused:
    """As at the card, whose channel Slack shows to nobody else. All is asked at once: a window opens within three seconds or not at all."""
    thread = ThreadKey.of(change.thread_id)
    is_external = act.is_external or act.team_id != thread.team_id
    passed, is_member = await asyncio.gather(
        gate.check(world.surface, act.user_id, thread.channel_id, is_external=is_external),
        world.surface.is_member(thread.channel_id, act.user_id, is_fresh=True),
        return_exceptions=True,
    )
    if isinstance(passed, BaseException):
        raise passed
    if isinstance(is_member, SurfaceError):
        return Refused(gate.UNCHECKED)
    if isinstance(is_member, BaseException):
        raise is_member
    return passed if is_member or isinstance(passed, Refused) else Refused(_OUT_OF_SIGHT.format(change.id))


async def _press(world: World, person: Person, change: Change, click: Click, *, is_late: bool) -> str:
    """Does what a button of a card says, or opens its window; why not, if not."""
    why = ""
    match click.action:
        case "approve":
            return await _approve(world, person, change, click.digest, is_late=is_late)
        case "undo":
            return await _undo(world, person, change, click.digest)
        case "deny":
            why = await _check_denial(world, person, change, click.digest)
        case "edit":
            why = policy.may_edit(person, change, digest=click.digest, now=world.clock()).reason
    if not why:
        await _open(world, click, change)
    return why


async def handle_reason(world: World, reason: Reason, *, key: str = "", is_late: bool = False) -> None:
    """The deny dialog was submitted; `key` is the delivery's. Raises as `handle_click` does."""
    found = await _find(world, reason, key)
    if found is None:
        return
    change, passed = found
    thread, at_home = ThreadKey.of(change.thread_id), key if reason.is_home else ""
    if isinstance(passed, Refused):
        await _say_why(world, thread, reason.user_id, passed.why, at_home=at_home)
        return
    why = await _deny(world, passed.person, change, reason, is_late=is_late)
    await _refuse(world, thread, reason.user_id, change, why, at_home=at_home)
    if reason.is_home:
        await home.draw_soon(world, reason.team_id, reason.user_id, key)


async def handle_edit(world: World, edit: Edit, *, key: str = "") -> None:
    """The command line of a change was edited; `key` is the delivery's. Raises as `handle_click` does; handling it late does no harm, it
    decides nothing."""
    found = await _find(world, edit, key)
    if found is None:
        return
    change, passed = found
    thread = ThreadKey.of(change.thread_id)
    if isinstance(passed, Refused):
        await _say_why(world, thread, edit.user_id, passed.why, at_home="")
        return
    await _refuse(world, thread, edit.user_id, change, await editing.begin(world, passed.person, change, edit))


async def _find(world: World, window: Reason | Edit, key: str) -> tuple[Change, Passed | Refused] | None:
    """The change that a submitted window is about, and whether who submitted it may act; None, and they are told, if there is none.
    `key` is the delivery's."""
    change = await world.stores.changes.get(window.change_id)
    if change is None:
        log.warning("window_of_unknown_change", change=window.change_id, user=window.user_id)
        await world.surface.tell(window.user_id, f"unknown:{key}", _UNKNOWN.format(window.change_id))
        return None
    if isinstance(window, Reason) and window.is_home:
        return change, await _check_at_home(world, window, change)
    thread = ThreadKey.of(change.thread_id)
    is_external = window.is_external or window.team_id != thread.team_id
    return change, await gate.check(world.surface, window.user_id, thread.channel_id, is_external=is_external)


async def handle_words(world: World, message: Message, order: ChangeOrder, *, is_late: bool = False) -> None:
    """`approve 42`, `deny 42 why` or `undo 42`, written in the change's thread. Raises as `handle_click` does."""
    key = ThreadKey(message.team_id, message.channel_id, message.thread_ts)
    if not message.is_mention and not message.is_direct and await world.stores.threads.get(key.id) is None:
        return
    meant = [] if order.is_clear else await _list_meant(world, key.id, order.verb)
    if not order.is_clear and not meant:
        await requests.handle_message(world, message)  # there is nothing that it could decide, so it is about something else
        return
    passed = await gate.check(world.surface, message.user_id, message.channel_id, is_external=message.is_external)
    if isinstance(passed, Refused):
        await requests.whisper_once(world, message, passed.why)
        return
    if not order.is_clear:
        await requests.whisper_once(world, message, _say_how(order.verb, meant))
        return
    change = await world.stores.changes.get(order.change_id)
    if change is None or change.thread_id != key.id:
        await requests.whisper_once(world, message, f"Change {order.change_id} does not belong to this thread; nothing was done.")
        return
    why = await _carry_out(world, passed.person, change, order, message, is_late=is_late)
    await _refuse(world, key, message.user_id, change, why, message=message)


async def _carry_out(world: World, person: Person, change: Change, order: ChangeOrder, message: Message, *, is_late: bool) -> str:
    """Does what the words say; why not, if not. The number on the card stands for exactly one digest, so words decide what was shown."""
    match order.verb:
        case Verb.APPROVE:
            return await _approve(world, person, change, change.digest, is_late=is_late, is_typed=True)
        case Verb.DENY:
            reason = Reason(message.team_id, message.user_id, change.id, change.digest, order.words)
            return await _deny(world, person, change, reason, is_late=is_late)
        case Verb.UNDO:
            return await _undo(world, person, change, change.digest, key=f"said:{message.ts}")


async def _list_meant(world: World, thread_id: str, verb: Verb) -> list[int]:
    """The changes of the thread that an order which names none may mean."""
    states = UNDOABLE if verb is Verb.UNDO else (State.PROPOSED,)
    return [change.id for change in await world.stores.changes.of_thread(thread_id) if change.state in states]


def _say_how(verb: Verb, meant: Sequence[int]) -> str:
    """How to write what was not clear."""
    written = " or ".join(f"`{verb} {number}`" for number in meant[-_MOST_NAMED:])
    more = ", with the reason after the number if you like" if verb is Verb.DENY else " and nothing else"
    return f"Nothing was done: it must be clear which change you mean. Write {written}{more}."


async def _approve(world: World, person: Person, change: Change, digest: str, *, is_late: bool, is_typed: bool = False) -> str:
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


async def _deny(world: World, person: Person, change: Change, reason: Reason, *, is_late: bool) -> str:
    if change.state is State.DENIED and change.decided_by == person.user_id:
        return ""  # the same dialog, delivered again
    if is_late:
        return _LATE
    why = await _check_denial(world, person, change, reason.digest)
    return why or await _move(world, person, change, State.DENIED, _shorten(reason.text))


def _shorten(reason: str) -> str:
    left = len(reason) - _MOST_WORDS
    return reason if left <= 0 else f"{reason[:_MOST_WORDS]}… ({left} more characters are in the message)"


async def _undo(world: World, person: Person, change: Change, digest: str, *, key: str = "") -> str:
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


async def _check_denial(world: World, person: Person, change: Change, digest: str) -> str:
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


async def _open(world: World, click: Click, change: Change) -> None:
    """A modal: its trigger is good for three seconds, so it is tried once."""
    try:
        match click.action:
            case "deny":
                await world.surface.ask_reason(click.trigger_id, change, is_home=click.is_home)
            case "edit":
                await world.surface.ask_command(click.trigger_id, change)
            case "details":
                await world.surface.show_details(click.trigger_id, change)
    except SurfaceError:
        log.warning("modal_not_opened", action=click.action, change=change.id, exc_info=True)
        await _whisper(world, click, _UNOPENED)


async def _refuse(
    world: World, key: ThreadKey, user_id: str, change: Change, why: str, *, message: Message | None = None, at_home: str = ""
) -> None:
    """Tells the person why their decision does not count, and the audit log that they tried. Nothing if `why` is empty. `message`
    is what they wrote, if they wrote it; `at_home` the key of what they did in the Home."""
    if not why:
        return
    audit = AuditLine("decision_refused", user_id, change.thread_id, {"change": change.id, "why": why})
    await world.stores.audit.write(audit)
    # The card may be behind (lapsed, superseded): the worker looks, and draws it.
    await world.stores.threads.wake(change.thread_id, world.clock())
    world.signals.wake(change.thread_id)
    if message is not None:
        await requests.whisper_once(world, message, why)
        return
    await _say_why(world, key, user_id, why, at_home=at_home)


async def _say_why(world: World, key: ThreadKey, user_id: str, why: str, *, at_home: str) -> None:
    """Where the person looks: beside the card, or in their direct messages, for nothing can be whispered in a Home."""
    if at_home:
        await world.surface.tell(user_id, f"refused:{at_home}", why, await world.stores.threads.get(key.id))
    else:
        await world.surface.whisper(key.channel_id, key.thread_ts, user_id, why)


async def _whisper(world: World, click: Click, text: str) -> None:
    key = ThreadKey(click.team_id, click.channel_id, click.thread_ts)
    await _say_why(world, key, click.user_id, text, at_home=click.trigger_id if click.is_home else "")
