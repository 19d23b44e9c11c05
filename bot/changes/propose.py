"""Makes a change of what a rehearsal recorded, and a fresh one of a change whose objects have moved. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.changes import diff, digest, undo
from bot.changes.change import Change, ObjectDiff
from bot.changes.impact.effects import enumerate_some
from bot.changes.impact.lines import lines
from bot.changes.impact.surroundings import Surroundings
from bot.changes.ports import NewChange
from bot.settings import ChangeSettings
from bot.values.requests import RecordedWrite, Recording

EDITED = "Edited by the asker. "
"""What the impact line begins with that tells what an edited command was before."""
_OLD_COMMAND_CHARS = 300

SUGGESTED = "⚠️ Suggested after reading "
READING = "⚠️ Made by a command that reads "
STOPPED = "⚠️ Only a part of the command was rehearsed, and what follows is no part of this change: "
"""What the impact line begins with that tells why a rehearsal ended before its command did."""


def build(
    recording: Recording,
    *,
    thread_id: str,
    call_id: str,
    turn: int,
    cluster: str,
    command: str,
    asked_by: str,
    settings: ChangeSettings,
    now: float,
    around: Surroundings | None = None,
    read: Sequence[str] = (),
    reads: Sequence[str] = (),
) -> NewChange:
    """The change that the recorded writes are. `now` is epoch seconds; `around` is what the cluster holds around their objects. Text of
    others: `read` names what the model had read before, `reads` what the command itself reads."""
    diffs = tuple(diff.of_write(write) for write in recording.writes)
    return NewChange(
        thread_id=thread_id,
        call_id=call_id,
        turn=turn,
        cluster=cluster,
        namespace=_name_namespaces(recording.writes),
        command=command,
        asked_by=asked_by,
        digest=digest.of(recording.writes, cluster=cluster, asked_by=asked_by),
        writes=recording.writes,
        diffs=diffs,
        impact=(
            *_suggested(read, reads),
            *say_how_far(recording),
            *lines(recording.writes, diffs, around),
            *undo.cautions(recording.writes, diffs),
        ),
        created_at=now,
        expires_at=now + settings.lapse_seconds,
        refused=tuple(dict.fromkeys(recording.refused)),
    )


def replace_edited(before: Change, new: NewChange) -> NewChange:
    """The change of an edited command line, in place of the one it had before: whoever approves saw that one. What that one was made
    of, the edited one may be made of, too."""
    old = " ".join(before.command.split())
    told = f"{EDITED}Before: {old[:_OLD_COMMAND_CHARS]}{'…' if len(old) > _OLD_COMMAND_CHARS else ''}"
    marks = [line for line in before.impact if line.startswith((SUGGESTED, READING)) and line not in new.impact]
    return replace(new, supersedes=before.id, impact=(told, *marks, *new.impact))


def renew(
    change: Change,
    writes: Sequence[RecordedWrite],
    diffs: Sequence[ObjectDiff],
    *,
    settings: ChangeSettings,
    now: float,
    around: Surroundings | None = None,
) -> NewChange:
    """The same requests against what the cluster has now: `writes` and `diffs` are fresh. It waits for a decision of its own."""
    return NewChange(
        thread_id=change.thread_id,
        call_id=change.call_id,
        turn=change.turn,
        cluster=change.cluster,
        namespace=change.namespace,
        command=change.command,
        asked_by=change.asked_by,
        digest=digest.of(writes, cluster=change.cluster, asked_by=change.asked_by),
        writes=tuple(writes),
        diffs=tuple(diffs),
        impact=(*_kept(change), *lines(writes, diffs, around), *undo.cautions(writes, diffs)),
        created_at=now,
        expires_at=now + settings.lapse_seconds,
        refused=change.refused,  # the command was not run again
        supersedes=change.id,
        undoes=change.undoes,
    )


def _name_namespaces(writes: Sequence[RecordedWrite]) -> str:
    """Where it happens, which need not be where the thread's commands run that name no namespace; '' outside all of them."""
    found = list(dict.fromkeys(write.info.namespace for write in writes if write.info.namespace))
    return enumerate_some(found) if found else ""


def _suggested(read: Sequence[str], reads: Sequence[str]) -> list[str]:
    """Whoever decides must know that somebody else may have talked the model into it, or written a part of it."""
    named = list(dict.fromkeys([*reads, *read]))
    return [f"{SUGGESTED if read else READING}{enumerate_some(named)}: others may have written what it says there"] if named else []


def say_how_far(recording: Recording) -> list[str]:
    """A line for the card if a part of the command was not rehearsed."""
    return [f"{STOPPED}it was stopped, as it {recording.stopped.removeprefix('stopped: ')}"] if recording.stopped else []


def _kept(change: Change) -> list[str]:
    """What an undo leaves as it is does not change with the objects that it does take back, nor what the model had read, nor how far
    the command was rehearsed."""
    return [line for line in change.impact if line.startswith((undo.LEFT, SUGGESTED, READING, STOPPED))]
