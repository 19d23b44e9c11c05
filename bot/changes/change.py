"""The change: what one rehearsal would do, waiting for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.values.execs import Output
from bot.values.requests import Json, RecordedWrite, RefusedRequest


class State(StrEnum):
    """`proposed → approved | denied | expired | superseded`, `approved → replaying | superseded | denied (by stop or freeze) | expired`
    (approved, but not carried out in time), `replaying → done | failed | partial | unknown | superseded`, `done → undone`."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REPLAYING = "replaying"
    DONE = "done"
    FAILED = "failed"
    PARTIAL = "partial"
    UNKNOWN = "unknown"
    UNDONE = "undone"


OPEN = frozenset({State.PROPOSED, State.APPROVED, State.REPLAYING})
"""States in which something is still going to happen. Everything else is final for the tool call that proposed it."""

UNDOABLE = (State.DONE, State.PARTIAL)
"""States in which something of the change is in the cluster for certain."""


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """One changed field. `path` is what a Kubernetes person reads: `spec.template.spec.containers[web].image`."""

    path: str
    old: Json
    new: Json
    op: str
    """`add`, `remove` or `replace`; `run` for what an exec consists of."""


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """What one recorded write does to one object."""

    action: str
    """`create`, `update`, `delete`, `deletecollection`, `evict`, …: the write in one word."""
    kind: str
    namespace: str
    name: str
    fields: tuple[FieldDiff, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences a person must read: no preview, what goes with a deletion, …"""
    uid: str = ""
    """The object's own uid; '' if it was not there yet or only in the rehearsal. Another object of the same name is another object."""

    @property
    def title(self) -> str:
        """`Deployment shop/web`"""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class SendState(StrEnum):
    """The ledger of one write within a replay. `sent` is stored before the request leaves."""

    PENDING = "pending"
    SENT = "sent"
    LANDED = "landed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Send:
    """What became of one recorded write. `precondition` is the resourceVersion (deletes: `uid/resourceVersion`; execs: the pod's uid)
    it was sent with."""

    position: int
    state: SendState
    precondition: str = ""
    status: int = 0
    message: str = ""
    output: Output | None = None
    """What an exec printed."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change as stored. Times are seconds since the epoch; 0.0 means not yet."""

    id: int
    thread_id: str
    call_id: str
    turn: int
    cluster: str
    namespace: str
    command: str
    asked_by: str
    state: State
    digest: str
    writes: tuple[RecordedWrite, ...]
    diffs: tuple[ObjectDiff, ...]
    impact: tuple[str, ...]
    created_at: float
    expires_at: float
    refused: tuple[RefusedRequest, ...] = ()
    """What its command asked for as well, and came to nothing: no part of the change, but whoever approves must know."""
    decided_by: str = ""
    decided_at: float = 0.0
    reason: str = ""
    """The decider's words, or why the change lapsed, failed or was superseded: one sentence."""
    sends: tuple[Send, ...] = ()
    rollout: str = ""
    """The rollout in words as it settles: `3/5 ready`, `5/5 ready after 12 s`."""
    rollout_settled: bool = False
    supersedes: int | None = None
    superseded_by: int | None = None
    undoes: int | None = None
    """The change that this one takes back when it is done."""
    undone_by: int | None = None
    """The change that took this one back."""
    reminded_at: float = 0.0
    """When its approvers were reminded that it lapses soon."""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_shown_only(self) -> bool:
        """Whether it had no time to be decided: nobody who may approve could ever see it where it was asked for. It lapses at once, and
        is there to show what its command would do."""
        return self.expires_at == self.created_at and self.state in (State.PROPOSED, State.EXPIRED)
