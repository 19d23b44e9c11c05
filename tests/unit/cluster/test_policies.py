"""NetworkPolicies become nftables rules that allow what they allow, and nothing else."""

from typing import Any

import pytest

from tests.cluster import policies

NAMESPACES = [
    {"metadata": {"name": "shop", "labels": {"team": "shop"}}},
    {"metadata": {"name": "other", "labels": {"team": "other"}}},
]


def make_pod(address: str, namespace: str = "shop", **changes: Any) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "metadata": {"namespace": namespace, "labels": changes.pop("labels", {"app": "web"})},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}], "hostNetwork": changes.pop("host_network", False)},
        "status": {"podIP": address, "phase": changes.pop("phase", "Running")},
    }
    assert not changes
    return pod


def make_policy(spec: dict[str, Any], namespace: str = "shop") -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "policy"}, "spec": {"podSelector": {"matchLabels": {"app": "web"}}, **spec}}


def by_expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"podSelector": {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}}


def read_chain(rules: str, name: str) -> list[str]:
    """The rules of one chain; fails if there is no such chain."""
    lines = [line.strip() for line in rules.splitlines()]
    start = lines.index(f"chain {name} {{")
    return lines[start + 1 : lines.index("}", start)]


def test_a_pod_without_policies_has_no_chain() -> None:
    rules = policies.render(NAMESPACES, [make_pod("10.244.0.2")], [])

    assert "chain egress" not in rules
    assert "vmap" not in rules


def test_an_address_that_is_not_known_may_send_nothing() -> None:
    rules = policies.render(NAMESPACES, [make_pod("10.244.0.2")], [])

    assert "ip saddr 10.244.0.0/24 ip saddr != { 10.244.0.1, 10.244.0.2 } drop" in read_chain(rules, "pods")


def test_an_address_that_two_pods_claim_counts_as_unknown() -> None:
    pods = [make_pod("10.244.0.2"), make_pod("10.244.0.2", "other"), make_pod("10.244.0.3")]

    rules = policies.render(NAMESPACES, pods, [])

    assert "ip saddr 10.244.0.0/24 ip saddr != { 10.244.0.1, 10.244.0.3 } drop" in read_chain(rules, "pods")


@pytest.mark.parametrize("pod", [make_pod("10.244.0.1", host_network=True), make_pod("10.244.0.9", phase="Succeeded"), make_pod("")])
def test_pods_without_an_address_of_their_own_are_left_out(pod: dict[str, Any]) -> None:
    rules = policies.render(NAMESPACES, [pod], [make_policy({"policyTypes": ["Ingress"]})])

    assert "ip saddr 10.244.0.0/24 ip saddr != { 10.244.0.1 } drop" in read_chain(rules, "pods")
    assert "vmap" not in rules


def test_a_policy_without_rules_denies_everything_in_its_direction() -> None:
    rules = policies.render(NAMESPACES, [make_pod("10.244.0.2")], [make_policy({"policyTypes": ["Egress"]})])

    assert read_chain(rules, "egress-10-244-0-2") == ["counter drop"]
    assert "ip saddr vmap { 10.244.0.2 : jump egress-10-244-0-2 }" in read_chain(rules, "pods")
    assert "ingress-" not in rules


def test_an_empty_rule_allows_everything_in_its_direction() -> None:
    rules = policies.render(NAMESPACES, [make_pod("10.244.0.2")], [make_policy({"policyTypes": ["Ingress"], "ingress": [{}]})])

    assert read_chain(rules, "ingress-10-244-0-2") == ["return", "counter drop"]


def test_a_policy_of_another_namespace_selects_nothing() -> None:
    rules = policies.render(NAMESPACES, [make_pod("10.244.0.2")], [make_policy({"policyTypes": ["Egress"]}, namespace="other")])

    assert "egress-" not in rules


def test_a_block_is_allowed_without_its_exceptions() -> None:
    block = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.1.2.0/24"]}
    rule = {"to": [{"ipBlock": block}], "ports": [{"port": 6443}]}

    rules = policies.render(NAMESPACES, [make_pod("10.244.0.2")], [make_policy({"policyTypes": ["Egress"], "egress": [rule]})])

    assert read_chain(rules, "egress-10-244-0-2") == [
        "ip daddr != 10.1.0.0/16 ip daddr != 10.1.2.0/24 ip daddr 10.0.0.0/8 tcp dport 6443 return",
        "counter drop",
    ]


def test_an_ipv6_block_allows_nothing_here() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "::/0"}}]}

    rules = policies.render(NAMESPACES, [make_pod("10.244.0.2")], [make_policy({"policyTypes": ["Egress"], "egress": [rule]})])

    assert read_chain(rules, "egress-10-244-0-2") == ["counter drop"]


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        pytest.param({"podSelector": {}}, ["10.244.0.2", "10.244.0.3"], id="all pods of the own namespace"),
        pytest.param({"podSelector": {"matchLabels": {"app": "cart"}}}, ["10.244.0.3"], id="labels"),
        pytest.param({"namespaceSelector": {}}, ["10.244.0.2", "10.244.0.3", "10.244.0.4"], id="all namespaces"),
        pytest.param({"namespaceSelector": {"matchLabels": {"team": "other"}}}, ["10.244.0.4"], id="one namespace"),
        pytest.param({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "cart"}}}, ["10.244.0.3", "10.244.0.4"], id="both"),
        pytest.param(by_expression("app", "In", "cart"), ["10.244.0.3"], id="in"),
        pytest.param(by_expression("app", "NotIn", "cart"), ["10.244.0.2"], id="not in"),
        pytest.param(by_expression("tier", "Exists"), ["10.244.0.3"], id="exists"),
        pytest.param(by_expression("tier", "DoesNotExist"), ["10.244.0.2"], id="does not exist"),
        pytest.param({"podSelector": {"matchLabels": {"app": "nobody"}}}, [], id="nobody"),
    ],
)
def test_peers_are_found_by_their_labels(peer: dict[str, Any], allowed: list[str]) -> None:
    pods = [
        make_pod("10.244.0.2"),
        make_pod("10.244.0.3", labels={"app": "cart", "tier": "back"}),
        make_pod("10.244.0.4", "other", labels={"app": "cart"}),
    ]

    rules = policies.render(NAMESPACES, pods, [make_policy({"policyTypes": ["Ingress"], "ingress": [{"from": [peer]}]})])

    expected = [f"ip saddr {{ {', '.join(allowed)} }} return"] if allowed else []
    assert read_chain(rules, "ingress-10-244-0-2") == [*expected, "counter drop"]


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        pytest.param({"port": 53, "protocol": "UDP"}, ["udp dport 53 return"], id="number"),
        pytest.param({"port": 1000, "endPort": 2000}, ["tcp dport 1000-2000 return"], id="range"),
        pytest.param({"protocol": "UDP"}, ["meta l4proto udp return"], id="protocol"),
        pytest.param({"port": "http"}, ["tcp dport 8080 return"], id="name"),
        pytest.param({"port": "metrics"}, [], id="name that the pod lacks"),
    ],
)
def test_ports_are_matched(port: dict[str, Any], expected: list[str]) -> None:
    policy = make_policy({"policyTypes": ["Ingress"], "ingress": [{"ports": [port]}]})

    rules = policies.render(NAMESPACES, [make_pod("10.244.0.2")], [policy])

    assert read_chain(rules, "ingress-10-244-0-2") == [*expected, "counter drop"]


def test_a_named_port_on_the_way_out_is_that_of_the_receiver() -> None:
    receiver = make_pod("10.244.0.3", labels={"app": "cart"})
    policy = make_policy({"policyTypes": ["Egress"], "egress": [{"ports": [{"port": "http"}]}]})

    rules = policies.render(NAMESPACES, [make_pod("10.244.0.2"), receiver], [policy])

    assert "ip daddr 10.244.0.3 tcp dport 8080 return" in read_chain(rules, "egress-10-244-0-2")
