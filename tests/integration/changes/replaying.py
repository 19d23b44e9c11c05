"""From a recording to an approved change, and to its replay."""

from __future__ import annotations

import time
from dataclasses import replace

from bot.changes import propose
from bot.changes.change import Change
from bot.changes.replay import replay
from bot.changes.sending import Limits
from bot.settings import ChangeSettings
from bot.values.requests import RecordedWrite, Recording
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges

THREAD = "T1:C1:1"
"""The thread of the lab's rehearsals: marks of hidden values are equal within it."""
RULES = ChangeSettings(approvers=("U2",))
QUICK = Limits(busy_seconds=5.0, settle_seconds=10.0, pause_seconds=0.5)


def approve_recording(changes: MemoryChanges, recording: Recording, command: str) -> Change:
    """The change that was recorded, proposed and approved."""
    shown = propose.build(
        recording,
        thread_id=THREAD,
        call_id="call-1",
        turn=1,
        cluster="cluster",
        command=command,
        asked_by="U1",
        settings=RULES,
        now=time.time(),
    )
    change = changes.add(replace(shown, writes=tuple(_as_kept(write) for write in recording.writes)))
    changes.approve(change.id, time.time())
    return change


def _as_kept(write: RecordedWrite) -> RecordedWrite:
    """As the store gives it back: of Secrets neither before nor after is kept."""
    return replace(write, before=None, after=None) if write.info.qualified == "secrets" else write


async def approve(lab: Lab, changes: MemoryChanges, command: str, namespace: str = "shop") -> Change:
    """Rehearses a command line, and approves what it would do."""
    ran = await lab.rehearse(command, namespace=namespace)
    assert ran.recording.writes, f"{command}: {ran.out} {ran.err}"
    return approve_recording(changes, ran.recording, command)


async def carry_out(lab: Lab, changes: MemoryChanges, change: Change) -> Change:
    """Replays an approved change."""
    return await replay(change.id, api=lab.cluster.api_for(THREAD), changes=changes, settings=RULES, clock=time.time, limits=QUICK)
