"""An API server in memory, as far as a replay can tell: versions, conflicts, dry runs, preconditions, and answers that get lost."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from typing import Any

from bot.errors import GatewayError, UpstreamUnavailableError
from bot.gateway.protocol import patches
from bot.values.execs import Executed, Output
from bot.values.requests import ApiRequest, ApiResponse, Identity

Fault = Callable[[ApiRequest, bool], str]
"""What goes wrong with a request (and whether it is a dry run): `before` nothing arrives, `after` the answer is lost,
`withheld` it cannot be passed on, '' nothing."""

KINDS = {"deployments": "Deployment", "configmaps": "ConfigMap", "pods": "Pod", "secrets": "Secret", "services": "Service", "jobs": "Job"}


class FakeCluster:
    """Implements `ClusterApi`. `objects` by path; `persisted` is every real write that was carried out."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.persisted: list[ApiRequest] = []
        self.asked: list[tuple[ApiRequest, bool]] = []
        self.fault: Fault = lambda request, dry_run: ""
        self.refusals: list[tuple[int, str, str]] = []
        """Answers of the next writes instead of what they would do: status, reason, message."""
        self.dry_refusals: list[tuple[int, str, str]] = []
        """The same for dry runs."""
        self.get_refusals: list[tuple[int, str, str]] = []
        """The same for reads."""
        self.on_write: Callable[[], None] = lambda: None
        """Runs before each real write arrives: what others do at that moment."""
        self.protected: set[str] = set()
        """Paths of pods that a PodDisruptionBudget protects."""
        self.executed: list[tuple[ApiRequest, Identity | None]] = []
        self.ends: Callable[[ApiRequest], Executed] = lambda request: Executed(Output(0))
        """What an exec comes to."""
        self.size_field = "replicas"
        """Where objects keep their size: custom resources choose."""
        self._numbers = itertools.count(100)

    def put(self, path: str, item: dict[str, Any]) -> dict[str, Any]:
        """Stores an object as somebody else does."""
        resource = path.split("/")[-2]
        old = self.objects.get(path)
        metadata = {"name": path.rsplit("/", 1)[-1], "namespace": "shop", **item.get("metadata", {})}
        metadata["uid"] = old["metadata"]["uid"] if old else f"uid-{next(self._numbers)}"
        metadata["resourceVersion"] = str(next(self._numbers))
        self.objects[path] = {"kind": KINDS.get(resource, "Thing"), **item, "metadata": metadata}
        return self.objects[path]

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        self.asked.append((request, dry_run))
        fault = self.fault(request, dry_run)
        if fault == "before":
            raise UpstreamUnavailableError("The Kubernetes API does not answer.")
        if request.method != "GET" and not dry_run:
            self.on_write()
        refusals = self.get_refusals if request.method == "GET" else self.dry_refusals if dry_run else self.refusals
        if refusals:
            status, reason, message = refusals.pop(0)
            return failure(status, reason, message)
        answer = self._answer(request, dry_run)
        if fault == "withheld":
            raise GatewayError("An answer of the Kubernetes API is withheld.")
        if fault == "after":
            raise UpstreamUnavailableError("The Kubernetes API does not answer.")
        return answer

    async def execute(
        self, request: ApiRequest, identity: Identity | None, *, seconds: float, most_bytes: int, kept_bytes: int
    ) -> Executed:
        fault = self.fault(request, False)
        if fault == "before":
            raise UpstreamUnavailableError("The Kubernetes API does not answer.")
        self.on_write()
        self.executed.append((request, identity))
        if fault == "withheld":
            raise GatewayError("An answer of the Kubernetes API is withheld.")
        return self.ends(request)

    def _answer(self, request: ApiRequest, dry_run: bool) -> ApiResponse:
        path, _, subresource = self._split(request.path)
        live = self.objects.get(path)
        if request.method == "GET":
            if path.rsplit("/", 1)[-1] in KINDS:
                return success({"kind": "List", "items": [copy.deepcopy(o) for p, o in self.objects.items() if p.startswith(path + "/")]})
            return success(copy.deepcopy(live)) if live else not_found()
        if request.method == "POST" and not subresource:
            return self._create(request, dry_run)
        if request.method == "DELETE" and path.rsplit("/", 1)[-1] in KINDS:
            return self._delete_all(request, path, dry_run)
        if live is None:
            if request.content_type.startswith("application/apply-patch"):
                return self._store(request, path, None, json.loads(request.body), dry_run)
            return not_found()
        if subresource == "eviction":
            return self._evict(request, path, live, dry_run)
        if request.method == "DELETE":
            return self._delete(request, path, live, json.loads(request.body or b"{}"), dry_run)
        if subresource == "scale":
            return self._scale(request, path, live, dry_run)
        try:
            changed = self._changed(request, live)
        except patches.PatchError as exc:
            return failure(422, "Invalid", str(exc))
        return self._store(request, path, live, changed, dry_run)

    def _split(self, path: str) -> tuple[str, str, str]:
        for subresource in ("scale", "eviction", "status", "binding"):
            if path.endswith(f"/{subresource}"):
                return path.removesuffix(f"/{subresource}"), "", subresource
        return path, "", ""

    def _changed(self, request: ApiRequest, live: Any) -> Any:
        body = json.loads(request.body)
        if request.method == "PUT":
            return body
        if request.content_type == "application/json-patch+json":
            return patches.apply_json_patch(live, body)
        return patches.merge(live, body)

    def _store(self, request: ApiRequest, path: str, live: Any, changed: Any, dry_run: bool) -> ApiResponse:
        wanted = changed.get("metadata", {}).get("resourceVersion")
        if wanted and (live is None or wanted != live["metadata"]["resourceVersion"]):
            return failure(409, "Conflict", "the object has been modified")
        same = live is not None and changed == live
        metadata = {**changed.get("metadata", {})}
        metadata["uid"] = live["metadata"]["uid"] if live else f"uid-{next(self._numbers)}"
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"] if same or (dry_run and live) else str(next(self._numbers))
        metadata.setdefault("namespace", "shop")
        stored = {"kind": KINDS.get(path.split("/")[-2], "Thing"), **changed, "metadata": metadata}
        if not dry_run:
            self.objects[path] = stored
            self.persisted.append(request)
        return success(copy.deepcopy(stored), 201 if live is None else 200)

    def _create(self, request: ApiRequest, dry_run: bool) -> ApiResponse:
        item = json.loads(request.body)
        metadata = item["metadata"]
        if not metadata.get("name"):
            metadata["name"] = f"{metadata['generateName']}{next(self._numbers)}"
        path = f"{request.path}/{metadata['name']}"
        if path in self.objects:
            return failure(409, "AlreadyExists", "the object exists already")
        return self._store(request, path, None, item, dry_run)

    def _scale(self, request: ApiRequest, path: str, live: Any, dry_run: bool) -> ApiResponse:
        metadata = live["metadata"]
        scale = {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": dict(metadata),
            "spec": {"replicas": live["spec"][self.size_field]},
        }
        body = self._changed(request, scale)
        if body["metadata"].get("resourceVersion", metadata["resourceVersion"]) != metadata["resourceVersion"]:
            return failure(409, "Conflict", "the object has been modified")
        changed = {**live, "spec": {**live["spec"], self.size_field: body["spec"]["replicas"]}}
        answer = self._store(request, path, live, changed, dry_run)
        scale["metadata"] = answer.object["metadata"]
        return success({**scale, "spec": {"replicas": body["spec"]["replicas"]}})

    def _delete(self, request: ApiRequest, path: str, live: Any, options: Any, dry_run: bool) -> ApiResponse:
        wanted = options.get("preconditions", {})
        for key in ("uid", "resourceVersion"):
            if key in wanted and wanted[key] != live["metadata"][key]:
                return failure(409, "Conflict", f"the {key} in the precondition does not match")
        if not dry_run:
            self.persisted.append(request)
            if live["metadata"].get("finalizers"):
                metadata = {**live["metadata"], "deletionTimestamp": "now", "resourceVersion": str(next(self._numbers))}
                self.objects[path] = {**live, "metadata": metadata}
            else:
                del self.objects[path]
        return success({"kind": "Status", "status": "Success"})

    def _delete_all(self, request: ApiRequest, path: str, dry_run: bool) -> ApiResponse:
        if not dry_run:
            self.persisted.append(request)
            self.objects = {key: item for key, item in self.objects.items() if not key.startswith(path + "/")}
        return success({"kind": "Status", "status": "Success"})

    def _evict(self, request: ApiRequest, path: str, live: Any, dry_run: bool) -> ApiResponse:
        if path in self.protected:
            return failure(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.")
        try:
            options = json.loads(request.body).get("deleteOptions", {})
        except json.JSONDecodeError:
            options = {}
        return self._delete(request, path, live, options, dry_run)


def success(item: Any, status: int = 200) -> ApiResponse:
    return ApiResponse(status, {}, json.dumps(item).encode(), item)


def failure(status: int, reason: str, message: str) -> ApiResponse:
    item = {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": status}
    return ApiResponse(status, {}, json.dumps(item).encode(), item)


def not_found() -> ApiResponse:
    return failure(404, "NotFound", "the object is not there")
