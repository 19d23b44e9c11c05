"""An API server in memory that holds one Deployment, and rehearsals against it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from bot.gateway.protocol.patches import apply_json_patch
from bot.values.execs import Executed, Output
from bot.values.people import Person
from bot.values.requests import ApiRequest, ApiResponse, Identity, RecordedConnect, RecordedWrite, Recording, RefusedRequest, RequestInfo

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
POD = "/api/v1/namespaces/shop/pods/web-1"
_VERSION = "/metadata/resourceVersion"
PASSWORD = "correct-horse"
"""What a fake rehearsal takes for a credential."""


class FakeCluster:
    """An API server that holds one Deployment, and rehearsals of commands against it."""

    def __init__(self, name: str = "prod") -> None:
        self.name = name
        self.object: dict[str, Any] = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "uid": "uid-1", "resourceVersion": "10", "generation": 1},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}}},
        }
        self.landed: list[dict[str, Any]] = []
        self.pod: dict[str, Any] = {
            "kind": "Pod",
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "uid-pod"},
            "status": {"containerStatuses": [{"name": "web", "state": {"running": {}}}]},
        }
        self.executed: list[ApiRequest] = []
        self.ends: Callable[[ApiRequest], Executed] = lambda request: Executed(Output(0))
        self.rehearsals: dict[str, FakeRehearsal] = {}
        self.opened = 0
        self.namespaces: list[str] = []
        """The namespace in which each rehearsal began."""

    @property
    def api(self) -> FakeCluster:
        return self

    def api_for(self, thread_id: str) -> FakeCluster:
        return self

    async def redact(self, thread_id: str, text: str) -> str:
        await asyncio.sleep(0)
        return text.replace(PASSWORD, "[redacted]")

    def identity(self, person: Person) -> Identity | None:
        return None

    def reader(self, user_id: str) -> Identity | None:
        return None

    @asynccontextmanager
    async def rehearse(
        self, thread_id: str, asker: Person, namespace: str, address: str, *, log_lines: int = 0
    ) -> AsyncIterator[FakeRehearsal]:
        await asyncio.sleep(0)
        self.opened += 1
        self.namespaces.append(namespace)
        rehearsal = FakeRehearsal(f"kubeconfig-{self.name}-{self.opened}", log_lines)
        self.rehearsals[rehearsal.kubeconfig] = rehearsal
        try:
            yield rehearsal
        finally:
            self.rehearsals.pop(rehearsal.kubeconfig)

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        await asyncio.sleep(0)
        if request.path == POD and request.method == "GET":
            return _answer(200, self.pod)
        if request.path == "/version":
            return _answer(200, {"gitVersion": "v1.36.2"})
        if not request.path.startswith(WEB):
            return _answer(404, {"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": "not found"})
        if request.method == "GET":
            return _answer(200, self.object)
        patch = json.loads(request.body)
        expected = _tied_to(patch) or self.object["metadata"]["resourceVersion"]
        if expected != self.object["metadata"]["resourceVersion"]:
            return _answer(409, {"kind": "Status", "status": "Failure", "code": 409, "reason": "Conflict", "message": "modified"})
        changed = self.patched(patch)
        if not dry_run:
            self.object = changed
            self.landed.append(patch)
        return _answer(200, changed)

    async def execute(
        self, request: ApiRequest, identity: Identity | None, *, seconds: float, most_bytes: int, kept_bytes: int
    ) -> Executed:
        await asyncio.sleep(0)
        self.executed.append(request)
        return self.ends(request)

    def execing(self, *argv: str, stdin: bytes = b"") -> RecordedWrite:
        """What the gateway records of `kubectl exec web-1 -- …`."""
        query = [("command", word) for word in argv] + [("container", "web")] + ([("stdin", "true")] if stdin else [])
        request = ApiRequest("POST", f"{POD}/exec", (*query, ("stdout", "true"), ("stderr", "true")), body=stdin)
        info = RequestInfo("create", True, f"{POD}/exec", "", "v1", "pods", "exec", "shop", "web-1")
        before = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop", "uid": "uid-pod"}}
        return RecordedWrite(
            request, info, None, before, None, has_preview=False, note="What it does in the container cannot be previewed."
        )

    def patched(self, patch: Any) -> dict[str, Any]:
        """The object as the merge patch or the JSON patch leaves it."""
        changed: dict[str, Any] = json.loads(json.dumps(self.object))
        if isinstance(patch, list):
            changed = apply_json_patch(changed, [operation for operation in patch if operation["path"] != _VERSION])
        else:
            changed["spec"].update(patch.get("spec", {}))
        if changed["spec"] != self.object["spec"]:
            version = int(self.object["metadata"]["resourceVersion"]) + 1
            changed["metadata"] |= {"resourceVersion": str(version), "generation": self.object["metadata"]["generation"] + 1}
        return changed

    def scale(self, replicas: int) -> RecordedWrite:
        """What the gateway records of `kubectl scale`."""
        patch = {"spec": {"replicas": replicas}}
        request = ApiRequest("PATCH", WEB, (), "application/merge-patch+json", json.dumps(patch).encode())
        info = RequestInfo("patch", True, WEB, "apps", "v1", "deployments", "", "shop", "web")
        return RecordedWrite(request, info, None, before=self.object, after=self.patched(patch))


def _tied_to(patch: Any) -> str:
    """The resourceVersion that a patch demands; '' if none."""
    if isinstance(patch, list):
        return next((operation["value"] for operation in patch if operation["path"] == _VERSION), "")
    return str((patch.get("metadata") or {}).get("resourceVersion", ""))


def _answer(status: int, body: dict[str, Any]) -> ApiResponse:
    text = json.dumps(body).encode()
    return ApiResponse(status, {"Content-Type": "application/json"}, text, json.loads(text))


class FakeRehearsal:
    """A door that records what it is told to."""

    def __init__(self, kubeconfig: str, log_lines: int = 0) -> None:
        self.kubeconfig = kubeconfig
        self.log_lines = log_lines
        self.recording = Recording()
        self.ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def stopped(self) -> str:
        return await self.ending

    def end(self) -> Recording:
        return self.recording

    async def redact(self, text: str) -> str:
        await asyncio.sleep(0)
        return text.replace(PASSWORD, "[redacted]")

    def record(self, *writes: RecordedWrite) -> None:
        self.recording = replace(self.recording, writes=self.recording.writes + writes)

    def let_through(self, connect: RecordedConnect) -> None:
        self.recording = replace(self.recording, passed=(*self.recording.passed, connect))

    def refuse(self, refused: RefusedRequest) -> None:
        self.recording = replace(self.recording, refused=(*self.recording.refused, refused))

    def stop(self, reason: str) -> None:
        self.recording = replace(self.recording, stopped=reason)
        self.ending.set_result(reason)
