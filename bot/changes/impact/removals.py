"""What goes with an object that is deleted, and what a node's pods do when it is closed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from bot.changes import bodies, trees
from bot.changes.cascading import leaves_owned
from bot.changes.impact import workloads
from bot.changes.impact.effects import WORKLOADS, Effect, Scene, count
from bot.changes.impact.surroundings import metadata_of, number_of, objects, pods
from bot.values.groups import BUILT_IN

_IN_NAMESPACE = {
    "Pod": ("v1", "pods"),
    "Deployment": ("apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "DaemonSet": ("apps/v1", "daemonsets"),
    "Job": ("batch/v1", "jobs"),
    "CronJob": ("batch/v1", "cronjobs"),
    "Service": ("v1", "services"),
    "ConfigMap": ("v1", "configmaps"),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims"),
    "Ingress": ("networking.k8s.io/v1", "ingresses"),
}
_OWNED: dict[str, tuple[str, ...]] = {
    "Deployment": ("ReplicaSet", "Pod"),
    "StatefulSet": ("Pod",),
    "DaemonSet": ("Pod",),
    "ReplicaSet": ("Pod",),
    "ReplicationController": ("Pod",),
    "Job": ("Pod",),
    "CronJob": ("Job", "Pod"),
}
_OWNED_BY_CUSTOM = (
    *("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet"),
    *("Service", "ConfigMap", "PersistentVolumeClaim", "Pod"),
)
"""What operators make, owners before what they own."""
_READ = {**_IN_NAMESPACE, "ReplicaSet": ("apps/v1", "replicasets")}


def of_container(effect: Effect, scene: Scene) -> Iterator[str]:
    """What a namespace or the kind of a CustomResourceDefinition holds."""
    if not effect.is_removal:
        return
    if effect.kind == "Namespace":
        counts = {
            kind: scene.around.count(number_of(objects(version, resource, f"{kind}s", effect.diff.name)))
            for kind, (version, resource) in _IN_NAMESPACE.items()
        }
        if any(amount is not None for amount in counts.values()):
            shown = [count(amount, kind) for kind, amount in counts.items() if amount]
            yield (
                f"⚠️ everything in it goes: {', '.join(shown)}, …"
                if shown
                else "everything in it goes; there are no workloads, Services or claims"
            )
        else:
            yield "⚠️ everything in it goes"
        if claims := counts["PersistentVolumeClaim"]:
            yield f"the data of {'the claim' if claims == 1 else 'the claims'} are deleted where the reclaim policy is Delete"
    elif effect.kind == "CustomResourceDefinition":
        spec = trees.part(effect.before, "spec")
        served = next((trees.text(one, "name") for one in trees.entries(spec, "versions") if one.get("served")), "")
        group, plural, kind = trees.text(spec, "group"), trees.text(spec, "names", "plural"), trees.text(spec, "names", "kind")
        if not served:
            return
        amount = scene.around.count(number_of(objects(f"{group}/{served}", plural, f"{kind} objects")))
        if amount is not None:
            yield f"{'⚠️ ' if amount else ''}takes {count(amount, f'{kind} object')} with it"
        else:
            yield f"⚠️ every {kind} object goes with it, in all namespaces"


def of_owner(effect: Effect, scene: Scene) -> Iterator[str]:
    """What is owned by an object that is deleted, directly or not."""
    group = effect.write.info.group
    is_custom = group not in BUILT_IN
    if (
        effect.diff.action != "delete"
        or not effect.diff.namespace
        or not (is_custom or effect.kind in _OWNED)
        or leaves_owned(effect.write)
    ):
        return
    owned: Counter[str] = Counter()
    uids = {bodies.metadata(effect.before).get("uid")}
    is_unknown = False
    for kind in _OWNED.get(effect.kind, _OWNED_BY_CUSTOM):
        version, resource = _READ[kind]
        items = scene.around.list(metadata_of(objects(version, resource, f"{kind}s", effect.diff.namespace)))
        is_unknown |= items is None
        for item in items or ():
            if any(owner.get("uid") in uids for owner in trees.entries(item, "metadata", "ownerReferences")):
                owned[kind] += 1
                uids.add(bodies.metadata(item).get("uid"))
    if not owned and is_unknown and effect.kind in _OWNED:
        yield f"its {' and '.join(f'{kind}s' for kind in _OWNED[effect.kind])} go with it"
    if owned:
        state = workloads.ready(effect.before, effect.kind) if effect.kind in WORKLOADS else ""
        yield f"takes with it {', '.join(count(amount, kind) for kind, amount in owned.items())}{f' ({state})' if state else ''}"
    retention = trees.part(effect.before, "spec", "persistentVolumeClaimRetentionPolicy")
    if effect.kind == "StatefulSet" and trees.entries(effect.before, "spec", "volumeClaimTemplates"):
        yield (
            "⚠️ its volume claims go as well (whenDeleted: Delete)" if retention.get("whenDeleted") == "Delete" else "its volume claims stay"
        )


def of_node(effect: Effect, scene: Scene) -> Iterator[str]:
    """What becomes of the pods of a node that is cordoned, tainted or deleted, and whether there is room elsewhere."""
    if effect.kind != "Node" or effect.diff.action not in ("update", "delete"):
        return
    is_closed = effect.field("spec.unschedulable") is not None and trees.part(effect.after, "spec").get("unschedulable") is True
    evicting = [taint for taint in _new_taints(effect) if taint.get("effect") == "NoExecute"]
    if not (is_closed or evicting or effect.is_removal):
        return
    on_it = scene.around.list(pods(fieldSelector=f"spec.nodeName={effect.diff.name}"))
    if on_it is not None:
        yield from _of_pods(effect, scene, on_it, evicting)
    nodes = scene.around.list(objects("v1", "nodes", "Nodes"))
    if nodes is not None:
        closed = {one.diff.name for one in scene.effects if one.kind == "Node"}
        others = [
            node for node in nodes if bodies.metadata(node).get("name") not in closed and not trees.part(node, "spec").get("unschedulable")
        ]
        yield f"{count(len(others), 'other node')} can take pods" if others else "⚠️ no other node can take pods: they stay Pending"


def _new_taints(effect: Effect) -> list[dict[str, Any]]:
    old = trees.entries(effect.before, "spec", "taints")
    return [taint for taint in trees.entries(effect.after, "spec", "taints") if taint not in old]


def _of_pods(effect: Effect, scene: Scene, on_it: list[dict[str, Any]], evicting: list[dict[str, Any]]) -> Iterator[str]:
    if effect.is_removal:
        yield f"{'⚠️ ' if on_it else ''}{count(len(on_it), 'pod')} on it {'is' if len(on_it) == 1 else 'are'} removed"
    elif evicting:
        gone = [pod for pod in on_it if not all(_tolerates(pod, taint) for taint in evicting)]
        if gone:
            yield f"⚠️ evicts {len(gone)} of its {count(len(on_it), 'pod')} at once, without asking PodDisruptionBudgets"
        else:
            yield "evicts none of its pods: they tolerate it" if on_it else "it has no pods"
    else:
        names = {(one.diff.namespace, one.diff.name) for one in scene.effects if one.kind == "Pod" and one.is_removal}
        leaving = sum((found.get("namespace"), found.get("name")) in names for found in map(bodies.metadata, on_it))
        stay = len(on_it) - leaving
        yield f"takes no new pods; {count(stay, 'pod')} on it {'stays' if stay == 1 else 'stay'}" + (
            f", {leaving} leave" if leaving else ""
        )


def _tolerates(pod: dict[str, Any], taint: dict[str, Any]) -> bool:
    for one in trees.entries(pod, "spec", "tolerations"):
        is_key = one.get("key") in (None, "", taint.get("key"))
        is_effect = one.get("effect") in (None, "", taint.get("effect"))
        if is_key and is_effect and (one.get("operator") == "Exists" or one.get("value", "") == taint.get("value", "")):
            return True
    return False
