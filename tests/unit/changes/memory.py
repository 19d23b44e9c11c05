"""The store of changes in memory: every method is one step that happens whole or not at all, with its audit line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.changes.change import UNDOABLE, Change, ObjectDiff, Send, State
from bot.changes.ports import AuditLine, NewChange


class MemoryChanges:
    """Implements `Changes`. `history` holds every state a change was in."""

    def __init__(self) -> None:
        self.rows: dict[int, Change] = {}
        self.lines: list[AuditLine] = []
        self.history: list[tuple[int, State]] = []
        self.rollouts: list[tuple[int, str, bool]] = []

    def add(self, new: NewChange) -> Change:
        number = len(self.rows) + 1
        fields = {name: getattr(new, name) for name in NewChange.__dataclass_fields__}
        self.rows[number] = Change(id=number, state=State.PROPOSED, **fields)
        return self.rows[number]

    def approve(self, change_id: int, now: float) -> None:
        self.rows[change_id] = replace(self.rows[change_id], state=State.APPROVED, decided_by="U2", decided_at=now)

    async def get(self, change_id: int) -> Change | None:
        return self.rows.get(change_id)

    async def of_thread(self, thread_id: str) -> Sequence[Change]:
        return [change for change in self.rows.values() if change.thread_id == thread_id]

    async def move(
        self,
        change_id: int,
        source: Sequence[State],
        target: State,
        audit: AuditLine,
        *,
        decided_by: str | None = None,
        decided_at: float | None = None,
        reason: str | None = None,
        superseded_by: int | None = None,
    ) -> bool:
        change = self.rows[change_id]
        if change.state not in source:
            return False
        self.rows[change_id] = replace(change, state=target, reason=change.reason if reason is None else reason)
        self.history.append((change_id, target))
        self.lines.append(audit)
        return True

    async def supersede(
        self, change_id: int, source: Sequence[State], successor: NewChange, reason: str, audit: AuditLine
    ) -> Change | None:
        if self.rows[change_id].state not in source:
            return None
        fresh = self.add(successor)
        self.rows[change_id] = replace(self.rows[change_id], state=State.SUPERSEDED, reason=reason, superseded_by=fresh.id)
        self.history.append((change_id, State.SUPERSEDED))
        self.lines.append(audit)
        return fresh

    async def remind(self, change_id: int, at: float) -> bool:
        change = self.rows[change_id]
        if change.state is not State.PROPOSED or change.reminded_at:
            return False
        self.rows[change_id] = replace(change, reminded_at=at)
        return True

    async def complete_undo(self, change_id: int, original_id: int, reason: str, audit: AuditLine, original_audit: AuditLine) -> bool:
        if not await self.move(change_id, [State.REPLAYING], State.DONE, audit, reason=reason):
            return False
        if await self.move(original_id, UNDOABLE, State.UNDONE, original_audit):
            self.rows[original_id] = replace(self.rows[original_id], undone_by=change_id)
        return True

    async def record_send(self, change_id: int, send: Send, audit: AuditLine) -> None:
        change = self.rows[change_id]
        others = [s for s in change.sends if s.position != send.position]
        self.rows[change_id] = replace(change, sends=tuple(sorted([*others, send], key=lambda s: s.position)))
        self.lines.append(audit)

    async def record_rollout(self, change_id: int, words: str, *, settled: bool) -> None:
        self.rollouts.append((change_id, words, settled))
        self.rows[change_id] = replace(self.rows[change_id], rollout=words, rollout_settled=settled)

    async def note_outcome(self, change_id: int, diffs: tuple[ObjectDiff, ...]) -> None:
        self.rows[change_id] = replace(self.rows[change_id], diffs=diffs)
