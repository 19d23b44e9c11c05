"""What a write to a subresource does to its parent object. Pure."""

from __future__ import annotations

from bot.gateway.protocol.openapi import NO_SCHEMA
from bot.gateway.protocol.strategic import rebase
from bot.values.requests import Json

REPLICAS = ("spec", "replicas")


def effect(subresource: str, parent: Json, live: Json, result: Json, size_path: tuple[str, ...] = REPLICAS) -> Json:
    """The parent after a write of the subresource whose dry run answered `result`, made against `live` while the rehearsal shows `parent`.
    None: the parent is gone. `size_path` is where the parent keeps its number of replicas."""
    if subresource == "eviction":
        return None
    if not isinstance(parent, dict):
        return parent
    if subresource == "scale":
        return _with(parent, size_path, ((result or {}).get("spec") or {}).get("replicas", 0))
    if subresource == "ephemeralcontainers":
        return with_debuggers(parent, [*debuggers(parent), *(one for one in debuggers(result) if one not in debuggers(parent))])
    if isinstance(result, dict) and result.get("kind") == parent.get("kind") and isinstance(result.get("metadata"), dict):
        return rebase(live, result, parent, NO_SCHEMA) if live != parent else result
    return parent


def debuggers(pod: Json) -> list[Json]:
    """The ephemeral containers of a pod, which only a subresource of it adds."""
    return list(((pod or {}).get("spec") or {}).get("ephemeralContainers") or ())


def with_debuggers(pod: Json, containers: list[Json]) -> Json:
    """The pod with these ephemeral containers instead of its own."""
    spec = {key: value for key, value in (pod.get("spec") or {}).items() if key != "ephemeralContainers"}
    return {**pod, "spec": {**spec, **({"ephemeralContainers": containers} if containers else {})}}


def binding_effect(parent: Json, binding: Json) -> Json:
    """The pod after a Binding (`pods/binding`)."""
    target = (binding or {}).get("target") or {}
    return {**parent, "spec": {**(parent.get("spec") or {}), "nodeName": target.get("name", "")}}


def scale_of(parent: Json, live_scale: Json, size_path: tuple[str, ...] = REPLICAS) -> Json:
    """The Scale of a rehearsed object: the cluster's with the rehearsed size, or one made from the object where the cluster has none."""
    replicas: Json = parent
    for part in size_path:
        replicas = (replicas or {}).get(part) if isinstance(replicas, dict) else None
    replicas = replicas or 0
    metadata = parent.get("metadata") or {}
    if isinstance(live_scale, dict):
        version = {key: metadata[key] for key in ("resourceVersion",) if key in metadata}
        shown = {**(live_scale.get("metadata") or {}), **version}
        return {**live_scale, "metadata": shown, "spec": {**(live_scale.get("spec") or {}), "replicas": replicas}}
    kept = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if key in metadata}
    status = {"replicas": (parent.get("status") or {}).get("replicas", 0)}
    selector = ((parent.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if selector:
        status["selector"] = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept, "spec": {"replicas": replicas}, "status": status}


def size_path_of(definition: Json, version: str) -> tuple[str, ...]:
    """Where objects of a CustomResourceDefinition keep their number of replicas (`specReplicasPath`)."""
    for one in ((definition or {}).get("spec") or {}).get("versions") or ():
        scale = (one.get("subresources") or {}).get("scale") or {}
        if one.get("name") == version and scale.get("specReplicasPath"):
            return tuple(str(scale["specReplicasPath"]).strip(".").split("."))
    return REPLICAS


def _with(item: Json, path: tuple[str, ...], value: Json) -> Json:
    inner = item.get(path[0]) if isinstance(item, dict) else None
    return {**(item or {}), path[0]: value if len(path) == 1 else _with(inner or {}, path[1:], value)}
