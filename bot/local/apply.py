"""Applies a rehearsed change on this machine: the change engine's own replay, with a ledger that lasts as long as the command."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bot.changes import propose, replay
from bot.changes.change import Change, State
from bot.changes.ports import AuditLine, ClusterApi
from bot.settings import ChangeSettings, StoreSettings
from bot.store.opening import open_store
from bot.threads.stores import Thread
from bot.values.execs import Executed, Output
from bot.values.requests import Recording
from bot.values.transcript import Proposed, ToolResult

_WHO = "local"
_THREAD = "local:local:0"


async def apply(recording: Recording, api: ClusterApi, *, cluster: str, namespace: str, command: str) -> Change:
    """Re-checks and sends the recorded writes, each at most once; the change as it is then."""
    settings = ChangeSettings(self_approval=True)
    with tempfile.TemporaryDirectory(prefix="rehearse-") as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'ledger.db'}"
        async with open_store(StoreSettings(url=url)) as store:
            stores = store.stores
            await stores.threads.open(Thread(_THREAD, _WHO, _WHO, "0", cluster, namespace, _WHO))
            new = propose.build(
                recording,
                thread_id=_THREAD,
                call_id="rehearse",
                turn=1,
                cluster=cluster,
                command=command,
                asked_by=_WHO,
                settings=settings,
                now=time.time(),
            )
            proposed = Proposed(1, "rehearse", 0, ToolResult("waiting", command))
            change = await stores.threads.propose(proposed, new, AuditLine("proposed", _WHO, _THREAD, {"digest": new.digest}))
            audit = AuditLine("approved", _WHO, _THREAD, {"change": change.id, "digest": change.digest})
            await stores.changes.move(change.id, [State.PROPOSED], State.APPROVED, audit, decided_by=_WHO, decided_at=time.time())
            return await replay.replay(change.id, api=api, changes=stores.changes, settings=settings, clock=time.time, keep=_keep_here)


async def _keep_here(position: int, done: Executed) -> Output:
    """Puts what an exec wrote, and is not text, into a new file of the folder that the command was called in."""
    what = f"its {len(done.data):,} bytes of output that are not text"
    try:
        with tempfile.NamedTemporaryFile(
            dir=".", prefix=f"exec-{position + 1}-", suffix=".tar" if done.is_archive else ".bin", delete=False
        ) as file:
            file.write(done.data)
    except OSError as exc:
        return replace(done.output, note=f"{what} could not be written here: {exc.strerror}")
    return replace(done.output, note=f"{what} are in {Path(file.name).name}")
