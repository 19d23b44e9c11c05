"""What the API server does to a Service that is changed, where it cannot know from what: from one that only a rehearsal made. Pure.

Source: `patchAllocatedValues` and `dropTypeDependentFields` of `pkg/registry/core/service`: addresses and ports that a write leaves out
stay, and what only the old type has goes, unless the same write changes it.
"""

from __future__ import annotations

from typing import Any

from bot.values.requests import Json

_OF_ADDRESS = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy")
_OF_BALANCER = ("allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort")
_CHOSEN = ("clusterIP", "clusterIPs", "healthCheckNodePort")
_LOST = {
    "ClusterIP": ("externalTrafficPolicy", *_OF_BALANCER),
    "NodePort": _OF_BALANCER,
    "LoadBalancer": (),
    "ExternalName": (*_OF_ADDRESS, "externalTrafficPolicy", *_OF_BALANCER),
}


def without_leftovers(old: Json, new: Json) -> Json:
    """`new` without what it has only because `old` was a Service of another type."""
    if not _is_service(old) or not _is_service(new) or _type(old) == _type(new):
        return new
    before, after = old["spec"], new["spec"]
    lost = [name for name in _LOST.get(_type(new), ()) if after.get(name) == before.get(name)]
    spec = {name: value for name, value in after.items() if name not in lost}
    if _type(new) in ("ClusterIP", "ExternalName") and _node_ports(before) == _node_ports(after) and spec.get("ports"):
        spec["ports"] = [{name: value for name, value in port.items() if name != "nodePort"} for port in spec["ports"]]
    return {**new, "spec": spec}


def without_choices(live: Json, shown: Json, new: Json) -> Json:
    """`new` without the addresses and ports that a dry run chose for the Service as it is `shown`: the real ones are others, and stay."""
    if not _is_service(shown) or not _is_service(new):
        return new
    real, chosen = (live["spec"] if _is_service(live) else {}), shown["spec"]
    made_up = [name for name in _CHOSEN if chosen.get(name) not in (None, "None", ["None"], real.get(name))]
    spec = {name: value for name, value in new["spec"].items() if not (name in made_up and value == chosen[name])}
    ports = [port for port in _node_ports(chosen) if port is not None and port not in _node_ports(real)]
    if spec.get("ports"):
        spec["ports"] = [{name: value for name, value in p.items() if name != "nodePort" or value not in ports} for p in spec["ports"]]
    return {**new, "spec": spec} if spec != new["spec"] else new


def _is_service(item: Json) -> bool:
    if not isinstance(item, dict) or item.get("kind") != "Service" or not isinstance(item.get("spec"), dict):
        return False
    ports = item["spec"].get("ports") or []
    return isinstance(ports, list) and all(isinstance(port, dict) for port in ports)


def _type(service: Json) -> str:
    return str(service["spec"].get("type") or "ClusterIP")


def _node_ports(spec: dict[str, Any]) -> list[Any]:
    return [port.get("nodePort") for port in spec.get("ports") or ()]
