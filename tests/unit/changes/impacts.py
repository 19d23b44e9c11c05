"""The surroundings that the tests of impact lines look at, and the writes they look from."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bot.changes import diff
from bot.changes.impact.lines import lines
from bot.changes.impact.look import look
from bot.errors import UpstreamUnavailableError
from bot.values.requests import ApiRequest, ApiResponse, Identity, RecordedWrite
from tests.unit.changes.builders import JSON, deployment, write

READER = Identity("system:serviceaccount:kubectl-ai:reader")
LABELS = {"app": "web"}


class Cluster:
    """Answers GETs from what was put in by the resource's name; counts what it is asked."""

    def __init__(self, **resources: Any) -> None:
        self.resources = resources
        self.asked: list[ApiRequest] = []
        self.identities: set[Identity | None] = set()
        self.status: dict[str, int] = {}
        self.is_down = False
        self.hangs = False

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        assert request.method == "GET"
        assert not dry_run
        self.asked.append(request)
        self.identities.add(identity)
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_down:
            raise UpstreamUnavailableError("The Kubernetes API does not answer.")
        parts = request.path.split("/")
        for name in (parts[-1], parts[-2]):
            if name in self.status:
                return ApiResponse(self.status[name])
        found = self.resources.get(parts[-1], self.resources.get(parts[-2]))
        if found is None:
            return ApiResponse(404)
        item = found if isinstance(found, dict) else {"items": found}
        return ApiResponse(200, {}, json.dumps(item).encode(), item)


async def impact(cluster: Cluster, *writes: RecordedWrite) -> list[str]:
    """The lines of a change, the cluster looked at."""
    around = await look(cluster, READER, writes)
    return list(lines(writes, [diff.of_write(one) for one in writes], around))


def recorded(*writes: RecordedWrite) -> list[str]:
    """The lines without a look at the cluster."""
    return list(lines(writes, [diff.of_write(one) for one in writes]))


def workload(kind: str = "Deployment", replicas: int = 3, image: str = "nginx:1", **more: Any) -> dict[str, Any]:
    base = deployment(replicas, image, name="web", namespace="shop", uid="u-web")
    template = {"metadata": {"labels": LABELS}, **base["spec"]["template"]}
    spec = {**base["spec"], "selector": {"matchLabels": LABELS}, "template": template, **more.pop("spec", {})}
    return {**base, "kind": kind, "spec": spec, "status": {"readyReplicas": 3, "replicas": 3, "updatedReplicas": 3}, **more}


def updated(before: dict[str, Any], after: dict[str, Any], resource: str = "deployments") -> RecordedWrite:
    return write("patch", resource, before["metadata"]["name"], {}, before=before, after=after)


def scaled(new: int, old: int = 3, kind: str = "Deployment", **more: Any) -> RecordedWrite:
    before = workload(kind, old, **more)
    return updated(before, {**before, "spec": {**before["spec"], "replicas": new}})


def rolled(kind: str = "Deployment", replicas: int = 3, **more: Any) -> RecordedWrite:
    return updated(workload(kind, replicas, **more), workload(kind, replicas, "nginx:2", **more))


def deleted(item: dict[str, Any], resource: str = "deployments", **options: Any) -> RecordedWrite:
    return write("delete", resource, item["metadata"]["name"], options, kind=JSON, before=item)


def hpa(low: int, high: int, name: str = "web", kind: str = "Deployment") -> dict[str, Any]:
    target = {"kind": kind, "name": "web"}
    return {"metadata": {"name": name}, "spec": {"minReplicas": low, "maxReplicas": high, "scaleTargetRef": target}}


def budget(allowed: int = 0, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "guard"},
        "spec": {"selector": {"matchLabels": LABELS}, **spec},
        "status": {"disruptionsAllowed": allowed},
    }


def quota(hard: dict[str, str], used: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "tight"}, "spec": spec, "status": {"hard": hard, "used": used}}


def pod(name: str, owner: str = "", **more: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "shop", "uid": f"u-{name}", "labels": LABELS}
    if owner:
        kind, _, of = owner.partition("/")
        metadata["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": kind, "name": of, "uid": f"u-{of}", "controller": True}]
    return {"kind": "Pod", "metadata": metadata, **more}


def service(**selector: str) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": selector}}


READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def node(name: str = "n1", **spec: Any) -> dict[str, Any]:
    return {"kind": "Node", "metadata": {"name": name}, "spec": spec}
