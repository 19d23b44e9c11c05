"""What threads keep, and the faces of the store that keeps it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.agent.budgets import Spent
from bot.changes.change import Change
from bot.changes.freeze import Freeze
from bot.changes.ports import AuditLine, Changes, NewChange
from bot.threads.inbound.incoming import Incoming
from bot.values.transcript import Asked, Entry, Happened, Proposed


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread as stored. `root_ts` is the message it hangs under (equal to the key's thread_ts)."""

    id: str
    team_id: str
    channel_id: str
    thread_ts: str
    cluster: str
    namespace: str
    owner: str
    model: str = ""
    """Name of the model that a person chose for it; '' is the usual one."""
    sandbox_pod: str = ""
    """The pod of the sandbox in use (`Sandbox.identity`); a different one later means that files were lost."""
    holds_sandbox: bool = False
    """Whether that sandbox is still claimed; False once the reaper released it."""
    stop_requested_by: str = ""
    stop_turn: int = 0
    """The last turn there was when the stop was requested: later turns are not meant by it."""
    drawn_turn: int = 0
    """Turns up to this one are over and completely shown."""
    wakes: int = 0
    """How often the thread was woken so far: who settles it names the number seen, so that no wake is lost."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence the thread is told once."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Undrawn:
    """What the thread does not show as it is: changes with the version that was read, and notices."""

    changes: tuple[tuple[Change, int], ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A stored incoming event, leased to the one who handles it."""

    id: int
    key: str
    incoming: Incoming
    attempts: int
    error: str = ""
    """Why it came back, if an earlier attempt failed (and did not just die)."""


class Inbox(Protocol):
    """Events, stored before they are acknowledged, each key once."""

    async def put(self, key: str, incoming: Incoming) -> bool:
        """Stores the event; False if its key is known already (a redelivery). One transaction, no other work."""
        ...

    async def take(self, lease_seconds: float, limit: int = 20) -> Sequence[Delivery]:
        """Leases undone events, oldest first; after a crash they are handed out again when the lease is over."""
        ...

    async def done(self, delivery_id: int) -> None: ...

    async def failed(self, delivery_id: int, why: str, retry_after_seconds: float | None) -> None:
        """Gives it back for later, or (None) files it as dead with the reason."""
        ...

    async def prune(self, before: float) -> int:
        """Forgets events that were done before then (their keys too); how many. Slack redelivers for an hour at most."""
        ...


class Threads(Protocol):
    """Threads, their leases and transcripts."""

    async def open(self, thread: Thread) -> Thread:
        """Inserts the thread if it is new; the stored one either way."""
        ...

    async def get(self, thread_id: str) -> Thread | None: ...

    async def of_channel(self, team_id: str, channel_id: str, limit: int) -> Sequence[Thread]:
        """Its threads, the one that was active last first."""
        ...

    async def lease(self, thread_id: str, worker: str, seconds: float) -> bool:
        """Takes or renews the thread's lease. False if another worker has it."""
        ...

    async def release(self, thread_id: str, worker: str) -> None: ...

    async def wake(self, thread_id: str, at: float) -> None:
        """Marks that the thread has something to do at `at` (epoch seconds); an earlier mark stays."""
        ...

    async def due(self, now: float, limit: int = 50) -> Sequence[str]:
        """Threads with something to do whose lease is free, longest waiting first."""
        ...

    async def settle(self, thread_id: str, worker: str, next_wake: float | None, *, seen: int) -> bool:
        """Replaces the wake mark, for the lease's holder only. False if the thread was woken after `seen` wakes (look again)
        or the lease is lost: nothing was written then."""
        ...

    async def transcript(self, thread_id: str) -> Sequence[Entry]: ...

    async def begin_turn(self, thread_id: str, first: Asked | Happened, *, key: str) -> int | None:
        """Starts the next turn with `first` (its own number is replaced) and wakes the thread, at once; the number.
        None if the key was used before: nothing was written then."""
        ...

    async def append(self, thread_id: str, entries: Sequence[Entry], *, key: str = "", audit: AuditLine | None = None) -> bool:
        """Appends entries at once. False, and nothing written, if one of them is there already: a call has one `Proposed` and one
        `Answered`, a turn one `Ended`; `key` says the same of the first other entry."""
        ...

    async def propose(
        self, proposed: Proposed, change: NewChange, audit: AuditLine, *, superseding: AuditLine | None = None, reason: str = ""
    ) -> Change:
        """Stores the change and its `Proposed` entry (with the new number) in one transaction. The change that this
        call proposed already, if it did. What it supersedes is moved from PROPOSED to SUPERSEDED with `reason` in the same
        transaction; if that was decided meanwhile, the new change supersedes nothing."""
        ...

    async def update(
        self,
        thread_id: str,
        *,
        sandbox_pod: str | None = None,
        holds_sandbox: bool | None = None,
        drawn_turn: int | None = None,
        model: str | None = None,
    ) -> None: ...

    async def request_stop(self, thread_id: str, user_id: str) -> None:
        """Asks that every turn there is now stops, and wakes the thread."""
        ...

    async def idle_since(self, before: float) -> Sequence[Thread]:
        """Threads that hold a sandbox and had no activity since `before`."""
        ...

    async def notify(self, thread_id: str, notice: Notice) -> None:
        """Stores the notice, once per key, and wakes the thread to show it."""
        ...

    async def undrawn(self, thread_id: str) -> Undrawn: ...

    async def drew_change(self, change_id: int, version: int) -> None:
        """The thread shows the change as it was at `version`."""
        ...

    async def drew_notice(self, thread_id: str, key: str) -> None: ...

    async def forget_requests(self, before: float, undo_before: float) -> int:
        """Drops the recorded requests and images of changes that came to their end before then; how many. Digest and diff stay.
        Of changes that can be undone they are kept until these were decided before `undo_before`."""
        ...

    async def end_undos(self, after: float, until: float) -> int:
        """Makes the cards stale of what can be undone and was decided in that time (`after` excluded), because that time is over; how
        many."""
        ...

    async def recent(self, owner: str, limit: int) -> Sequence[tuple[str, float]]:
        """(id, epoch seconds of its last activity) of this person's threads, the latest first."""
        ...

    async def open_changes(self, limit: int) -> Sequence[Change]:
        """Changes of all threads that are not over, the newest first."""
        ...

    async def changes_of(self, user_id: str, limit: int) -> Sequence[Change]:
        """Changes that this person asked for or decided, the newest first."""
        ...

    async def watched(self) -> Sequence[Change]:
        """Replayed changes of all threads whose rollout has not settled."""
        ...


class Quiet(Protocol):
    """Places (a thread's or a channel's id) where the bot speaks only when it is mentioned."""

    async def begin(self, place: str, by: str) -> None: ...

    async def end(self, place: str) -> None: ...

    async def holds(self, places: Collection[str]) -> bool:
        """Whether one of the places is quiet."""
        ...


class Usage(Protocol):
    """What models used up."""

    async def record(self, thread_id: str, key: str, user_id: str, channel_id: str, spent: Spent) -> None:
        """Counts what one reply used up, once per key of the thread."""
        ...

    async def total(self, since: float, *, user_id: str = "", channel_id: str = "") -> Spent:
        """All that was recorded since then (epoch seconds), of one person or one channel if given."""
        ...

    async def prune(self, before: float) -> int:
        """Forgets what was recorded before then; how many replies."""
        ...


class Audit(Protocol):
    """The audit log, chained by hash."""

    async def write(self, line: AuditLine) -> None: ...

    async def verify(self) -> tuple[int, str]:
        """(lines read, first fault in one sentence or '')"""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known about the chat message of one key. `channel`, `ts` and `digest` are '' until the post is confirmed."""

    key: str
    channel: str
    ts: str
    digest: str
    """Digest of what was drawn last: an equal one needs no edit."""
    attempted: bool
    """A post was begun: with an empty `ts` it may have arrived or not (the process died, or no answer came)."""


class Messages(Protocol):
    """Which chat message belongs to which key, so that a crash neither loses a message nor posts it twice."""

    async def get(self, key: str) -> Shown | None: ...

    async def claim(self, key: str, thread_id: str) -> None:
        """Marks that a post of this key is about to happen (`attempted`). Safe to repeat."""
        ...

    async def posted(self, key: str, channel: str, ts: str, digest: str) -> None:
        """Binds the key to the message that was posted (or found again)."""
        ...

    async def redrawn(self, key: str, digest: str) -> None:
        """Remembers what the message shows now."""
        ...


class Freezes(Protocol):
    """Freezes of clusters. One is in force per cluster; what changes that makes the cards of its open changes stale."""

    async def begin(self, key: str, freeze: Freeze, audit: AuditLine) -> bool:
        """Puts the freeze in force, in place of the one there was. False if the key was used for this cluster before: nothing was
        written then."""
        ...

    async def lift(self, key: str, cluster: str, by: str, audit: AuditLine) -> Freeze | None:
        """Ends the freeze in force; the freeze, or None if there was none: nothing was written then. The one that this key ended
        before, if it did."""
        ...

    async def active(self, cluster: str) -> Freeze | None:
        """The freeze in force now."""
        ...

    async def end_due(self, by: str) -> Sequence[Freeze]:
        """Files freezes whose time is over as ended, each with its audit line. They hold nothing since then; this is for the cards."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    """The store's faces, by what they hold."""

    inbox: Inbox
    threads: Threads
    changes: Changes
    audit: Audit
    messages: Messages
    freezes: Freezes
    quiet: Quiet
    usage: Usage


async def load_history(stores: Stores, thread_id: str) -> tuple[Sequence[Entry], Mapping[int, Change]]:
    """A thread's transcript and its changes by number. A change is stored together with the entry that names it and never goes away, so
    the changes, which are read after the transcript, hold every one that it names."""
    entries = await stores.threads.transcript(thread_id)
    return entries, {change.id: change for change in await stores.changes.of_thread(thread_id)}
