"""What a change needs from the world: an API server to send to, and a ledger that survives a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.changes.change import Change, ObjectDiff, Send, State
from bot.values.execs import Executed
from bot.values.requests import ApiRequest, ApiResponse, Identity, RecordedWrite, RefusedRequest


class ClusterApi(Protocol):
    """One cluster's API server. An answer of any status is a value; no answer raises `UpstreamUnavailableError`."""

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        """Sends one request as `identity`. With `dry_run` nothing persists, whatever the request is (query and DeleteOptions body).
        Secrets' values in the answer are redaction markers, stable per value with the marks of the cluster's rehearsals."""
        ...

    async def execute(
        self, request: ApiRequest, identity: Identity | None, *, seconds: float, most_bytes: int, kept_bytes: int
    ) -> Executed:
        """Runs a recorded exec for real as `identity`; `request.body` is its stdin. It is cut off after `seconds`, or when it printed
        more than `most_bytes`; of text, head and tail within `kept_bytes` are kept. What comes back is redacted.
        Raises UpstreamUnavailableError only if nothing was sent."""
        ...


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change before it has a number."""

    thread_id: str
    call_id: str
    turn: int
    cluster: str
    namespace: str
    command: str
    asked_by: str
    digest: str
    writes: tuple[RecordedWrite, ...]
    diffs: tuple[ObjectDiff, ...]
    impact: tuple[str, ...]
    created_at: float
    expires_at: float
    refused: tuple[RefusedRequest, ...] = ()
    supersedes: int | None = None
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line of the audit log, written in the same transaction as what it tells. `facts` holds JSON scalars and lists only:
    ids, digests, names, never bodies."""

    action: str
    actor: str
    thread_id: str
    facts: Mapping[str, object]


class Changes(Protocol):
    """The store of changes. Every method is one transaction; the audit line is part of it: no audit, no change."""

    async def get(self, change_id: int) -> Change | None: ...

    async def of_thread(self, thread_id: str) -> Sequence[Change]:
        """All changes of the thread, oldest first."""
        ...

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
        """Compare-and-set of the state. False if the change was in none of `source`: nothing was written then."""
        ...

    async def supersede(
        self, change_id: int, source: Sequence[State], successor: NewChange, reason: str, audit: AuditLine
    ) -> Change | None:
        """Moves `change_id` to SUPERSEDED and stores its successor, which takes over the proposing call, at once.
        None if the compare failed: nothing was written then."""
        ...

    async def complete_undo(self, change_id: int, original_id: int, reason: str, audit: AuditLine, original_audit: AuditLine) -> bool:
        """Moves an undo from REPLAYING to DONE and what it takes back from DONE or PARTIAL to UNDONE, at once.
        False if the undo was not being replayed: nothing was written then."""
        ...

    async def remind(self, change_id: int, at: float) -> bool:
        """Notes that its approvers are reminded (epoch seconds), once; False if they were before, or it is decided."""
        ...

    async def record_send(self, change_id: int, send: Send, audit: AuditLine) -> None:
        """Writes the ledger line of one write (insert or replace by position)."""
        ...

    async def record_rollout(self, change_id: int, words: str, *, settled: bool) -> None: ...

    async def note_outcome(self, change_id: int, diffs: tuple[ObjectDiff, ...]) -> None:
        """Replaces the shown diff of a change that is being replayed by what was re-checked (same fields, fresh numbers)."""
        ...
