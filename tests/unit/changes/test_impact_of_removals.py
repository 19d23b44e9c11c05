"""What goes with what is deleted, and what stays without it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.values.requests import RecordedWrite
from tests.unit.changes.builders import JSON, write
from tests.unit.changes.impacts import Cluster, deleted, impact, node, pod, recorded, updated, workload


async def test_what_a_deployment_owns_goes_with_it() -> None:
    replica_set = {"metadata": {"name": "r", "uid": "u-r", "ownerReferences": [{"uid": "u-web"}]}}
    cluster = Cluster(replicasets=[replica_set], pods=[pod("a", "ReplicaSet/r"), pod("b", "ReplicaSet/x")])

    assert await impact(cluster, deleted(workload())) == ["Takes with it 1 ReplicaSet, 1 Pod (3/3 ready now)"]
    assert await impact(cluster, deleted(workload(), propagationPolicy="Orphan")) == []
    assert all("PartialObjectMetadataList" in request.accept for request in cluster.asked if "services" not in request.path)
    assert recorded(deleted(workload())) == ["Its ReplicaSets and Pods go with it"]


async def test_what_a_custom_object_owns_goes_with_it() -> None:
    widget = {"kind": "Widget", "metadata": {"name": "w", "namespace": "shop", "uid": "u-w"}}
    removed = deleted(widget, "widgets")
    removed = replace(removed, info=replace(removed.info, group="example.com"))
    owned = {"metadata": {"name": "d", "uid": "u-d", "ownerReferences": [{"uid": "u-w"}]}}

    assert await impact(Cluster(deployments=[owned], pods=[]), removed) == ["Takes with it 1 Deployment"]


async def test_a_namespace_tells_what_it_holds() -> None:
    cluster = Cluster(pods={"items": [{}], "metadata": {"remainingItemCount": 41}}, persistentvolumeclaims=[{}], ingresses=[{}, {}])
    item = {"kind": "Namespace", "metadata": {"name": "shop"}}

    (line,) = await impact(cluster, deleted(item, "namespaces"))

    assert line.startswith("⚠️ Everything in it goes: 42 Pods, 1 PersistentVolumeClaim, 2 Ingresses, …")
    assert "the data of the claim are deleted where the reclaim policy is Delete" in line
    assert {request.query for request in cluster.asked} == {(("limit", "1"),)}


async def test_the_kind_of_custom_objects_tells_how_many_there_are() -> None:
    spec = {"group": "example.com", "names": {"plural": "widgets", "kind": "Widget"}, "versions": [{"name": "v1", "served": True}]}
    item = {"kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.com"}, "spec": spec}

    assert await impact(Cluster(widgets=[{}, {}]), deleted(item, "crds")) == ["⚠️ Takes 2 Widget objects with it"]
    assert recorded(deleted(item, "crds")) == ["⚠️ Every Widget object goes with it, in all namespaces"]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("Delete", "⚠️ its data are deleted: volume v (1Gi) has the reclaim policy Delete"),
        ("Retain", "its data stay: volume v (1Gi) has the reclaim policy Retain"),
    ],
)
async def test_a_claim_tells_what_becomes_of_its_data(policy: str, words: str) -> None:
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}, "spec": {"volumeName": "v"}}
    user = pod("a", "StatefulSet/s", spec={"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]})
    volume = {"spec": {"persistentVolumeReclaimPolicy": policy, "capacity": {"storage": "1Gi"}}}

    (line,) = await impact(Cluster(pods=[user, pod("b")], persistentvolumes=volume), deleted(claim, "persistentvolumeclaims"))

    assert line == f"Used by 1 pod (StatefulSet s): it stays until they are gone · {words}"


async def test_pods_that_read_a_config_map_are_told() -> None:
    item = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {"a": "1"}}
    changed = updated(item, {**item, "data": {"a": "2"}}, "configmaps")
    by_file = pod("a", "ReplicaSet/r", spec={"volumes": [{"configMap": {"name": "c"}}]})
    by_name = pod("b", spec={"containers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "c"}}}]}]})
    projected = pod("d", "ReplicaSet/r", spec={"volumes": [{"projected": {"sources": [{"configMap": {"name": "c"}}]}}]})

    assert await impact(Cluster(pods=[by_file, projected]), changed) == [
        "Read by 2 pods (ReplicaSet r): mounted files change by themselves after a while"
    ]
    assert await impact(Cluster(pods=[by_name]), changed) == ["Read by 1 pod (Pod b): environment variables change only with a restart"]
    assert await impact(Cluster(pods=[by_name]), deleted(item, "configmaps")) == [
        "⚠️ Read by 1 pod (Pod b): such pods do not start any more without it"
    ]
    assert await impact(Cluster(pods=[pod("x")]), changed) == ["No pod reads it now"]
    assert await impact(Cluster(pods=[by_name]), updated(item, {**item, "immutable": True}, "configmaps")) == []


async def test_a_drained_node_tells_who_stays_and_where_there_is_room() -> None:
    cordoned = updated(node(), node(unschedulable=True), "nodes")
    evicted = write("create", "pods", "a", {"kind": "Eviction"}, subresource="eviction", before=pod("a"))
    cluster = Cluster(pods=[pod("a"), pod("b")], nodes=[node(), node("n2"), node("n3", unschedulable=True)])

    told = await impact(cluster, cordoned, evicted)

    assert told[0] == "Node shop/n1: takes no new pods; 1 pod on it stays, 1 leave · 1 other node can take pods"
    assert (await impact(Cluster(pods=[], nodes=[node()]), cordoned))[0].endswith("⚠️ no other node can take pods: they stay Pending")


async def test_a_taint_tells_whom_it_evicts() -> None:
    taint = {"key": "k", "value": "v", "effect": "NoExecute"}
    tainted = updated(node(), node(taints=[taint]), "nodes")
    tolerant = pod("a", spec={"tolerations": [{"key": "k", "operator": "Exists"}]})

    (line,) = await impact(Cluster(pods=[tolerant, pod("b")], nodes=[node("n2")]), tainted)

    assert line.startswith("⚠️ Evicts 1 of its 2 pods at once, without asking PodDisruptionBudgets")
    assert (await impact(Cluster(pods=[tolerant], nodes=[node("n2")]), tainted))[0].startswith("Evicts none of its pods: they tolerate it")
    assert (await impact(Cluster(pods=[], nodes=[node("n2")]), tainted))[0].startswith("It has no pods")


async def test_what_is_made_anew_is_not_said_to_be_gone() -> None:
    item = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {"a": "1"}}
    user = pod("b", spec={"volumes": [{"configMap": {"name": "c"}}]})
    lone = pod("a")

    def replaced(old: dict[str, Any], resource: str) -> tuple[RecordedWrite, RecordedWrite]:
        return deleted(old, resource), write("create", resource, "", old, kind=JSON, after=old)

    assert await impact(Cluster(pods=[user]), *replaced(item, "configmaps")) == [
        "Read by 1 pod (Pod b): mounted files change by themselves after a while"
    ]
    assert (await impact(Cluster(services=[]), *replaced(lone, "pods"))) == [
        "A pod without a controller: nothing brings it back when it goes"
    ]
