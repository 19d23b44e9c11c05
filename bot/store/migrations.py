"""Upgrades of a database that an older version made. Each step is one that the older version can live with: replicas may still run it."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_STEPS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE threads ADD COLUMN model TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE changes ADD COLUMN undoes {number}",
        "ALTER TABLE changes ADD COLUMN undone_by {number}",
        "ALTER TABLE changes ADD COLUMN reminded_at {double} NOT NULL DEFAULT 0",
        "ALTER TABLE sends ADD COLUMN output TEXT NOT NULL DEFAULT ''",
    ),
    2: ("ALTER TABLE changes ADD COLUMN refused TEXT NOT NULL DEFAULT '[]'",),
}
"""By the version that they start from, what leads to the next one. Tables that are missing are made afterwards."""


async def upgrade(connection: AsyncConnection, version: int, target: int) -> None:
    """Leads the tables from `version` to `target`, in the caller's transaction: all of it happens or nothing."""
    number, double = ("INTEGER", "DOUBLE") if connection.dialect.name == "sqlite" else ("BIGINT", "DOUBLE PRECISION")
    for step in range(version, target):
        for statement in _STEPS[step]:
            await connection.execute(text(statement.format(number=number, double=double)))
    await connection.execute(text("UPDATE schema_info SET version = :version"), {"version": target})
