"""Carries out an approved change: its recorded requests, in order, each at most once. `docs/decisions/0003-at-most-once-replay.md`.

Everything that counts is stored before the next thing happens, so `replay` can be called again at any moment, by any process, and
goes on where the last one stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bot.changes import bodies, digest, live, propose, recheck, uids
from bot.changes.calling import Calling
from bot.changes.change import Change, ObjectDiff, SendState, State
from bot.changes.executing import Executing
from bot.changes.impact.look import Look, see_nothing
from bot.changes.ledger import ACTOR, Ledger, line
from bot.changes.live import Refused
from bot.changes.ports import AuditLine, Changes, ClusterApi
from bot.changes.recheck import Moved
from bot.changes.sending import Call, Keep, Landed, Limits, Lost, Means, Sending, call_nothing, keep_nothing, patience
from bot.errors import ChangeError
from bot.settings import ChangeSettings
from bot.values.requests import RecordedWrite
from bot.values.tool_use import read_use


@dataclass(frozen=True, slots=True)
class Ended:
    """How the replay ended."""

    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A fresh change took the place of this one; nothing was sent."""


async def nothing_holds() -> str:
    """No freeze and no stop."""
    return ""


async def replay(
    change_id: int,
    *,
    api: ClusterApi,
    changes: Changes,
    settings: ChangeSettings,
    clock: Callable[[], float],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    held: Callable[[], Awaitable[str]] = nothing_holds,
    limits: Limits | None = None,
    look: Look = see_nothing,
    keep: Keep = keep_nothing,
    call: Call = call_nothing,
) -> Change:
    """Sends what is not sent yet of an approved change; the change as it is then. A change in any other state comes back as it is.

    `held` says why nothing more may be sent (a freeze, a stop), or ''; it is asked before each request.
    `keep` puts what an exec wrote, and is not text, where its asker can read it.
    `call` calls tools of MCP servers.
    `look` tells what is around the objects of a fresh change that takes this one's place.
    Raises UpstreamUnavailableError or StoreError when it cannot go on now: call it again later.
    """
    change = await _get(changes, change_id)
    if change.state is State.APPROVED:
        await _begin(change, changes, settings, clock(), await held())
        change = await _get(changes, change_id)
    if change.state is not State.REPLAYING:
        return change
    means = Means(api, clock, pause, held, limits or Limits(exec_seconds=settings.exec_seconds), keep, call)
    await _Replay(change, changes, settings, means, look).run()
    return await _get(changes, change_id)


async def _get(changes: Changes, change_id: int) -> Change:
    change = await changes.get(change_id)
    if change is None:
        raise ChangeError(f"There is no change {change_id}.")
    return change


async def _begin(change: Change, changes: Changes, settings: ChangeSettings, now: float, held: str) -> None:
    if held:
        # Whoever approved it did not deny it: nobody did, it was held back.
        await changes.move(change.id, [State.APPROVED], State.DENIED, line(change, "replay_held"), decided_by="", reason=held)
    elif now > change.decided_at + settings.lapse_seconds:
        reason = "It was approved, but could not be carried out in time."
        await changes.move(change.id, [State.APPROVED], State.EXPIRED, line(change, "replay_lapsed"), reason=reason)
    else:
        await changes.move(change.id, [State.APPROVED], State.REPLAYING, line(change, "replay_started", writes=len(change.writes)))


class _Replay:
    """One run over one change that is being replayed."""

    def __init__(self, change: Change, changes: Changes, settings: ChangeSettings, means: Means, look: Look) -> None:
        self._change = change
        self._changes = changes
        self._settings = settings
        self._means = means
        self._look = look
        self._ledger = Ledger(change, changes)
        self._diffs = list(change.diffs)

    async def run(self) -> None:
        end = await self._carry_out()
        if isinstance(end, Ended):
            audit = line(self._change, f"change_{end.state}", landed=self._ledger.landed)
            if end.state is State.DONE and self._change.undoes is not None:
                await self._complete_undo(self._change.undoes, end.reason, audit)
            else:
                await self._changes.move(self._change.id, [State.REPLAYING], end.state, audit, reason=end.reason)

    async def _complete_undo(self, original_id: int, reason: str, audit: AuditLine) -> None:
        undone = AuditLine("change_undone", ACTOR, self._change.thread_id, {"change": original_id, "by": self._change.id})
        await self._changes.complete_undo(self._change.id, original_id, reason, audit, undone)

    async def _carry_out(self) -> Ended | Succeeded:
        change = self._change
        if change.digest != digest.of(change.writes, cluster=change.cluster, asked_by=change.asked_by):
            return self._stop("The stored requests are not those that were approved; nothing more is sent.")
        if len(change.writes) > 1 and not self._ledger.has_begun:
            end = await self._check_all()
            if end is not None:
                return end
        for position in range(len(change.writes)):
            end = await self._carry_out_one(position)
            if end is not None:
                return end
        spared = [f"{self._diffs[send.position].title} {send.message}" for send in self._ledger.spared()]
        return Ended(State.DONE, f"{'; '.join(spared)}." if spared else "")

    async def _check_all(self) -> Ended | Succeeded | None:
        """Looks at every write that builds on no other before the first one is sent: a change should not stop half-way."""
        moved: dict[int, Moved] = {}
        for position, write in enumerate(self._change.writes):
            if write.depends_on:
                continue
            found = await recheck.check(self._means.api, write, self._diffs[position])
            if isinstance(found, Moved):
                moved[position] = found
            elif isinstance(found, Refused) and not found.is_conflict and not patience(write, found, self._means.limits):
                await self._ledger.record(position, SendState.REFUSED, status=found.status, message=found.message)
                return self._stop(self._words(position, found.message))
        return await self._supersede(moved) if moved else None

    async def _carry_out_one(self, position: int) -> Ended | Succeeded | None:
        """None if the next write may follow."""
        send = self._ledger.get(position)
        match send.state:
            case SendState.LANDED:
                return None
            case SendState.REFUSED:
                return self._stop(self._words(position, send.message))
            case SendState.UNKNOWN:
                return Ended(State.UNKNOWN, self._words(position, send.message))
        outcome = await self._way(*await self._with_real_uids(position), position).run()
        if isinstance(outcome, Landed):
            await self._name(position, outcome.name)
            return None
        if isinstance(outcome, Moved):
            if self._ledger.is_untouched:
                return await self._supersede({position: outcome})
            return self._stop(recheck.explain(self._diffs[position], outcome.diff))
        if isinstance(outcome, Refused):
            return self._stop(self._words(position, outcome.message))
        if isinstance(outcome, Lost):
            return Ended(State.UNKNOWN, self._words(position, outcome.words))
        return self._stop(outcome.why)

    async def _with_real_uids(self, position: int) -> tuple[RecordedWrite, ObjectDiff]:
        """The write and its approved difference, with the uids of what this change has made by now."""
        writes, approved = self._change.writes, self._diffs[position]
        write = writes[position]
        for earlier, made_up in uids.mentioned(writes, position):
            real = str(bodies.metadata(await live.read(self._means.api, writes[earlier])).get("uid") or "")
            write, approved = uids.settle(write, approved, made_up, real)
        return write, approved

    def _way(self, write: RecordedWrite, approved: ObjectDiff, position: int) -> Sending | Executing | Calling:
        use = read_use(write)
        if use is not None:
            return Calling(use, position, self._ledger, self._means)
        return (Sending if write.connect is None else Executing)(write, approved, position, self._ledger, self._means)

    async def _name(self, position: int, name: str) -> None:
        """Shows the name that the server made up for an object."""
        if name:
            self._diffs[position] = replace(self._diffs[position], name=name)
            await self._changes.note_outcome(self._change.id, tuple(self._diffs))

    async def _supersede(self, moved: dict[int, Moved]) -> Succeeded:
        writes, diffs = list(self._change.writes), list(self._diffs)
        for position, found in moved.items():
            writes[position], diffs[position] = found.write, found.diff
        for position, write in enumerate(writes):
            if write.depends_on:
                note = "Not looked at again: it builds on an earlier write of this change."
                diffs[position] = replace(diffs[position], notes=tuple(dict.fromkeys((*diffs[position].notes, note))))
        first = min(moved)
        reason = recheck.explain(self._diffs[first], moved[first].diff)
        around = await self._look(writes, diffs)
        successor = propose.renew(self._change, writes, diffs, settings=self._settings, now=self._means.clock(), around=around)
        await self._changes.supersede(self._change.id, [State.REPLAYING], successor, reason, line(self._change, "change_superseded"))
        return Succeeded()

    def _stop(self, reason: str) -> Ended:
        return Ended(State.FAILED if self._ledger.is_untouched else State.PARTIAL, reason)

    def _words(self, position: int, words: str) -> str:
        return f"{self._diffs[position].title}: {words}"
