"""NetworkPolicies as an nftables table: a pure function of pods, namespaces and policies.

Packets are judged after kube-proxy has put a pod's address in the place of a service's, as the API demands. A pod address
that the API server does not know yet, or that two pods claim, may send nothing. IPv4 only: the cluster has no other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.cluster.layout import BRIDGE, BRIDGE_ADDRESS, POD_NETWORK

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Pod:
    namespace: str
    labels: Mapping[str, str]
    address: str
    ports: Mapping[str, int]  # by name


class _Direction(NamedTuple):
    kind: str  # in policyTypes
    rules: str  # in spec
    peers: str  # in a rule
    own: str  # which address of a packet is the pod's
    other: str


_DIRECTIONS = (_Direction("Egress", "egress", "to", "saddr", "daddr"), _Direction("Ingress", "ingress", "from", "daddr", "saddr"))


def render(namespaces: Iterable[Object], pods: Iterable[Object], policies: Iterable[Object]) -> str:
    """An nft script that replaces table ``ip kas-netpol`` at once."""
    labels = {namespace["metadata"]["name"]: namespace["metadata"].get("labels") or {} for namespace in namespaces}
    running = _read_pods(pods)
    rules = sorted(policies, key=lambda policy: (policy["metadata"]["namespace"], policy["metadata"]["name"]))
    chains: list[str] = []
    jumps: dict[str, list[str]] = {"saddr": [], "daddr": []}
    for pod in running:
        selecting = [policy for policy in rules if _selects(policy, pod)]
        for direction in _DIRECTIONS:
            applying = [policy["spec"] for policy in selecting if direction.kind in policy["spec"].get("policyTypes", ["Ingress"])]
            if not applying:
                continue
            name = f"{direction.rules}-{pod.address.replace('.', '-')}"
            allowing = [rule for spec in applying for rule in spec.get(direction.rules) or []]
            body = [line for rule in allowing for line in _allow(rule, direction, pod, running, labels)]
            chains.append("\n".join([f"  chain {name} {{", *(f"    {line}" for line in body), "    counter drop", "  }"]))
            jumps[direction.own].append(f"{pod.address} : jump {name}")
    return _assemble(chains, jumps, [pod.address for pod in running])


def _assemble(chains: list[str], jumps: Mapping[str, list[str]], known: list[str]) -> str:
    # Packets of the pods' network from an address that is not known are dropped before anything else.
    sources = ", ".join([BRIDGE_ADDRESS, *known])
    judge = [
        "  chain pods {",
        "    ct state established,related return",
        f"    ip saddr {POD_NETWORK} ip saddr != {{ {sources} }} drop",
        *(f"    ip {address} vmap {{ {', '.join(targets)} }}" for address, targets in jumps.items() if targets),
        "  }",
    ]
    hooks = [
        f'  chain {hook} {{\n    type filter hook {hook} priority filter + 10; policy accept;\n    iifname "{BRIDGE}" jump pods\n  }}'
        for hook in ("forward", "input")
    ]
    table = "\n".join(["table ip kas-netpol {", *chains, *judge, *hooks, "}"])
    return f"table ip kas-netpol\ndelete table ip kas-netpol\n{table}\n"


def _read_pods(pods: Iterable[Object]) -> list[_Pod]:
    found = []
    for pod in pods:
        spec, status = pod["spec"], pod.get("status") or {}
        if not status.get("podIP") or spec.get("hostNetwork") or status.get("phase") not in ("Pending", "Running"):
            continue
        ports = {
            port["name"]: port["containerPort"]
            for container in spec.get("containers") or []
            for port in container.get("ports") or []
            if port.get("name")
        }
        metadata = pod["metadata"]
        found.append(_Pod(metadata["namespace"], metadata.get("labels") or {}, status["podIP"], ports))
    # After a crash an old pod can still be on record with the address that a new one was given.
    claims = Counter(pod.address for pod in found)
    return sorted((pod for pod in found if claims[pod.address] == 1), key=lambda pod: pod.address)


def _selects(policy: Object, pod: _Pod) -> bool:
    return policy["metadata"]["namespace"] == pod.namespace and _matches(policy["spec"].get("podSelector") or {}, pod.labels)


def _matches(selector: Object, labels: Mapping[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_meets(requirement, labels) for requirement in selector.get("matchExpressions") or [])


def _meets(requirement: Object, labels: Mapping[str, str]) -> bool:
    key, values = requirement["key"], requirement.get("values") or []
    match requirement["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False


def _allow(rule: Object, direction: _Direction, pod: _Pod, pods: list[_Pod], namespaces: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The nft rules that let through what one rule of a policy allows."""
    peers = [""] if not rule.get(direction.peers) else []
    for peer in rule.get(direction.peers) or []:
        if "ipBlock" in peer:
            peers.extend(_allow_block(peer["ipBlock"], direction.other))
        elif addresses := [other.address for other in pods if _is_peer(peer, pod.namespace, other, namespaces)]:
            peers.append(f"ip {direction.other} {{ {', '.join(addresses)} }} ")
    ports = _list_ports(rule, pod, pods, direction)
    return [f"{peer}{port}return" for peer in peers for port in ports]


def _allow_block(block: Object, other: str) -> list[str]:
    if ":" in block["cidr"]:
        return []
    # One comparison each: in one set, exceptions that overlap would make nft refuse the whole table.
    exclusion = "".join(f"ip {other} != {cidr} " for cidr in block.get("except") or [] if ":" not in cidr)
    return [f"{exclusion}ip {other} {block['cidr']} "]


def _is_peer(peer: Object, namespace: str, other: _Pod, namespaces: Mapping[str, Mapping[str, str]]) -> bool:
    if "namespaceSelector" in peer:
        in_namespace = _matches(peer["namespaceSelector"] or {}, namespaces.get(other.namespace, {}))
    else:
        in_namespace = other.namespace == namespace
    return in_namespace and _matches(peer.get("podSelector") or {}, other.labels)


def _list_ports(rule: Object, pod: _Pod, pods: list[_Pod], direction: _Direction) -> list[str]:
    """nft matches for the ports of a rule. A name is that of a port of the pod that receives: the selected one on the way
    in, each possible peer on the way out."""
    if not rule.get("ports"):
        return [""]
    found = []
    for wanted in rule["ports"]:
        protocol, port = wanted.get("protocol", "TCP").lower(), wanted.get("port")
        if port is None:
            found.append(f"meta l4proto {protocol} ")
        elif isinstance(port, int):
            end = f"-{wanted['endPort']}" if "endPort" in wanted else ""
            found.append(f"{protocol} dport {port}{end} ")
        elif direction.kind == "Ingress":
            found.extend([f"{protocol} dport {pod.ports[port]} "] if port in pod.ports else [])
        else:
            found.extend(f"ip daddr {other.address} {protocol} dport {other.ports[port]} " for other in pods if port in other.ports)
    return found
