"""The asker of a change edits its command line: the edited one is rehearsed in a turn of its own, and what comes of it takes the
place of the change.

Until then the change waits, and cannot be approved. It is superseded by the change that the edited command came to, or withdrawn if
that command ran and changes nothing. An edited command that failed leaves it as it was: a typing error must cost nobody their change.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.agent import edits, loop
from bot.changes import policy
from bot.changes.change import Change, State
from bot.changes.ports import AuditLine
from bot.threads.inbound.incoming import Edit
from bot.threads.steps.work import Work
from bot.threads.world import World
from bot.values.people import Person
from bot.values.transcript import Answered, Asked, Ended, Entry, Mode, Proposed, ToolResult

log = structlog.get_logger()

SUPERSEDED = "The asker edited the command."
"""The reason on the card of a change that an edited command took the place of."""


async def begin(world: World, person: Person, change: Change, edit: Edit) -> str:
    """Begins the turn that rehearses the edited command, once per submission; why not, if not."""
    entries = await world.stores.threads.transcript(change.thread_id)
    asked = [e for e in _edits_of(entries, change.id) if e.user_id == edit.user_id and e.text == edit.command]
    why = _obstacle(person, change, edit, entries, world.clock())
    if why:
        return "" if asked else why  # the same window, delivered again after a crash, is no second edit
    first = Asked(0, person.user_id, edit.command, Mode.EDIT, change_id=change.id)
    turn = await world.stores.threads.begin_turn(change.thread_id, first, key=f"edit:{change.id}:{edit.submission}")
    if turn is not None:
        log.info("change_edited", change=change.id, turn=turn, user=person.user_id)
        world.signals.wake(change.thread_id)
    return ""


def _obstacle(person: Person, change: Change, edit: Edit, entries: Sequence[Entry], now: float) -> str:
    decision = policy.may_edit(person, change, digest=edit.digest, now=now)
    if not decision.allowed:
        return decision.reason
    if not edit.command.strip():
        return f"The edited command is empty, so nothing was done. To withdraw change {change.id}, press Deny."
    return why_held(entries, change.id)


def why_held(entries: Sequence[Entry], change_id: int) -> str:
    """Why nobody may decide the change now, if its asker has edited it and what that came to is not known yet."""
    settled = {e.turn for e in entries if isinstance(e, Proposed | Answered | Ended)}
    if all(edit.turn in settled for edit in _edits_of(entries, change_id)):
        return ""
    return f"The asker has edited change {change_id}; what the edited command would change is being looked at, and takes its place."


def _edits_of(entries: Sequence[Entry], change_id: int) -> list[Asked]:
    return [e for e in entries if isinstance(e, Asked) and e.mode is Mode.EDIT and e.change_id == change_id]


def find_edited(work: Work, turn: int) -> Change | None:
    """The change whose command line the turn's question edits."""
    asked = next((e for e in work.rows.entries if e.turn == turn and isinstance(e, Asked)), None)
    return work.rows.changes.get(asked.change_id or 0) if asked is not None and asked.mode is Mode.EDIT else None


async def settle_without_writes(work: Work, step: loop.RunCall, result: ToolResult) -> str:
    """What becomes of the change whose edited command recorded no write, in a sentence; '' if the call is no edited command.
    Safe to repeat."""
    edited = find_edited(work, step.turn)
    if edited is None:
        return ""
    if edits.has_failed(result):
        return edits.after_failure(edited)
    asker = loop.asker_of(work.rows.entries, step.turn)
    audit = AuditLine("denied", asker, work.thread.id, {"change": edited.id, "digest": edited.digest, "by": "edit"})
    changes = work.world.stores.changes
    await changes.move(
        edited.id, [State.PROPOSED], State.DENIED, audit, decided_by=asker, decided_at=work.world.clock(), reason=edits.WITHDRAWN
    )
    return edits.after_nothing(await changes.get(edited.id) or edited)
