"""Values for the store's tests, with everything that does not matter filled in."""

from __future__ import annotations

from bot.changes.change import FieldDiff, ObjectDiff
from bot.changes.ports import AuditLine, NewChange
from bot.threads.inbound.incoming import Message
from bot.threads.stores import Thread
from bot.values.requests import ApiRequest, Identity, RecordedWrite, RefusedRequest, RequestInfo
from bot.values.transcript import Asked, Mode, Proposed, ToolResult

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
THREAD_ID = "T1:C1:100.1"
REFUSED = RefusedRequest("POST", "/api/v1/namespaces/shop/pods", "exceeded quota: pods", 403, "Pod shop/x")


def thread(thread_id: str = THREAD_ID) -> Thread:
    team, channel, ts = thread_id.split(":")
    return Thread(thread_id, team, channel, ts, cluster="prod", namespace="shop", owner="U1")


def message(text: str = "hello", ts: str = "100.1") -> Message:
    return Message("T1", "C1", "U1", ts, "100.1", text, is_mention=True, is_direct=False)


def asked(text: str = "why?", turn: int = 0) -> Asked:
    return Asked(turn, "U1", text, Mode.QUESTION, "100.1")


def line(action: str = "moved", **facts: object) -> AuditLine:
    return AuditLine(action, "U1", THREAD_ID, facts)


def write(resource: str = "deployments", body: bytes = b'{"spec":{"replicas":5}}') -> RecordedWrite:
    group = "" if resource == "secrets" else "apps"
    path = f"/apis/{group}/v1/namespaces/shop/{resource}/web"
    info = RequestInfo("patch", True, path, group, "v1", resource, "", "shop", "web")
    request = ApiRequest("PATCH", path, (("fieldManager", "kubectl"),), "application/merge-patch+json", body)
    return RecordedWrite(request, info, Identity("writer", ("g",)), {"spec": {"replicas": 3}}, {"spec": {"replicas": 5}}, note="n")


def new_change(*writes: RecordedWrite, call_id: str = "call-1", turn: int = 1, digest: str = "d1", thread_id: str = THREAD_ID) -> NewChange:
    diff = ObjectDiff("update", "Deployment", "shop", "web", (FieldDiff("spec.replicas", 3, 5, "replace"),), ("note",))
    return NewChange(
        thread_id=thread_id,
        call_id=call_id,
        turn=turn,
        cluster="prod",
        namespace="shop",
        command="kubectl scale deploy/web --replicas=5",
        asked_by="U1",
        digest=digest,
        writes=writes or (write(),),
        diffs=(diff,),
        impact=("+2 pods",),
        created_at=10.0,
        expires_at=910.0,
        refused=(REFUSED,),
    )


def proposed(call_id: str = "call-1", turn: int = 1) -> Proposed:
    return Proposed(turn, call_id, 0, ToolResult("ok", "kubectl scale", 0, "scaled\n"))
