-- The tables as version 0.1 made them on PostgreSQL: schema 1.

CREATE TABLE audit (
    seq BIGINT NOT NULL,
    at TEXT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    facts TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (seq)
);

CREATE TABLE audit_head (
    id INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE changes (
    id BIGSERIAL NOT NULL,
    thread_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    turn INTEGER NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    command TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    state TEXT NOT NULL,
    digest TEXT NOT NULL,
    writes TEXT NOT NULL,
    diffs TEXT NOT NULL,
    impact TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at DOUBLE PRECISION NOT NULL,
    reason TEXT NOT NULL,
    rollout TEXT NOT NULL,
    rollout_settled BOOLEAN NOT NULL,
    supersedes BIGINT,
    superseded_by BIGINT,
    version INTEGER NOT NULL,
    drawn INTEGER NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX ix_changes_thread_id ON changes (thread_id);

CREATE TABLE entries (
    thread_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    key TEXT,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (thread_id, seq),
    UNIQUE (thread_id, key)
);

CREATE TABLE inbox (
    id BIGSERIAL NOT NULL,
    key TEXT NOT NULL,
    incoming TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    free_at DOUBLE PRECISION NOT NULL,
    changed_at DOUBLE PRECISION NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (key)
);

CREATE INDEX inbox_new ON inbox (id) WHERE state = 'new';

CREATE TABLE messages (
    key TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    ts TEXT NOT NULL,
    digest TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (key)
);

CREATE TABLE notices (
    thread_id TEXT NOT NULL,
    key TEXT NOT NULL,
    text TEXT NOT NULL,
    drawn BOOLEAN NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (thread_id, key)
);

CREATE TABLE schema_info (
    version INTEGER NOT NULL,
    key_check TEXT NOT NULL
);

CREATE TABLE sends (
    change_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    precondition TEXT NOT NULL,
    status INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (change_id, position)
);

CREATE TABLE threads (
    id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    thread_ts TEXT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    owner TEXT NOT NULL,
    sandbox_pod TEXT NOT NULL,
    holds_sandbox BOOLEAN NOT NULL,
    stop_requested_by TEXT NOT NULL,
    stop_turn INTEGER NOT NULL,
    last_turn INTEGER NOT NULL,
    drawn_turn INTEGER NOT NULL,
    wakes INTEGER NOT NULL,
    wake_at DOUBLE PRECISION,
    lease_holder TEXT NOT NULL,
    lease_until DOUBLE PRECISION NOT NULL,
    active_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX threads_wake ON threads (wake_at);
