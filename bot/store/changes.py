"""Changes and the ledger of their replays. Every write to a change raises its version and wakes its thread: the card is stale then.

Rows are locked in one order everywhere: changes by number, then threads, then the audit log's head. So no two transactions wait
for each other (PostgreSQL; SQLite has one writer anyway).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.changes.change import UNDOABLE, Change, ObjectDiff, Send, SendState, State
from bot.changes.ports import AuditLine, NewChange
from bot.errors import StoreError
from bot.store import tables
from bot.store.audit import append_line
from bot.store.codec import (
    dump_diffs,
    dump_impact,
    dump_output,
    dump_refused,
    dump_writes,
    load_diffs,
    load_impact,
    load_output,
    load_refused,
    load_writes,
)
from bot.store.database import Database, count, insert
from bot.store.sealing import Seal
from bot.store.wakes import mark_awake
from bot.threads.ports import Clock
from bot.values.execs import Output
from bot.values.requests import RecordedWrite

_changes = tables.changes
_sends = tables.sends


class StoredChanges:
    """Implements `bot.changes.ports.Changes`."""

    def __init__(self, database: Database, seal: Seal, clock: Clock) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock

    async def get(self, change_id: int) -> Change | None:
        found = await self._load(_changes.c.id == change_id)
        return found[0] if found else None

    async def of_thread(self, thread_id: str) -> Sequence[Change]:
        return await self._load(_changes.c.thread_id == thread_id)

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
        given = {"decided_by": decided_by, "decided_at": decided_at, "reason": reason, "superseded_by": superseded_by}
        values = {name: value for name, value in given.items() if value is not None}

        async def work(connection: AsyncConnection) -> bool:
            if not await self._move(connection, change_id, source, state=target, **values):
                return False
            await append_line(connection, audit, self._clock())
            return True

        return await self._database.write(work)

    async def supersede(
        self, change_id: int, source: Sequence[State], successor: NewChange, reason: str, audit: AuditLine
    ) -> Change | None:
        async def work(connection: AsyncConnection) -> Change | None:
            if not await self._move(connection, change_id, source, state=State.SUPERSEDED, reason=reason):
                return None
            number = await insert_change(connection, self._seal, replace(successor, supersedes=change_id))
            await connection.execute(update(_changes).where(_changes.c.id == change_id).values(superseded_by=number))
            await append_line(connection, replace(audit, facts={**audit.facts, "successor": number}), self._clock())
            return (await load_changes(connection, self._seal, _changes.c.id == number))[0][0]

        return await self._database.write(work)

    async def complete_undo(self, change_id: int, original_id: int, reason: str, audit: AuditLine, original_audit: AuditLine) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            await lock_changes(connection, _changes.c.id.in_((change_id, original_id)))
            if not await self._move(connection, change_id, [State.REPLAYING], state=State.DONE, reason=reason):
                return False
            await append_line(connection, audit, self._clock())
            if await self._move(connection, original_id, UNDOABLE, state=State.UNDONE, undone_by=change_id):
                await append_line(connection, original_audit, self._clock())
            return True

        return await self._database.write(work)

    async def record_send(self, change_id: int, send: Send, audit: AuditLine) -> None:
        values = {
            "state": send.state,
            "precondition": send.precondition,
            "status": send.status,
            "message": send.message,
            "output": _seal_output(self._seal, change_id, send),
        }

        async def work(connection: AsyncConnection) -> None:
            await self._update(connection, change_id)
            new = insert(connection, _sends).values(change_id=change_id, position=send.position, **values)
            await connection.execute(new.on_conflict_do_update(index_elements=["change_id", "position"], set_=values))
            await append_line(connection, audit, self._clock())

        await self._database.write(work)

    async def remind(self, change_id: int, at: float) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            waiting = update(_changes).where(_changes.c.id == change_id, _changes.c.state == State.PROPOSED, _changes.c.reminded_at == 0)
            if await count(connection, waiting.values(reminded_at=at, version=_changes.c.version + 1)) != 1:
                return False
            await _wake(connection, change_id, self._clock())
            return True

        return await self._database.write(work)

    async def record_rollout(self, change_id: int, words: str, *, settled: bool) -> None:
        async def work(connection: AsyncConnection) -> None:
            watched = select(_changes.c.id).where(_changes.c.id == change_id, _changes.c.rollout_settled.is_(False)).with_for_update()
            if (await connection.execute(watched)).first():  # else another replica saw it settle before
                await self._update(connection, change_id, rollout=words, rollout_settled=settled)

        await self._database.write(work)

    async def note_outcome(self, change_id: int, diffs: tuple[ObjectDiff, ...]) -> None:
        await self._database.write(lambda connection: self._update(connection, change_id, diffs=dump_diffs(diffs)))

    async def _load(self, condition: ColumnElement[bool]) -> list[Change]:
        found = await self._database.read(lambda connection: load_changes(connection, self._seal, condition))
        return [change for change, _ in found]

    async def _move(self, connection: AsyncConnection, change_id: int, source: Sequence[State], **values: object) -> bool:
        return await move_change(connection, self._clock(), change_id, source, **values)

    async def _update(self, connection: AsyncConnection, change_id: int, **values: object) -> None:
        changed = update(_changes).where(_changes.c.id == change_id).values(**values, version=_changes.c.version + 1)
        if await count(connection, changed) != 1:
            raise StoreError(f"There is no change {change_id}.")
        await _wake(connection, change_id, self._clock())


async def lock_changes(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> None:
    """Before anything else of a transaction that writes to several changes, or to a change after it wrote to a thread."""
    await connection.execute(select(_changes.c.id).where(*conditions).order_by(_changes.c.id).with_for_update())


async def move_change(connection: AsyncConnection, now: float, change_id: int, source: Sequence[State], **values: object) -> bool:
    """The compare-and-set of a change's state, in the caller's transaction; whether it was in one of `source`."""
    moved = update(_changes).where(_changes.c.id == change_id, _changes.c.state.in_(source))
    if await count(connection, moved.values(**values, version=_changes.c.version + 1)) != 1:
        return False
    await _wake(connection, change_id, now)
    return True


async def _wake(connection: AsyncConnection, change_id: int, now: float) -> None:
    thread_id = (await connection.execute(select(_changes.c.thread_id).where(_changes.c.id == change_id))).scalar_one()
    await mark_awake(connection, thread_id, now)


async def insert_change(connection: AsyncConnection, seal: Seal, change: NewChange) -> int:
    """Stores the change as proposed, in the caller's transaction; its number."""
    row = {name: getattr(change, name) for name in NewChange.__dataclass_fields__}
    row |= {
        "state": State.PROPOSED,
        "writes": _seal_writes(seal, change.digest, change.writes),
        "diffs": dump_diffs(change.diffs),
        "impact": dump_impact(change.impact),
        "refused": dump_refused(change.refused),
    }
    number = (await connection.execute(insert(connection, _changes).values(row).returning(_changes.c.id))).scalar_one()
    return int(number)


async def load_changes(connection: AsyncConnection, seal: Seal, condition: ColumnElement[bool]) -> list[tuple[Change, int]]:
    """The changes that match, oldest first, each with its version."""
    rows = (await connection.execute(select(_changes).where(condition).order_by(_changes.c.id))).mappings().all()
    sends: defaultdict[int, list[Send]] = defaultdict(list)
    if rows:
        lines = select(_sends).where(_sends.c.change_id.in_([row["id"] for row in rows])).order_by(_sends.c.position)
        for line in await connection.execute(lines):
            output = _open_output(seal, line.change_id, line.position, line.output)
            send = Send(line.position, SendState(line.state), line.precondition, line.status, line.message, output)
            sends[line.change_id].append(send)
    return [(_load_change(row, seal, tuple(sends[row["id"]])), row["version"]) for row in rows]


def _load_change(row: RowMapping, seal: Seal, sends: tuple[Send, ...]) -> Change:
    fields = {name: row[name] for name in Change.__dataclass_fields__ if name in row}
    fields |= {
        "state": State(row["state"]),
        "writes": _open_writes(seal, row["digest"], row["writes"]),
        "diffs": load_diffs(row["diffs"]),
        "impact": load_impact(row["impact"]),
        "refused": load_refused(row["refused"]),
        "sends": sends,
    }
    return Change(**fields)


def _seal_writes(seal: Seal, digest: str, writes: tuple[RecordedWrite, ...]) -> str:
    """Sealed together with the digest, so that a sealed text cannot be moved to another change."""
    return seal.close(json.dumps([digest, dump_writes(tuple(_without_secrets(write) for write in writes))]))


def _open_writes(seal: Seal, digest: str, sealed: str) -> tuple[RecordedWrite, ...]:
    if not sealed:  # forgotten: the change came to its end long ago
        return ()
    sealed_for, writes = json.loads(seal.open(sealed))
    if sealed_for != digest:
        raise StoreError("A stored change does not match its digest: the database was altered; restore it from a backup.")
    return load_writes(writes)


def _seal_output(seal: Seal, change_id: int, send: Send) -> str:
    """Sealed together with its place, as the writes are with their digest."""
    return seal.close(json.dumps([change_id, send.position, dump_output(send.output)])) if send.output is not None else ""


def _open_output(seal: Seal, change_id: int, position: int, sealed: str) -> Output | None:
    if not sealed:
        return None
    *place, output = json.loads(seal.open(sealed))
    if place != [change_id, position]:
        raise StoreError("A stored output does not belong to its change: the database was altered; restore it from a backup.")
    return load_output(output)


def _without_secrets(write: RecordedWrite) -> RecordedWrite:
    if write.info.group == "" and write.info.resource == "secrets":
        return replace(write, before=None, after=None)
    return write
