"""Whether traffic still reaches pods: selectors, endpoints, Ingresses, network policies. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.changes import bodies, selectors, trees
from bot.changes.cascading import leaves_owned
from bot.changes.impact import workloads
from bot.changes.impact.effects import WORKLOADS, Effect, Scene, count, enumerate_some
from bot.changes.impact.surroundings import objects, pods


def of_selector(effect: Effect, scene: Scene) -> Iterator[str]:
    """How many pods a Service's new selector matches."""
    if effect.kind != "Service" or effect.is_removal or not (effect.diff.action == "create" or effect.changes("spec.selector")):
        return
    wanted = trees.texts(effect.after, "spec", "selector")
    if not wanted:
        if effect.diff.action == "update":
            yield "without a selector its endpoints are no longer kept up to date"
        return
    selector = {"matchLabels": wanted}
    found = scene.around.list(pods(effect.diff.namespace, labelSelector=selectors.as_query(selector)))
    if found is None:
        return
    live = [pod for pod in found if trees.text(pod, "status", "phase") not in ("Succeeded", "Failed")]
    if live:
        yield f"its selector matches {count(len(live), 'pod')}, {sum(_is_ready(pod) for pod in live)} ready"
    elif any(selectors.matches(selector, labels) for labels in scene.made_labels(effect.diff.namespace)):
        yield "its selector matches pods that this change brings"
    else:
        yield "⚠️ its selector matches no pod: it will have no endpoints"


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in trees.entries(pod, "status", "conditions"))


def of_lost_endpoints(effect: Effect, scene: Scene) -> Iterator[str]:
    """Services whose pods go, and what a deleted Service leaves behind."""
    if effect.kind == "Service" and effect.is_removal:
        yield from _of_deleted_service(effect, scene)
    found = workloads.scaled(effect)
    is_deleted = effect.is_removal and not leaves_owned(effect.write)
    is_stopped = effect.kind in WORKLOADS and (is_deleted or (found is not None and found[1] == 0))
    if not is_stopped or effect.diff.namespace == "":
        return
    labels = trees.texts(effect.before, "spec", "template", "metadata", "labels")
    names = [
        str(bodies.metadata(item).get("name"))
        for item in scene.around.list(objects("v1", "services", "Services", effect.diff.namespace)) or ()
        if (selector := trees.texts(item, "spec", "selector")) and selectors.matches({"matchLabels": selector}, labels)
    ]
    if names:
        yield f"⚠️ Service{'s' if len(names) > 1 else ''} {enumerate_some(names)} would lose these pods"


def _of_deleted_service(effect: Effect, scene: Scene) -> Iterator[str]:
    namespace, name = effect.diff.namespace, effect.diff.name
    if anew := scene.anew(effect):
        is_same = trees.text(anew.after, "spec", "clusterIP") == trees.text(effect.before, "spec", "clusterIP")
        yield "it is made anew: clients of its name get no answer for a moment" + (
            "" if is_same else ", and its address is another one then"
        )
        return
    of_service = f"kubernetes.io/service-name={name}"
    slices = scene.around.list(objects("discovery.k8s.io/v1", "endpointslices", "EndpointSlices", namespace, labelSelector=of_service))
    if slices is not None:
        ready = sum(
            trees.part(endpoint, "conditions").get("ready") is not False for one in slices for endpoint in trees.entries(one, "endpoints")
        )
        yield f"it has {count(ready, 'ready endpoint')} now: clients of its name or address get no answer any more"
    ingresses = scene.around.list(objects("networking.k8s.io/v1", "ingresses", "Ingresses", namespace)) or ()
    users = [str(bodies.metadata(item).get("name")) for item in ingresses if name in _backends(item)]
    if users:
        yield f"⚠️ Ingress {enumerate_some(users)} sends traffic to it"


def _backends(ingress: dict[str, Any]) -> set[str]:
    spec = trees.part(ingress, "spec")
    paths = [path for rule in trees.entries(spec, "rules") for path in trees.entries(rule, "http", "paths")]
    backends = [trees.part(spec, "defaultBackend"), *(trees.part(path, "backend") for path in paths)]
    return {trees.text(backend, "service", "name") for backend in backends}


def of_network_policy(effect: Effect, scene: Scene) -> Iterator[str]:
    """How many pods a NetworkPolicy closes."""
    if effect.kind != "NetworkPolicy" or effect.diff.action not in ("create", "update"):
        return
    spec = trees.part(effect.after, "spec")
    selector = spec.get("podSelector") or {}
    found = scene.around.list(pods(effect.diff.namespace, labelSelector=selectors.as_query(selector)))
    if found is None:
        return
    closed = [kind for kind in ("Ingress", "Egress") if kind in (spec.get("policyTypes") or ()) and not spec.get(kind.lower())]
    shut = f" and lets no {' and no '.join(kind.lower() for kind in closed)} through" if closed else ""
    yield f"{'⚠️ ' if closed else ''}applies to {count(len(found), 'pod')}{shut}"
