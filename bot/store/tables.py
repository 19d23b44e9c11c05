"""The tables. Times are seconds since the epoch; JSON is kept as text, so that both databases give back what was written."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

SCHEMA = 3
"""Version of these tables; a database with a higher one is refused, one with a lower one is upgraded (`migrations`)."""


def clean(text: str) -> str:
    """Text that every database stores: NUL and unpaired surrogates become `�` and `?` (both reach us in chat messages and output)."""
    return text if text.isascii() and "\0" not in text else text.encode("utf-8", "replace").decode().replace("\0", "�")


class _Text(TypeDecorator[str]):
    """Cleans what is written and what is compared, so that no text from outside makes a transaction fail."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 the base's signature
        return None if value is None else clean(value)


metadata = MetaData()
_number = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER PRIMARY KEY counts by itself in SQLite

schema_info = Table(
    "schema_info",
    metadata,
    Column("version", Integer, nullable=False),
    Column("key_check", _Text, nullable=False),  # a known text sealed with the store's key: tells a wrong key at once
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", _number, primary_key=True, autoincrement=True),
    Column("key", _Text, nullable=False, unique=True),
    Column("incoming", _Text, nullable=False),
    Column("state", _Text, nullable=False),  # new, done, dead
    Column("attempts", Integer, nullable=False, default=0),
    Column("free_at", Double, nullable=False),  # end of the lease, or of the pause before the next attempt
    Column("changed_at", Double, nullable=False),
    Column("error", _Text, nullable=False, default=""),
    Index("inbox_new", "id", sqlite_where=text("state = 'new'"), postgresql_where=text("state = 'new'")),
)

threads = Table(
    "threads",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("team_id", _Text, nullable=False),
    Column("channel_id", _Text, nullable=False),
    Column("thread_ts", _Text, nullable=False),
    Column("cluster", _Text, nullable=False),
    Column("namespace", _Text, nullable=False),
    Column("owner", _Text, nullable=False),
    Column("model", _Text, nullable=False, server_default=text("''")),  # the one that a person chose
    Column("sandbox_pod", _Text, nullable=False),
    Column("holds_sandbox", Boolean, nullable=False),
    Column("stop_requested_by", _Text, nullable=False),
    Column("stop_turn", Integer, nullable=False),
    Column("last_turn", Integer, nullable=False),
    Column("drawn_turn", Integer, nullable=False),
    Column("wakes", Integer, nullable=False),
    Column("wake_at", Double, nullable=True),
    Column("lease_holder", _Text, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("active_at", Double, nullable=False),
    Index("threads_wake", "wake_at"),
)

entries = Table(
    "entries",
    metadata,
    Column("thread_id", _Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("turn", Integer, nullable=False),
    Column("kind", _Text, nullable=False),
    Column("data", _Text, nullable=False),
    Column("key", _Text, nullable=True),
    Column("at", Double, nullable=False),
    UniqueConstraint("thread_id", "key"),
)

changes = Table(
    "changes",
    metadata,
    Column("id", _number, primary_key=True, autoincrement=True),
    Column("thread_id", _Text, nullable=False, index=True),
    Column("call_id", _Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("cluster", _Text, nullable=False),
    Column("namespace", _Text, nullable=False),
    Column("command", _Text, nullable=False),
    Column("asked_by", _Text, nullable=False),
    Column("state", _Text, nullable=False),
    Column("digest", _Text, nullable=False),
    Column("writes", _Text, nullable=False),  # sealed
    Column("diffs", _Text, nullable=False),
    Column("impact", _Text, nullable=False),
    Column("refused", _Text, nullable=False, server_default=text("'[]'")),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("decided_by", _Text, nullable=False, default=""),
    Column("decided_at", Double, nullable=False, default=0.0),
    Column("reason", _Text, nullable=False, default=""),
    Column("rollout", _Text, nullable=False, default=""),
    Column("rollout_settled", Boolean, nullable=False, default=False),
    Column("supersedes", _number, nullable=True),
    Column("superseded_by", _number, nullable=True),
    Column("undoes", _number, nullable=True),
    Column("undone_by", _number, nullable=True),
    Column("reminded_at", Double, nullable=False, server_default=text("0")),
    Column("version", Integer, nullable=False, default=1),  # goes up with every write to the change
    Column("drawn", Integer, nullable=False, default=0),  # the version that the thread shows
    sqlite_autoincrement=True,  # a number that people saw on a card is never used again
)

sends = Table(
    "sends",
    metadata,
    Column("change_id", _number, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True),
    Column("state", _Text, nullable=False),
    Column("precondition", _Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("message", _Text, nullable=False),
    Column("output", _Text, nullable=False, server_default=text("''")),  # sealed
)

freezes = Table(
    "freezes",
    metadata,
    Column("id", _number, primary_key=True, autoincrement=True),
    Column("cluster", _Text, nullable=False),
    Column("key", _Text, nullable=False),  # the message or command that asked for it: one freeze per cluster, however often delivered
    Column("by", _Text, nullable=False),
    Column("reason", _Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=True),  # without: until it is lifted
    Column("ended_by", _Text, nullable=False),  # who lifted it; the bot itself if its time was over
    Column("ended_at", Double, nullable=True),  # without: it is in force
    Column("ended_key", _Text, nullable=False),  # the message or command that lifted it
    UniqueConstraint("cluster", "key"),
)

quiet_places = Table(
    "quiet_places",
    metadata,
    Column("place", _Text, primary_key=True),  # a thread's or a channel's id
    Column("by", _Text, nullable=False),
    Column("at", Double, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("thread_id", _Text, primary_key=True),
    Column("key", _Text, primary_key=True),
    Column("user_id", _Text, nullable=False),
    Column("channel_id", _Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("tokens", _number, nullable=False),
    Column("money", Double, nullable=False),  # US dollars
    Column("seconds", Double, nullable=False),
    Index("usage_at", "at"),
)

notices = Table(
    "notices",
    metadata,
    Column("thread_id", _Text, primary_key=True),
    Column("key", _Text, primary_key=True),
    Column("text", _Text, nullable=False),
    Column("drawn", Boolean, nullable=False),
    Column("at", Double, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("key", _Text, primary_key=True),
    Column("thread_id", _Text, nullable=False),
    Column("channel", _Text, nullable=False),
    Column("ts", _Text, nullable=False),
    Column("digest", _Text, nullable=False),
    Column("at", Double, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", _number, primary_key=True, autoincrement=False),
    Column("at", _Text, nullable=False),
    Column("action", _Text, nullable=False),
    Column("actor", _Text, nullable=False),
    Column("thread_id", _Text, nullable=False),
    Column("facts", _Text, nullable=False),
    Column("previous", _Text, nullable=False),
    Column("hash", _Text, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row: writers of a line queue on it
    Column("seq", _number, nullable=False),
    Column("hash", _Text, nullable=False),
)
