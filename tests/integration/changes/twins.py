"""Two namespaces that should come to the same, and what is compared of them."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from bot.values.requests import ApiRequest, Json
from tests.integration.changes.replaying import THREAD
from tests.integration.gateway.lab import Lab

_NAMESPACED = [
    *["/api/v1/configmaps", "/api/v1/secrets", "/api/v1/services", "/api/v1/serviceaccounts", "/api/v1/pods", "/api/v1/resourcequotas"],
    *["/api/v1/persistentvolumeclaims", "/api/v1/limitranges", "/apis/apps/v1/deployments", "/apis/apps/v1/replicasets"],
    *["/apis/apps/v1/statefulsets", "/apis/apps/v1/daemonsets", "/apis/batch/v1/jobs", "/apis/batch/v1/cronjobs"],
    *["/apis/policy/v1/poddisruptionbudgets", "/apis/autoscaling/v2/horizontalpodautoscalers", "/apis/networking.k8s.io/v1/ingresses"],
    *["/apis/networking.k8s.io/v1/networkpolicies", "/apis/rbac.authorization.k8s.io/v1/roles"],
    *["/apis/rbac.authorization.k8s.io/v1/rolebindings", "/apis/example.com/v1/widgets"],
]
_CLUSTER_WIDE = [
    *["/api/v1/namespaces", "/api/v1/nodes", "/api/v1/persistentvolumes", "/apis/rbac.authorization.k8s.io/v1/clusterroles"],
    *["/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "/apis/scheduling.k8s.io/v1/priorityclasses"],
    *["/apis/certificates.k8s.io/v1/certificatesigningrequests", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"],
]
_REPLICA_SETS = "/apis/apps/v1/replicasets"
_CONTROLLERS = frozenset({"kube-controller-manager", "kube-apiserver"})
"""Managers of fields; the API server counts what a quota has used."""
_SIZES = {"deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas"}
"""Of a ReplicaSet: as they were when it had pods last."""
_ALWAYS_OTHER = {"uid", "resourceVersion", "selfLink", "clusterIP", "clusterIPs", "nodePort", "targetRef", "certificate"}
_TIMES = {"creationTimestamp", "deletionTimestamp", "time", "timestamp", "startTime", "completionTime", "renewTime", "timeAdded"}
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_UID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_APPLY_SET = re.compile(r"applyset-[\w-]{43}-v1")
"""Made of the name of the namespace."""
_GENERATED = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5,10}(?=[\s\\\"'/-]|$)")


@dataclass(frozen=True, slots=True)
class Twin:
    """One of two namespaces. Names of cluster-wide objects that belong to it hold its own."""

    name: str

    def prepare(self, command: str) -> str:
        """The command line with its variables set."""
        return f"export NS={self.name} PYTHON={sys.executable}; {command}"

    def blur(self, text: str) -> str:
        """The text without what cannot be equal in both: the name, times, and what is made up at random."""
        text = _APPLY_SET.sub("applyset-HASH", text)
        return _GENERATED.sub("-RANDOM", _UID.sub("UID", _TIME.sub("TIME", text.replace(self.name, "TWIN"))))


async def look(lab: Lab, twins: Iterable[Twin]) -> list[dict[str, Json]]:
    """What the cluster holds of each twin, by kind and name, blurred."""
    found: list[dict[str, Json]] = [{} for _ in twins]
    for path in (*_NAMESPACED, *_CLUSTER_WIDE):
        answer = await lab.cluster.api_for(THREAD).send(ApiRequest("GET", path), None, dry_run=False)
        while answer.status == 429:  # the storage of a new kind is being set up
            await asyncio.sleep(0.2)
            answer = await lab.cluster.api_for(THREAD).send(ApiRequest("GET", path), None, dry_run=False)
        assert answer.is_success, answer.message
        for item in answer.object["items"]:
            if _is_of_replica_set(item):
                continue
            for objects, twin in zip(found, twins, strict=True):
                if twin.name in f"{item['metadata'].get('namespace', '')} {item['metadata']['name']}":
                    _add(objects, path, item, twin)
    return found


def _add(objects: dict[str, Json], path: str, item: Json, twin: Twin) -> None:
    """Objects whose names are made up are kept in a list that has an order of its own."""
    resource = path.rpartition("/")[2]
    hashes = {str(value) for value in _labels(item, "pod-template-hash", "controller-revision-hash")}
    text = twin.blur(orjson.dumps(_plain(_without_steps(item, path))).decode())
    for one in hashes:
        text = text.replace(one, "HASH")
    plain = orjson.loads(text)
    name = plain["metadata"].get("name", "")
    place = f"{resource} {plain['metadata'].get('namespace', '')}/{name}"
    objects[place] = sorted([*objects.get(place, []), plain], key=orjson.dumps)


def _without_steps(item: Json, path: str) -> Json:
    """Without what tells by which steps controllers came to it: they depend on how soon they look."""
    of_others = [entry for entry in item["metadata"].get("managedFields") or () if entry["manager"] not in _CONTROLLERS]
    metadata = {**item["metadata"], "managedFields": of_others}
    status = dict(item.get("status") or {})
    if path.startswith(("/apis/apps/", "/apis/autoscaling/")):
        status.pop("conditions", None)
        if status.get("updatedReplicas") != status.get("replicas"):  # a rollout that stops half-way: how far is a matter of timing
            status.pop("updatedReplicas", None)
    is_revision = path == _REPLICA_SETS and bool(_labels(item, "pod-template-hash"))  # it stays one when its Deployment leaves it behind
    if metadata.get("ownerReferences") or is_revision:
        metadata.pop("generation", None)
        status.pop("observedGeneration", None)
    spec = dict(item.get("spec") or {})
    if is_revision:  # nothing gets ready here, so rollouts stop half-way
        metadata["annotations"] = {key: value for key, value in (metadata.get("annotations") or {}).items() if key not in _SIZES}
        spec.pop("replicas", None)
        status = {}
    return {**item, "metadata": metadata, "spec": spec, "status": status}


def _is_of_replica_set(item: Json) -> bool:
    """A pod of a Deployment: which of its revisions have how many depends on how far each rollout came before the next."""
    return any(owner["kind"] == "ReplicaSet" for owner in item["metadata"].get("ownerReferences") or ())


def _labels(item: Json, *names: str) -> Iterable[Any]:
    labels = item["metadata"].get("labels") or {}
    return [labels[name] for name in names if name in labels]


def _plain(value: Json) -> Json:
    """Without uids, versions and addresses; of times and managed fields, that they are there and what they hold."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: "TIME" if key in _TIMES and item else _plain(item) for key, item in value.items() if key not in _ALWAYS_OTHER}
    plain = {key: item for key, item in plain.items() if not key.startswith("last") or not key.endswith("Time")}
    if "managedFields" in plain:
        plain["managedFields"] = sorted(plain["managedFields"], key=lambda entry: orjson.dumps(entry, option=orjson.OPT_SORT_KEYS))
    return {key: plain[key] for key in sorted(plain)}


def differences(left: Json, right: Json, path: str = "") -> list[str]:
    """Where two values differ, with both."""
    if isinstance(left, dict) and isinstance(right, dict):
        found = []
        for key in sorted({*left, *right}):
            found += differences(left.get(key, "(none)"), right.get(key, "(none)"), f"{path}.{key}")
        return found
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        found = []
        for place, (one, other) in enumerate(zip(left, right, strict=True)):
            found += differences(one, other, f"{path}[{place}]")
        return found
    return [] if left == right else [f"{path}: {left!r} != {right!r}"]
