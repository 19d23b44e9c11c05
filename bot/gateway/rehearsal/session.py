"""One rehearsal as the gateway holds it: who, through which door, what it wrote, when it is over."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import structlog

from bot.exec_rules import ExecRule
from bot.gateway.apiserver.upstream import Upstream
from bot.gateway.limits import Limits
from bot.gateway.rehearsal.overlay import Overlay
from bot.gateway.rehearsal.recorder import Recorder
from bot.gateway.rehearsal.waits import Waits
from bot.values.requests import Identity, Recording

log = structlog.get_logger()


@dataclass(slots=True)
class _Life:
    """What of a session is the same for everybody it acts as."""

    stopped: asyncio.Future[str]
    requests: int = 0
    answer_bytes: int = 0
    request_bytes: int = 0
    recording: Recording | None = None
    tasks: set[asyncio.Task[object]] = field(default_factory=set)


class Session:
    """Implements `Rehearsal`. Reads go upstream as `reader`, dry runs (and later the replay) as `writer`; None is the bot itself."""

    def __init__(
        self,
        upstream: Upstream,
        reader: Identity | None,
        writer: Identity | None,
        *,
        namespace: str,
        address: str,
        limits: Limits,
        may_impersonate: bool = False,
        exec_rules: Sequence[ExecRule] = (),
        log_lines: int = 0,
        is_quiet: bool = False,
    ) -> None:
        self.token = secrets.token_urlsafe(32)
        self.upstream = upstream
        self.redactor = upstream.redactor
        self.reader = reader
        self.writer = writer
        self.namespace = namespace
        self.limits = limits
        self.recorder = Recorder()
        self.overlay = Overlay()
        self.waits = Waits(limits, self.stop)
        self.write_lock = asyncio.Lock()
        self.bodies = asyncio.Semaphore(limits.bodies_at_once)
        """Held while a request body is in memory."""
        self.inputs = asyncio.Semaphore(limits.inputs_at_once)
        """Held while an exec is open."""
        self.kubeconfig = ""
        self.may_impersonate = may_impersonate
        self.exec_rules = exec_rules
        self.log_lines = log_lines
        """See `threads.ports.Cluster.rehearse`."""
        self.is_quiet = is_quiet
        """See `GatewayCluster.rehearse`."""
        self.unlooked: set[str] = set()
        """Paths of execs into pods in which `kubectl cp` could not look at its target."""
        self._address = address
        loop = asyncio.get_running_loop()
        self._life = _Life(loop.create_future())
        self._timer = loop.call_later(limits.seconds, self.stop, f"stopped: took longer than {limits.seconds:g} seconds")

    def acting_as(self, identity: Identity) -> Session:
        """The same session, whose requests go upstream as somebody else: one overlay, one recording, one life."""
        other = copy.copy(self)
        other.reader = other.writer = identity
        return other

    def remark(self, text: str) -> tuple[str, ...]:
        """A warning that nothing is applied yet, for clients to print."""
        return () if self.is_quiet else (text,)

    @property
    def is_over(self) -> bool:
        """Whether no further request may pass: it was ended, or stopped by the gateway."""
        return self._life.recording is not None or self._life.stopped.done()

    @property
    def stop_reason(self) -> str:
        return self._life.stopped.result() if self._life.stopped.done() else ""

    async def stopped(self) -> str:
        """Waits until the gateway ends the rehearsal by itself; the reason."""
        return await asyncio.shield(self._life.stopped)

    def stop(self, reason: str) -> None:
        """Ends the rehearsal from the gateway's side: the command would hang or run on for nothing."""
        if not self._life.stopped.done():
            log.info("rehearsal_stopped", writes=self.recorder.write_count)
            self._life.stopped.set_result(reason)

    def end(self) -> Recording:
        """Kills the token and every open stream; what was recorded. The same recording at every further call."""
        if self._life.recording is None:
            self._timer.cancel()
            self._life.recording = self.recorder.recording(self.stop_reason)
            for task in self._life.tasks:
                task.cancel()
        return self._life.recording

    async def redact(self, text: str) -> str:
        """See the port. In a thread of its own: a megabyte may take half a second, which the event loop does not have."""
        return await asyncio.to_thread(self.redactor.redact_text, text)

    def admits(self, address: str) -> bool:
        """Whether a client at this IP address may use the token."""
        if self._address:
            return hmac.compare_digest(address, self._address)
        return _is_loopback(address)

    def count_request(self) -> bool:
        """Counts one request; False (and the end of the rehearsal) if it is one too many, in all or at once."""
        self._life.requests += 1
        if self._life.requests > self.limits.requests:
            self.stop(f"stopped: made more than {self.limits.requests} requests")
            return False
        if len(self._life.tasks) >= self.limits.open_requests:
            self.stop(f"stopped: had more than {self.limits.open_requests} requests open at once")
            return False
        return True

    def count_sent(self, size: int) -> bool:
        """Counts what the client sent as a body or as input of an exec; False (and the end of the rehearsal) if it is too much in all."""
        self._life.request_bytes += size
        if self._life.request_bytes > self.limits.request_bytes:
            self.stop(f"stopped: sent more than {self.limits.request_bytes / 1e6:g} MB")
            return False
        return True

    @asynccontextmanager
    async def taking(self, room: asyncio.Semaphore, method: str, path: str) -> AsyncIterator[None]:
        """Takes a turn in `bodies` or `inputs`. A client that leaves before it counts as refused: see `Recorder.answering`."""
        with self.recorder.answering(method, path):
            await room.acquire()
        try:
            yield
        finally:
            room.release()

    def count_bytes(self, size: int) -> None:
        """Counts what was sent to the client."""
        self._life.answer_bytes += size
        if self._life.answer_bytes > self.limits.answer_bytes:
            self.stop(f"stopped: read more than {self.limits.answer_bytes // 1_000_000} MB from the cluster")

    def track(self, task: asyncio.Task[object]) -> None:
        """Keeps a request's task, to cancel it at the end."""
        self._life.tasks.add(task)
        task.add_done_callback(self._life.tasks.discard)


@lru_cache(maxsize=256)
def _is_loopback(address: str) -> bool:
    """Remembered, as every request asks for it."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def token_digest(token: str) -> bytes:
    """What tokens are looked up by, so that a lookup takes the same time for every wrong token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
