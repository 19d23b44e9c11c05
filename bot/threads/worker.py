"""The worker: finds threads with something to do and works on several at once, one session per thread. Rollouts are watched beside."""

from __future__ import annotations

import asyncio
import time
import uuid

import structlog

from bot.agent import loop
from bot.errors import BotError, StoreError
from bot.threads import rollouts
from bot.threads.projector import Projector
from bot.threads.session import LEASE_SECONDS, Session
from bot.threads.signals import Attention, wait_for
from bot.threads.steps import closing
from bot.threads.steps.work import Work, cancel, load_rows
from bot.threads.world import World

log = structlog.get_logger()

POLL_SECONDS = 1.0
_SESSIONS = 32
_DUE = 200
_LONGEST_BACKOFF_SECONDS = 60.0
_GIVE_UP_AFTER = 4
"""Failures in a row of a thread before its turn is ended with an apology."""


class Worker:
    """Reconciles threads until cancelled. Any number of processes may run one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._name = f"worker-{uuid.uuid4().hex[:12]}"
        self._sessions: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    @property
    def active(self) -> int:
        """How many threads it works on now."""
        return len(self._sessions)

    async def run(self) -> None:
        """Never returns; on cancellation the sessions are cancelled and their leases given back."""
        watching = asyncio.create_task(rollouts.watch(self._world), name="rollouts")
        try:
            while True:
                try:
                    await self._start_due()
                except StoreError:
                    log.exception("due_threads_unread")
                await wait_for(self._world.signals.threads, POLL_SECONDS)
        finally:
            await cancel(watching)
            for task in self._sessions.values():
                task.cancel()
            await asyncio.gather(*self._sessions.values(), return_exceptions=True)

    async def _start_due(self) -> None:
        now = time.monotonic()
        for thread_id in await self._world.stores.threads.due(self._world.clock(), _DUE):
            if len(self._sessions) >= _SESSIONS:
                return
            if thread_id in self._sessions or self._not_before.get(thread_id, 0.0) > now:
                continue
            if await self._world.stores.threads.lease(thread_id, self._name, LEASE_SECONDS):
                self._sessions[thread_id] = asyncio.create_task(self._work_on(thread_id), name=f"thread {thread_id}")

    async def _work_on(self, thread_id: str) -> None:
        try:
            await Session(self._world, thread_id, self._name).run()
        except Exception as exc:
            await self._note_failure(thread_id, exc)
        else:
            self._failures.pop(thread_id, None)
            self._not_before.pop(thread_id, None)
        finally:
            try:
                # Shielded: on shutdown the lease is given back, so that the next process need not wait for its end.
                await asyncio.shield(self._release(thread_id))
            finally:
                del self._sessions[thread_id]  # only now: until then nobody could begin with it
                self._world.signals.threads.set()

    async def _release(self, thread_id: str) -> None:
        try:
            await self._world.stores.threads.release(thread_id, self._name)
        except StoreError:
            log.warning("lease_not_released", thread=thread_id)

    async def _note_failure(self, thread_id: str, error: Exception) -> None:
        """The wake mark stays, so the thread is tried again; a turn that fails again and again is ended."""
        failures = self._failures.get(thread_id, 0) + 1
        self._failures[thread_id] = failures
        self._not_before[thread_id] = time.monotonic() + min(2.0 ** (failures - 1), _LONGEST_BACKOFF_SECONDS) * self._world.pace
        log.exception("thread_failed", thread=thread_id, failures=failures, exc_info=error)
        if failures < _GIVE_UP_AFTER or isinstance(error, StoreError):
            return
        why = str(error) if isinstance(error, BotError) else "Something went wrong inside kubectl-ai; its log has the details."
        try:
            await give_up(self._world, thread_id, why)
        except StoreError:
            log.exception("turn_not_given_up", thread=thread_id)


async def give_up(world: World, thread_id: str, why: str) -> None:
    """Ends the thread's turn, if it has one, with the reason."""
    rows = await load_rows(world, thread_id)
    turn = loop.active_turn(rows.entries) if rows else None
    if rows is not None and turn is not None:
        attention = Attention()
        projector = Projector(world, thread_id, attention.poked)
        await closing.give_up(Work(world, rows, attention, projector), turn, why)
