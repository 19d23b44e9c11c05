"""Clicks, windows and words that decide about a change: who acts is checked afresh, `verdicts` decides, and whoever may not is told why.

Undo and Edit decide nothing: they begin a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from bot.changes import policy
from bot.changes.change import UNDOABLE, Change, State
from bot.changes.ports import AuditLine
from bot.errors import SurfaceError
from bot.threads.inbound import editing, gate, home, places, requests, verdicts
from bot.threads.inbound.continuing import go_on
from bot.threads.inbound.gate import Passed, Refused
from bot.threads.inbound.incoming import Click, Edit, Message, Reason
from bot.threads.inbound.wording import ChangeOrder, Verb
from bot.threads.world import World
from bot.values.people import Person, ThreadKey

log = structlog.get_logger()

_UNOPENED = "The dialog could not be opened; please press the button again."
_AT_CARD = "A change is approved at its card, which shows what it does; nothing was done."
_OUT_OF_SIGHT = "You are not in the conversation of change {} now, so nothing was done."
_UNKNOWN = "Change {} is not known here any more, so nothing was done; ask again for what you want."
_MOST_NAMED = 3
"""Changes that are named to somebody who named none; the latest are what people look at."""


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
            return await verdicts.approve(world, person, change, click.digest, is_late=is_late)
        case "undo":
            return await verdicts.undo(world, person, change, click.digest)
        case "deny":
            why = await verdicts.check_denial(world, person, change, click.digest)
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
    why = await verdicts.deny(world, passed.person, change, reason, is_late=is_late)
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
            return await verdicts.approve(world, person, change, change.digest, is_late=is_late, is_typed=True)
        case Verb.DENY:
            reason = Reason(message.team_id, message.user_id, change.id, change.digest, order.words)
            return await verdicts.deny(world, person, change, reason, is_late=is_late)
        case Verb.UNDO:
            return await verdicts.undo(world, person, change, change.digest, key=f"said:{message.ts}")


async def _list_meant(world: World, thread_id: str, verb: Verb) -> list[int]:
    """The changes of the thread that an order which names none may mean."""
    states = UNDOABLE if verb is Verb.UNDO else (State.PROPOSED,)
    return [change.id for change in await world.stores.changes.of_thread(thread_id) if change.state in states]


def _say_how(verb: Verb, meant: Sequence[int]) -> str:
    """How to write what was not clear."""
    written = " or ".join(f"`{verb} {number}`" for number in meant[-_MOST_NAMED:])
    more = ", with the reason after the number if you like" if verb is Verb.DENY else " and nothing else"
    return f"Nothing was done: it must be clear which change you mean. Write {written}{more}."


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
