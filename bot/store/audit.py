"""The audit log: every line carries the hash of the one before it, so that a line cannot be altered, dropped or slipped in unseen."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.changes.ports import AuditLine
from bot.store import tables
from bot.store.database import Database
from bot.store.tables import clean
from bot.threads.ports import Clock

_PAGE = 1000


async def append_line(connection: AsyncConnection, line: AuditLine, now: float) -> None:
    """Writes the line in the caller's transaction. Other writers wait at the head's row until it is over."""
    head = tables.audit_head
    await connection.execute(update(head).values(seq=head.c.seq + 1))
    seq, previous = (await connection.execute(select(head.c.seq, head.c.hash))).one()
    fields = {
        "seq": seq,
        "at": datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds"),
        "action": clean(line.action),
        "actor": clean(line.actor),
        "thread_id": clean(line.thread_id),
        "facts": clean(_canonical(dict(line.facts))),
        "previous": previous,
    }
    digest = _hash(fields)
    await connection.execute(insert(tables.audit).values(**fields, hash=digest))
    await connection.execute(update(head).values(hash=digest))


class StoredAudit:
    """Implements `bot.threads.stores.Audit`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def write(self, line: AuditLine) -> None:
        await self._database.write(lambda connection: append_line(connection, line, self._clock()))

    async def verify(self) -> tuple[int, str]:
        return await self._database.read(_verify)


async def _verify(connection: AsyncConnection) -> tuple[int, str]:
    table = tables.audit
    seq, previous = 0, ""
    while True:
        page = (await connection.execute(select(table).where(table.c.seq > seq).order_by(table.c.seq).limit(_PAGE))).mappings().all()
        for row in page:
            fields = {name: row[name] for name in ("seq", "at", "action", "actor", "thread_id", "facts", "previous")}
            if row["seq"] != seq + 1:
                return seq, f"Line {seq + 1} of the audit log is missing."
            if row["previous"] != previous or row["hash"] != _hash(fields):
                return seq, f"Line {row['seq']} of the audit log was altered."
            seq, previous = row["seq"], row["hash"]
        if len(page) < _PAGE:
            break
    head = (await connection.execute(select(tables.audit_head))).one()
    if (head.seq, head.hash) != (seq, previous):
        return seq, f"The audit log ends at line {seq}, but {head.seq} lines were written."
    return seq, ""


def _hash(fields: dict[str, object]) -> str:
    return hashlib.sha256(_canonical(fields).encode()).hexdigest()


def _canonical(value: dict[str, object]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
