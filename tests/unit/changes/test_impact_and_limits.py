"""What autoscalers, disruption budgets and quotas make of a change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.changes.builders import JSON, write
from tests.unit.changes.impacts import Cluster, budget, deleted, hpa, impact, pod, quota, rolled, scaled, updated


@pytest.mark.parametrize(
    ("replicas", "words"),
    [
        (5, "HPA web allows at most 4: it will pull this back"),
        (1, "HPA web wants at least 2: it will pull this back"),
        (4, "HPA web sets the replicas itself (2 to 4): it may pull this back"),
        (0, "HPA web pauses while there are 0 replicas"),
    ],
)
async def test_an_autoscaler_pulls_a_scale_back(replicas: int, words: str) -> None:
    cluster = Cluster(horizontalpodautoscalers=[hpa(2, 4), hpa(1, 1, "other", "StatefulSet")])

    (line,) = await impact(cluster, scaled(replicas))

    assert words in line
    assert "other" not in line


async def test_narrower_bounds_of_an_autoscaler_scale_its_workload() -> None:
    before = {"kind": "HorizontalPodAutoscaler", **hpa(2, 8), "status": {"currentReplicas": 6}}

    assert await impact(Cluster(), updated(before, {**before, **hpa(2, 4)}, "hpas")) == ["Scales Deployment web down from 6 to 4"]
    assert await impact(Cluster(), updated(before, {**before, **hpa(7, 8)}, "hpas")) == ["Scales Deployment web up from 6 to 7"]
    assert await impact(Cluster(), updated(before, {**before, **hpa(2, 7)}, "hpas")) == []


async def test_a_scale_that_leaves_no_room_for_evictions_says_so() -> None:
    cluster = Cluster(poddisruptionbudgets=[budget(minAvailable=2)])

    (line,) = await impact(cluster, scaled(2))
    (other,) = await impact(cluster, scaled(4, old=6))

    assert "PodDisruptionBudget guard wants 2 available: with 2 pods it refuses every eviction, so node drains hang" in line
    assert "PodDisruptionBudget" not in other


@pytest.mark.parametrize("spec", [{"maxUnavailable": 0}, {"maxUnavailable": "0%"}, {"minAvailable": "100%"}])
async def test_a_budget_that_refuses_everything_says_so(spec: dict[str, Any]) -> None:
    made = {"kind": "PodDisruptionBudget", **budget(**spec)}

    (line,) = await impact(Cluster(), write("create", "pdbs", "", made, kind=JSON, after=made))

    assert line == "⚠️ Refuses every eviction of its pods: node drains will hang"


async def test_evictions_that_a_budget_holds_back_are_told_once() -> None:
    cluster = Cluster(poddisruptionbudgets=[budget(1)], replicasets={"status": {"readyReplicas": 2}})
    pods = [pod(f"p{number}", "ReplicaSet/r") for number in range(2)]
    evicted = [write("create", "pods", one["metadata"]["name"], {"kind": "Eviction"}, subresource="eviction", before=one) for one in pods]
    removed = [deleted(one, "pods") for one in pods]

    assert await impact(cluster, *evicted) == [
        "ReplicaSet shop/r puts 2 new pods in place of what goes: ⚠️ these are all of its ready pods",
        "⚠️ PodDisruptionBudget shop/guard allows 1 of these 2 evictions now: the others are tried again for a while",
    ]
    assert await impact(cluster, *removed) == [
        "ReplicaSet shop/r puts 2 new pods in place of what goes: ⚠️ these are all of its ready pods",
        "⚠️ PodDisruptionBudget shop/guard allows 1 disruption now, and deleting does not ask it",
    ]
    assert await impact(cluster, removed[0]) == ["ReplicaSet shop/r puts 1 new pod in place of what goes (2 ready now)"]


async def test_pods_that_nothing_brings_back_are_named() -> None:
    mirror = pod("static", "Node/n1")
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    collection = write("deletecollection", "pods", before={"kind": "PodList", "items": [pod("a"), pod("b", "StatefulSet/s")]})

    assert await impact(Cluster(), deleted(pod("a"), "pods")) == ["⚠️ Pod shop/a has no controller: nothing brings it back"]
    assert await impact(Cluster(), collection) == [
        "StatefulSet shop/s puts 1 new pod in place of what goes",
        "⚠️ Pod shop/a has no controller: nothing brings it back",
    ]
    assert await impact(Cluster(), deleted(mirror, "pods")) == [
        "A static pod cannot be deleted here: the kubelet keeps it as long as its file is on the node"
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (quota({"pods": "9"}, {"pods": "8"}), "⚠️ ResourceQuota tight has room for 1 of 2 more pods (pods: 8 of 9 used)"),
        (
            quota({"requests.cpu": "1"}, {"requests.cpu": "900m"}),
            "⚠️ ResourceQuota tight has room for 0 of 2 more pods (requests.cpu: 900m of 1 used)",
        ),
        (quota({"pods": "10"}, {"pods": "8"}), ""),
        (quota({"pods": "9"}, {"pods": "9"}, scopes=["BestEffort"]), ""),
        (quota({"limits.memory": "1Gi"}, {}), ""),
    ],
)
async def test_pods_for_which_a_quota_has_no_room_are_told(found: dict[str, Any], words: str) -> None:
    written = scaled(5)
    for item in (written.before, written.after):
        item["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "200m"}}

    assert await impact(Cluster(resourcequotas=[found]), written) == ["+2 pods (3/3 ready now)" + (f" · {words}" if words else "")]


async def test_a_rollout_for_whose_extra_pod_there_is_no_room_is_told() -> None:
    (line,) = await impact(Cluster(resourcequotas=[quota({"pods": "3"}, {"pods": "3"})]), rolled())

    assert "⚠️ ResourceQuota tight has room for 0 of the 1 extra pod of a rollout (pods: 3 of 3 used)" in line
