"""Threads: leases, wake marks, transcripts, and what is still to be shown.

Every write to a thread's transcript first touches the thread's row, so that writers of one thread queue on it (PostgreSQL;
SQLite has one writer anyway) and numbers of turns and entries have no gaps and no doubles.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Update

from bot.changes.change import OPEN, UNDOABLE, Change, State
from bot.changes.ports import AuditLine, NewChange
from bot.errors import StoreError
from bot.store import tables
from bot.store.audit import append_line
from bot.store.changes import insert_change, load_changes, lock_changes, move_change
from bot.store.codec import dump_entry, load_entry
from bot.store.database import Database, count, insert
from bot.store.sealing import Seal
from bot.store.wakes import mark_awake
from bot.threads.ports import Clock
from bot.threads.stores import Notice, Thread, Undrawn
from bot.values.transcript import Answered, Asked, Ended, Entry, Happened, Proposed

_threads = tables.threads
_entries = tables.entries
_notices = tables.notices
_TRANSCRIPTS = 64
"""Transcripts that are kept in memory: those of the threads that are worked on."""
_TRANSCRIPT_CHARS = 200_000_000
"""Command output in them; beyond that, those that were used least lately are read again when they are needed."""
_COLUMNS = tuple(_threads.c[name] for name in Thread.__dataclass_fields__)


class StoredThreads:
    """Implements `bot.threads.stores.Threads`."""

    def __init__(self, database: Database, seal: Seal, clock: Clock) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._read: OrderedDict[str, tuple[Entry, ...]] = OrderedDict()
        """Transcripts as far as they were read: entries never change, so only new ones are read again."""
        self._sizes: dict[str, int] = {}

    async def open(self, thread: Thread) -> Thread:
        now = self._clock()
        row = {name: getattr(thread, name) for name in Thread.__dataclass_fields__}
        row |= {"last_turn": 0, "wake_at": None, "lease_holder": "", "lease_until": 0.0, "active_at": now}

        async def work(connection: AsyncConnection) -> Thread:
            await connection.execute(insert(connection, _threads).values(row).on_conflict_do_nothing(index_elements=["id"]))
            return await _load(connection, thread.id)

        return await self._database.write(work)

    async def get(self, thread_id: str) -> Thread | None:
        async def work(connection: AsyncConnection) -> Thread | None:
            row = (await connection.execute(select(*_COLUMNS).where(_threads.c.id == thread_id))).mappings().first()
            return Thread(**row) if row else None

        return await self._database.read(work)

    async def of_channel(self, team_id: str, channel_id: str, limit: int) -> Sequence[Thread]:
        theirs = and_(_threads.c.team_id == team_id, _threads.c.channel_id == channel_id)
        query = select(*_COLUMNS).where(theirs).order_by(_threads.c.active_at.desc(), _threads.c.thread_ts.desc()).limit(limit)

        async def work(connection: AsyncConnection) -> Sequence[Thread]:
            return [Thread(**row) for row in (await connection.execute(query)).mappings()]

        return await self._database.read(work)

    async def lease(self, thread_id: str, worker: str, seconds: float) -> bool:
        now = self._clock()
        free = or_(_threads.c.lease_holder.in_(("", worker)), _threads.c.lease_until <= now)
        taken = _of(thread_id, free).values(lease_holder=worker, lease_until=now + seconds)
        return await self._count(taken) == 1

    async def release(self, thread_id: str, worker: str) -> None:
        await self._count(_of(thread_id, _threads.c.lease_holder == worker).values(lease_holder="", lease_until=0.0))

    async def wake(self, thread_id: str, at: float) -> None:
        await self._database.write(lambda connection: mark_awake(connection, thread_id, at))

    async def due(self, now: float, limit: int = 50) -> Sequence[str]:
        free = or_(_threads.c.lease_holder == "", _threads.c.lease_until <= now)
        query = select(_threads.c.id).where(_threads.c.wake_at <= now, free).order_by(_threads.c.wake_at).limit(limit)

        async def work(connection: AsyncConnection) -> Sequence[str]:
            return (await connection.execute(query)).scalars().all()

        return await self._database.read(work)

    async def settle(self, thread_id: str, worker: str, next_wake: float | None, *, seen: int) -> bool:
        mine = and_(_threads.c.lease_holder == worker, _threads.c.wakes == seen)
        return await self._count(_of(thread_id, mine).values(wake_at=next_wake)) == 1

    async def transcript(self, thread_id: str) -> Sequence[Entry]:
        known = self._read.get(thread_id, ())
        # Numbers of entries have no gaps (writers of one thread queue), so the count of what is known is its last number.
        newer = and_(_entries.c.thread_id == thread_id, _entries.c.seq > len(known))
        query = select(_entries.c.kind, _entries.c.data).where(newer).order_by(_entries.c.seq)

        async def work(connection: AsyncConnection) -> list[Entry]:
            return [load_entry(row.kind, row.data) for row in await connection.execute(query)]

        fresh = await self._database.read(work)
        entries = (*known, *fresh)
        self._read[thread_id] = max(entries, self._read.get(thread_id, ()), key=len)
        self._read.move_to_end(thread_id)
        self._sizes[thread_id] = self._sizes.get(thread_id, 0) + sum(map(_size, fresh))
        while len(self._read) > _TRANSCRIPTS or (len(self._read) > 1 and sum(self._sizes.values()) > _TRANSCRIPT_CHARS):
            forgotten, _ = self._read.popitem(last=False)
            self._sizes.pop(forgotten, None)
        return list(entries)

    async def begin_turn(self, thread_id: str, first: Asked | Happened, *, key: str) -> int | None:
        async def work(connection: AsyncConnection) -> int | None:
            await self._touch(connection, thread_id)
            if await _has_key(connection, thread_id, key):
                return None
            turn = 1 + int((await connection.execute(select(_threads.c.last_turn).where(_threads.c.id == thread_id))).scalar_one())
            await connection.execute(_of(thread_id).values(last_turn=turn))
            await self._add(connection, thread_id, [replace(first, turn=turn)], key)
            await mark_awake(connection, thread_id, self._clock())
            return turn

        return await self._database.write(work)

    async def append(self, thread_id: str, entries: Sequence[Entry], *, key: str = "", audit: AuditLine | None = None) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            await self._touch(connection, thread_id)
            if await _has_key(connection, thread_id, key, *(_natural_key(entry) for entry in entries)):
                return False
            await self._add(connection, thread_id, entries, key)
            if audit:
                await append_line(connection, audit, self._clock())
            return True

        return await self._database.write(work)

    async def propose(
        self, proposed: Proposed, change: NewChange, audit: AuditLine, *, superseding: AuditLine | None = None, reason: str = ""
    ) -> Change:
        thread_id, now = change.thread_id, self._clock()

        async def supersede(connection: AsyncConnection, old: int, number: int) -> None:
            values = {"state": State.SUPERSEDED, "superseded_by": number, "reason": reason}
            if not await move_change(connection, now, old, [State.PROPOSED], **values):
                await connection.execute(update(tables.changes).where(tables.changes.c.id == number).values(supersedes=None))
            elif superseding:
                await append_line(connection, replace(superseding, facts={**superseding.facts, "by": number}), now)

        async def work(connection: AsyncConnection) -> Change:
            if change.supersedes is not None:
                await lock_changes(connection, tables.changes.c.id == change.supersedes)
            await self._touch(connection, thread_id)
            if not await _has_key(connection, thread_id, _natural_key(proposed)):
                number = await insert_change(connection, self._seal, change)
                await self._add(connection, thread_id, [replace(proposed, change_id=number)])
                await append_line(connection, replace(audit, facts={**audit.facts, "change": number}), now)
                if change.supersedes is not None:
                    await supersede(connection, change.supersedes, number)
            first = and_(tables.changes.c.thread_id == thread_id, tables.changes.c.turn == proposed.turn)
            stored = await load_changes(connection, self._seal, and_(first, tables.changes.c.call_id == proposed.call_id))
            return stored[-1][0]

        return await self._database.write(work)

    async def update(
        self,
        thread_id: str,
        *,
        sandbox_pod: str | None = None,
        holds_sandbox: bool | None = None,
        drawn_turn: int | None = None,
        model: str | None = None,
    ) -> None:
        given = {"sandbox_pod": sandbox_pod, "holds_sandbox": holds_sandbox, "drawn_turn": drawn_turn, "model": model}
        await self._count(_of(thread_id).values({name: value for name, value in given.items() if value is not None}))

    async def request_stop(self, thread_id: str, user_id: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_of(thread_id).values(stop_requested_by=user_id, stop_turn=_threads.c.last_turn))
            await mark_awake(connection, thread_id, self._clock())

        await self._database.write(work)

    async def idle_since(self, before: float) -> Sequence[Thread]:
        query = select(*_COLUMNS).where(_threads.c.holds_sandbox.is_(True), _threads.c.active_at < before)

        async def work(connection: AsyncConnection) -> list[Thread]:
            return [Thread(**row) for row in (await connection.execute(query)).mappings()]

        return await self._database.read(work)

    async def notify(self, thread_id: str, notice: Notice) -> None:
        row = {"thread_id": thread_id, "key": notice.key, "text": notice.text, "drawn": False, "at": self._clock()}

        async def work(connection: AsyncConnection) -> None:
            new = insert(connection, _notices).values(row).on_conflict_do_nothing(index_elements=["thread_id", "key"])
            if await count(connection, new):
                await mark_awake(connection, thread_id, self._clock())

        await self._database.write(work)

    async def undrawn(self, thread_id: str) -> Undrawn:
        told = select(_notices.c.key, _notices.c.text).where(_notices.c.thread_id == thread_id, _notices.c.drawn.is_(False))

        async def work(connection: AsyncConnection) -> Undrawn:
            stale = and_(tables.changes.c.thread_id == thread_id, tables.changes.c.drawn < tables.changes.c.version)
            changes = await load_changes(connection, self._seal, stale)
            notices = [Notice(row.key, row.text) for row in await connection.execute(told.order_by(_notices.c.at))]
            return Undrawn(tuple(changes), tuple(notices))

        return await self._database.read(work)

    async def drew_change(self, change_id: int, version: int) -> None:
        table = tables.changes
        drawn = update(table).where(table.c.id == change_id, table.c.drawn < version).values(drawn=version)
        await self._count(drawn)

    async def drew_notice(self, thread_id: str, key: str) -> None:
        await self._count(update(_notices).where(_notices.c.thread_id == thread_id, _notices.c.key == key).values(drawn=True))

    async def forget_requests(self, before: float, undo_before: float) -> int:
        table = tables.changes
        over = and_(table.c.state.not_in(OPEN), table.c.created_at < before, table.c.decided_at < before)
        kept = and_(table.c.state.in_(UNDOABLE), or_(table.c.rollout_settled.is_(False), table.c.decided_at >= undo_before))
        old = and_(over, ~kept, table.c.writes != "")

        async def work(connection: AsyncConnection) -> int:
            await lock_changes(connection, old)
            gone = select(table.c.id).where(old)
            await connection.execute(update(tables.sends).where(tables.sends.c.change_id.in_(gone)).values(output=""))
            # Their cards are stale then: what can no longer be undone has no button for it any more.
            emptied = update(table).where(old).values(writes="", version=table.c.version + 1)
            return await self._redraw(connection, emptied)

        return await self._database.write(work)

    async def end_undos(self, after: float, until: float) -> int:
        table = tables.changes
        over = and_(table.c.state.in_(UNDOABLE), table.c.decided_at > after, table.c.decided_at <= until)

        async def work(connection: AsyncConnection) -> int:
            await lock_changes(connection, over)
            return await self._redraw(connection, update(table).where(over).values(version=table.c.version + 1))

        return await self._database.write(work)

    async def _redraw(self, connection: AsyncConnection, newer: Update) -> int:
        """Wakes the threads whose changes an update makes newer than their cards; how many changes there are."""
        moved = (await connection.execute(newer.returning(tables.changes.c.thread_id))).scalars().all()
        for thread_id in sorted(set(moved)):
            await mark_awake(connection, thread_id, self._clock())
        return len(moved)

    async def watched(self) -> Sequence[Change]:
        table = tables.changes
        replayed = and_(table.c.state.in_(UNDOABLE), table.c.rollout_settled.is_(False))

        async def work(connection: AsyncConnection) -> list[Change]:
            return [change for change, _ in await load_changes(connection, self._seal, replayed)]

        return await self._database.read(work)

    async def recent(self, owner: str, limit: int) -> Sequence[tuple[str, float]]:
        query = select(_threads.c.id, _threads.c.active_at).where(_threads.c.owner == owner)

        async def work(connection: AsyncConnection) -> list[tuple[str, float]]:
            rows = await connection.execute(query.order_by(_threads.c.active_at.desc()).limit(limit))
            return [(row.id, row.active_at) for row in rows]

        return await self._database.read(work)

    async def open_changes(self, limit: int) -> Sequence[Change]:
        return await self._newest(tables.changes.c.state.in_(OPEN), limit)

    async def changes_of(self, user_id: str, limit: int) -> Sequence[Change]:
        return await self._newest(or_(tables.changes.c.asked_by == user_id, tables.changes.c.decided_by == user_id), limit)

    async def _newest(self, condition: ColumnElement[bool], limit: int) -> list[Change]:
        newest = select(tables.changes.c.id).where(condition).order_by(tables.changes.c.id.desc()).limit(limit)

        async def work(connection: AsyncConnection) -> list[Change]:
            return [change for change, _ in await load_changes(connection, self._seal, tables.changes.c.id.in_(newest))][::-1]

        return await self._database.read(work)

    async def _touch(self, connection: AsyncConnection, thread_id: str) -> None:
        if await count(connection, _of(thread_id).values(active_at=self._clock())) == 0:
            raise StoreError(f"There is no thread {thread_id}; open it before it is written to.")

    async def _add(self, connection: AsyncConnection, thread_id: str, entries: Sequence[Entry], key: str = "") -> None:
        last = select(func.coalesce(func.max(_entries.c.seq), 0)).where(_entries.c.thread_id == thread_id)
        seq = int((await connection.execute(last)).scalar_one())
        now = self._clock()
        for number, entry in enumerate(entries, start=seq + 1):
            kind, data = dump_entry(entry)
            own = _natural_key(entry)
            row = {"thread_id": thread_id, "seq": number, "turn": entry.turn, "kind": kind, "data": data, "at": now}
            await connection.execute(insert(connection, _entries).values(row | {"key": own or key or None}))
            key = key if own else ""

    async def _count(self, statement: Update) -> int:
        return await self._database.write(lambda connection: count(connection, statement))


async def _load(connection: AsyncConnection, thread_id: str) -> Thread:
    return Thread(**(await connection.execute(select(*_COLUMNS).where(_threads.c.id == thread_id))).mappings().one())


async def _has_key(connection: AsyncConnection, thread_id: str, *keys: str) -> bool:
    used = [key for key in keys if key]
    query = select(_entries.c.seq).where(_entries.c.thread_id == thread_id, _entries.c.key.in_(used))
    return (await connection.execute(query)).first() is not None


def _natural_key(entry: Entry) -> str:
    """What there can be only once in a thread, whoever writes it."""
    match entry:
        case Proposed():
            return f"proposed:{entry.turn}:{entry.call_id}"
        case Answered():
            return f"answered:{entry.turn}:{entry.call_id}"
        case Ended():
            return f"ended:{entry.turn}"
        case _:
            return ""


def _size(entry: Entry) -> int:
    return len(entry.result.stdout) + len(entry.result.stderr) if isinstance(entry, Answered | Proposed) else 0


def _of(thread_id: str, *conditions: ColumnElement[bool]) -> Update:
    return update(_threads).where(_threads.c.id == thread_id, *conditions)
