"""What becomes of pods when a workload changes, and who sets the change back."""

from __future__ import annotations

from typing import Any

import pytest

from bot.values.requests import RecordedWrite
from tests.unit.changes.builders import JSON, write
from tests.unit.changes.impacts import Cluster, deleted, impact, recorded, rolled, scaled, updated, workload


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (scaled(5), ["+2 pods (3/3 ready now)"]),
        (scaled(2), ["−1 pod (3/3 ready now)"]),
        (scaled(0), ["−3 pods, none is left (3/3 ready now)"]),
        (scaled(5, kind="Thing"), []),
        (scaled(3), ["Nothing changes: it is so already"]),
        (rolled(), ["Restarts 3 pods step by step, at most 0 away and 1 extra at a time (3/3 ready now)"]),
        (rolled(replicas=0), ["It has 0 replicas: no pod is replaced now"]),
        (rolled(spec={"paused": True}), ["It is paused: no pod is replaced until it is resumed (3/3 ready now)"]),
        (
            rolled(spec={"strategy": {"type": "Recreate"}}),
            ["Restarts 3 pods: all of them stop before new ones start, as its strategy Recreate says (3/3 ready now)"],
        ),
        (
            rolled(replicas=10, spec={"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "20%"}}}),
            ["Restarts 10 pods step by step, at most 2 away and 0 extra at a time (3/10 ready now)"],
        ),
        (rolled("StatefulSet"), ["Restarts 3 pods one after another (3/3 ready now)"]),
        (
            rolled("StatefulSet", spec={"updateStrategy": {"rollingUpdate": {"partition": 2}}}),
            ["Restarts 1 of 3 pods (partition 2) (3/3 ready now)"],
        ),
        (
            rolled("StatefulSet", spec={"updateStrategy": {"type": "OnDelete"}}),
            ["No pod is replaced until it is deleted (OnDelete; 3 pods) (3/3 ready now)"],
        ),
        (
            rolled("DaemonSet", status={"desiredNumberScheduled": 7, "numberReady": 6}),
            ["Restarts 7 pods step by step, node by node (6/7 ready now)"],
        ),
        (
            updated(workload(), workload(spec={"paused": True})),
            ["Pauses rollouts: a changed template starts no pods until it is resumed"],
        ),
        (
            updated(workload(spec={"paused": True}, status={"updatedReplicas": 1}), workload()),
            ["Resumes the rollout: 2 pods to be replaced"],
        ),
        (
            scaled(
                1, kind="StatefulSet", spec={"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}, "volumeClaimTemplates": [{}]}
            ),
            ["−2 pods (3/3 ready now) · ⚠️ deletes the volume claims of the pods that go (whenScaled: Delete)"],
        ),
        (write("create", "deployments", "", workload(), kind=JSON, after=workload()), ["+3 pods"]),
        (write("create", "configmaps", "", {"metadata": {"name": "c"}}, after={"kind": "ConfigMap"}), []),
    ],
)
async def test_a_workload_tells_what_becomes_of_its_pods(written: RecordedWrite, expected: list[str]) -> None:
    assert await impact(Cluster(), written) == expected


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}},
            "managed by Argo CD (application shop): will be reverted at its next sync",
        ),
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "managed by Argo CD (application shop): will be reverted at its next sync"),
        (
            {"labels": {"app.kubernetes.io/instance": "shop"}, "managedFields": [{"manager": "argocd-controller"}]},
            "managed by Argo CD (application shop): will be reverted at its next sync",
        ),
        (
            {"labels": {"app.kubernetes.io/instance": "shop"}, "annotations": {"argocd.argoproj.io/sync-wave": "1"}},
            "managed by Argo CD (application shop): will be reverted at its next sync",
        ),
        ({"managedFields": [{"manager": "argocd-controller"}, "odd"]}, "managed by Argo CD: will be reverted at its next sync"),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}},
            "managed by Flux (Kustomization flux-system/apps): will be reverted when it reconciles",
        ),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "web"}}, "managed by Flux (HelmRelease web): will be reverted when it reconciles"),
        (
            {"managedFields": [{"manager": "kustomize-controller"}]},
            "managed by Flux (a Kustomization): will be reverted when it reconciles",
        ),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "managed by Helm: may be reverted by its next upgrade"),
        ({"annotations": {"meta.helm.sh/release-name": "web"}}, "managed by Helm (release web): may be reverted by its next upgrade"),
        (
            {"ownerReferences": [{"apiVersion": "example.com/v1", "kind": "App", "name": "a", "controller": True}]},
            "owned by App a (example.com): will be reverted by its operator",
        ),
        (
            {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "controller": True}]},
            "owned by Deployment d: will be reverted by its controller",
        ),
        ({"managedFields": [{"manager": "shop-operator", "operation": "Apply"}]}, "applied by shop-operator: may be reverted by it"),
        ({"labels": {"app.kubernetes.io/managed-by": "shop-operator"}}, "managed by shop-operator: may be reverted by it"),
        ({"labels": {"app.kubernetes.io/instance": "shop"}}, ""),
        ({"labels": {"app.kubernetes.io/managed-by": "me"}}, ""),
        ({"ownerReferences": [{"apiVersion": "example.com/v1", "kind": "App", "name": "a"}]}, ""),
        ({"managedFields": [{"manager": "kubectl-client-side-apply", "operation": "Apply"}]}, ""),
        ({"managedFields": [{"manager": "x", "operation": "Apply", "subresource": "status"}]}, ""),
    ],
)
def test_who_sets_an_object_back_is_told(metadata: dict[str, Any], words: str) -> None:
    before = workload()
    before["metadata"] |= metadata
    told = recorded(updated(before, {**before, "spec": {**before["spec"], "replicas": 4}}))

    assert told == ["+1 pod (3/3 ready now)" + (f" · {words}" if words else "")]


def test_a_field_that_is_only_added_may_be_left_alone() -> None:
    before = {"kind": "ConfigMap", "metadata": {"name": "c", "annotations": {"argocd.argoproj.io/tracking-id": "shop:x"}}}

    assert recorded(updated(before, {**before, "immutable": True}, "configmaps")) == [
        "Managed by Argo CD (application shop): may be reverted at its next sync"
    ]


def test_what_is_deleted_is_brought_back() -> None:
    before = {"kind": "Service", "metadata": {"name": "s", "annotations": {"argocd.argoproj.io/tracking-id": "shop:x"}}}

    assert recorded(deleted(before, "services")) == ["Managed by Argo CD (application shop): will be brought back at its next sync"]
