"""Wake marks: written in the transaction of whatever gives a thread something to do, so that no crash separates the two."""

from __future__ import annotations

from sqlalchemy import case, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.tables import threads


async def mark_awake(connection: AsyncConnection, thread_id: str, at: float) -> None:
    """Marks in the caller's transaction that the thread has something to do at `at`. Every mark counts, also one that is not earlier."""
    soonest = case((threads.c.wake_at <= at, threads.c.wake_at), else_=at)
    await connection.execute(update(threads).where(threads.c.id == thread_id).values(wakes=threads.c.wakes + 1, wake_at=soonest))
