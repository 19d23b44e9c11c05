"""Who may decide a change. Pure: who the approvers are right now is asked before, at the click."""

from __future__ import annotations

from dataclasses import dataclass

from bot.changes.change import UNDOABLE, Change, State
from bot.settings import ChangeSettings
from bot.values.people import Person
from bot.values.tool_use import read_use


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed; if not, the one sentence that the person is told."""

    allowed: bool
    reason: str = ""


_CLOSED = {
    State.APPROVED: "is approved already",
    State.REPLAYING: "is approved already and being carried out",
    State.DENIED: "was denied",
    State.EXPIRED: "has lapsed",
    State.SUPERSEDED: "was superseded by a fresh one",
    State.DONE: "is done",
    State.FAILED: "has failed",
    State.PARTIAL: "was carried out in part",
    State.UNKNOWN: "was sent, with an outcome that must be checked",
    State.UNDONE: "was undone",
}


def may_approve(person: Person, change: Change, settings: ChangeSettings, members: frozenset[str], *, digest: str, now: float) -> Decision:
    """Whether `person` may approve. `members` are the user ids that `settings.approvers` stands for at this moment, `digest` is what
    the button carried, `now` is epoch seconds. In doubt: no."""
    problem = person.refusal or _not_open(change, digest, now)
    if problem:
        return Decision(False, problem)
    if not settings.approvers:
        return Decision(False, "Nobody may approve changes here: `changes.approvers` in the settings is empty.")
    if person.user_id not in members:
        return Decision(False, f"You are not among those who may approve change {change.id}.")
    if person.user_id == change.asked_by and not settings.self_approval:
        return Decision(False, f"You asked for change {change.id}, so somebody else has to approve it.")
    return Decision(True)


def may_deny(person: Person, change: Change, settings: ChangeSettings, members: frozenset[str], *, digest: str, now: float) -> Decision:
    """Whether `person` may deny: approvers, and the asker, who may always withdraw."""
    problem = person.refusal or _not_open(change, digest, now)
    if problem:
        return Decision(False, problem)
    if person.user_id == change.asked_by or (settings.approvers and person.user_id in members):
        return Decision(True)
    return Decision(False, f"Only the asker and those who may approve change {change.id} can deny it.")


def may_edit(person: Person, change: Change, *, digest: str, now: float) -> Decision:
    """Whether `person` may edit the command line: only the asker. That decides nothing: what comes of it waits for a decision."""
    problem = person.refusal or _not_open(change, digest, now)
    if problem:
        return Decision(False, problem)
    if person.user_id != change.asked_by:
        return Decision(False, f"Only the person who asked for change {change.id} can edit its command.")
    if any(read_use(write) is not None for write in change.writes):
        return Decision(False, f"Change {change.id} calls a tool, so it has no command to edit; deny it and write what you want instead.")
    if change.undoes is not None:
        return Decision(False, f"Change {change.id} was computed, so it has no command to edit; deny it and write what you want instead.")
    return Decision(True)


def may_undo(person: Person, change: Change, settings: ChangeSettings, *, digest: str, now: float) -> Decision:
    """Whether `person` may ask for the undo of a change. That is not a decision: the undo waits for one of its own."""
    if person.refusal:
        return Decision(False, person.refusal)
    if change.state not in UNDOABLE:
        state = _CLOSED.get(change.state, "is still waiting for a decision")
        return Decision(False, f"Change {change.id} {state}: there is nothing to undo.")
    if digest != change.digest:
        return Decision(False, f"This button does not belong to change {change.id} as it is stored; nothing was done.")
    if now >= change.decided_at + settings.undo_seconds or not change.writes:
        return Decision(False, f"The time in which change {change.id} could be undone is over.")
    return Decision(True)


def may_freeze(person: Person, settings: ChangeSettings, members: frozenset[str]) -> Decision:
    """Whether `person` may freeze a cluster, or lift a freeze: those who may approve."""
    if person.refusal:
        return Decision(False, person.refusal)
    if not settings.approvers:
        return Decision(False, "Nobody may freeze anything here: `changes.approvers` in the settings is empty.")
    if person.user_id not in members:
        return Decision(False, "Only those who may approve changes can freeze and unfreeze.")
    return Decision(True)


def _not_open(change: Change, digest: str, now: float) -> str:
    if change.state is not State.PROPOSED:
        return f"Change {change.id} {_CLOSED[change.state]}."
    if now >= change.expires_at:
        return f"Change {change.id} has lapsed; ask for it again."
    if digest != change.digest:
        return f"This button does not belong to change {change.id} as it is stored; nothing was done."
    return ""
