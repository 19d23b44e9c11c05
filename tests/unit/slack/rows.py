"""Threads and changes as the store would hand them over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from bot.changes.change import Change, FieldDiff, ObjectDiff, State
from bot.threads.stores import Thread
from bot.values.requests import ApiRequest, Identity, RecordedWrite, RequestInfo

CHANNEL = "C01ONCALL"


def make_thread(message: dict[str, Any]) -> Thread:
    """The thread below a message."""
    channel, ts = message["channel"], message["ts"]
    return Thread(f"T01LOCAL:{channel}:{ts}", "T01LOCAL", channel, ts, "prod-eu", "shop", "U01ANA")


def make_write(**changes: Any) -> RecordedWrite:
    path = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
    write = RecordedWrite(
        ApiRequest("PATCH", path, (("fieldManager", "kubectl"),), "application/merge-patch+json", b'{"spec":{"replicas":5}}'),
        RequestInfo("patch", True, path, "apps", "v1", "deployments", "scale", "shop", "web"),
        Identity("system:serviceaccount:kubectl-ai:kubectl-ai-writer"),
        before={"spec": {"replicas": 3}},
        after={"spec": {"replicas": 5}},
    )
    return replace(write, **changes)


def make_change(thread: Thread | None = None, **changes: Any) -> Change:
    fields = (FieldDiff("spec.replicas", 3, 5, "replace"),)
    change = Change(
        id=42,
        thread_id=thread.id if thread else "T01LOCAL:C01ONCALL:1.000001",
        call_id="c1",
        turn=1,
        cluster="prod-eu",
        namespace="shop",
        command="kubectl -n shop scale deploy/web --replicas=5",
        asked_by="U01ANA",
        state=State.PROPOSED,
        digest="abc123",
        writes=(make_write(),),
        diffs=(ObjectDiff("update", "Deployment", "shop", "web", fields),),
        impact=("+2 pods",),
        created_at=1_790_000_000.0,
        expires_at=9_990_000_900.0,
    )
    return replace(change, **changes)


def encode(value: object) -> bytes:
    return orjson.dumps(value)
