"""Differences between two versions of an object, as paths that a Kubernetes person reads."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.changes import quantities
from bot.changes.change import FieldDiff
from bot.changes.fields import between

CONTAINER = {
    "name": "web",
    "image": "nginx:1",
    "args": ["-v", "run"],
    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}],
    "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}},
    "volumeMounts": [{"mountPath": "/data", "name": "v"}],
}
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "annotations": {"a.b/c": "1"}, "uid": "u", "resourceVersion": "5"},
    "spec": {"replicas": 3, "template": {"spec": {"containers": [CONTAINER], "volumes": [{"name": "v", "emptyDir": {}}]}}},
    "status": {"readyReplicas": 3},
}
POD_SPEC = "spec.template.spec"
WEB_CONTAINER = f"{POD_SPEC}.containers[web]"


def changed(edit: Any) -> dict[str, Any]:
    item = copy.deepcopy(WEB)
    edit(item, item["spec"]["template"]["spec"]["containers"][0])
    return item


def set_in(holder: dict[str, Any], key: str, value: Any) -> None:
    holder[key] = value


CASES: dict[str, tuple[Any, list[tuple[str, Any, Any, str]]]] = {
    "a number": (lambda item, c: set_in(item["spec"], "replicas", 5), [("spec.replicas", 3, 5, "replace")]),
    "an item by its name": (lambda item, c: set_in(c, "image", "nginx:2"), [(f"{WEB_CONTAINER}.image", "nginx:1", "nginx:2", "replace")]),
    "a key with dots": (
        lambda item, c: set_in(item["metadata"]["annotations"], "a.b/c", "2"),
        [('metadata.annotations["a.b/c"]', "1", "2", "replace")],
    ),
    "a new key": (lambda item, c: set_in(item["metadata"], "labels", {"x": "y"}), [("metadata.labels.x", None, "y", "add")]),
    "a removed key": (
        lambda item, c: c.pop("resources"),
        [(f"{WEB_CONTAINER}.resources", CONTAINER["resources"], None, "remove")],
    ),
    "a removed map of texts": (
        lambda item, c: c["resources"].pop("limits"),
        [
            (f"{WEB_CONTAINER}.resources.limits.cpu", "1000m", None, "remove"),
            (f"{WEB_CONTAINER}.resources.limits.memory", "1Gi", None, "remove"),
        ],
    ),
    "a removed list of items": (
        lambda item, c: c.pop("env"),
        [
            (f"{WEB_CONTAINER}.env[A]", {"name": "A", "value": "1"}, None, "remove"),
            (f"{WEB_CONTAINER}.env[B]", {"name": "B", "value": "2"}, None, "remove"),
        ],
    ),
    "a new port, before the others": (
        lambda item, c: c["ports"].insert(0, {"containerPort": 81, "protocol": "TCP"}),
        [(f"{WEB_CONTAINER}.ports[81].containerPort", None, 81, "add")],
    ),
    "a new variable, before the others": (
        lambda item, c: c["env"].insert(0, {"name": "0", "value": "x"}),
        [(f"{WEB_CONTAINER}.env[0].value", None, "x", "add"), (f"{WEB_CONTAINER}.env[*]", ["A", "B"], ["0", "A", "B"], "replace")],
    ),
    "another order of ports": (
        lambda item, c: c["ports"].reverse(),
        [(f"{WEB_CONTAINER}.ports[*]", ["80", "53/UDP"], ["53/UDP", "80"], "replace")],
    ),
    "an account by both of its names": (
        lambda item, c: item["spec"]["template"]["spec"].update(serviceAccountName="robot", serviceAccount="robot"),
        [(f"{POD_SPEC}.serviceAccountName", None, "robot", "add")],
    ),
    "an account by its old name alone": (
        lambda item, c: set_in(item["spec"]["template"]["spec"], "serviceAccount", "robot"),
        [(f"{POD_SPEC}.serviceAccount", None, "robot", "add")],
    ),
    "null is missing": (lambda item, c: set_in(c, "command", None), []),
    "an empty map": (lambda item, c: set_in(c, "securityContext", {}), [(f"{WEB_CONTAINER}.securityContext", None, {}, "add")]),
    "a map that became empty": (
        lambda item, c: set_in(c["resources"], "limits", {}),
        [
            (f"{WEB_CONTAINER}.resources.limits.cpu", "1000m", None, "remove"),
            (f"{WEB_CONTAINER}.resources.limits.memory", "1Gi", None, "remove"),
        ],
    ),
    "a map that became text": (
        lambda item, c: set_in(item["spec"], "template", "x"),
        [("spec.template", WEB["spec"]["template"], "x", "replace")],
    ),
    "an equal quantity": (lambda item, c: set_in(c["resources"]["limits"], "cpu", 1), []),
    "another quantity": (
        lambda item, c: set_in(c["resources"]["limits"], "cpu", "500m"),
        [(f"{WEB_CONTAINER}.resources.limits.cpu", "1000m", "500m", "replace")],
    ),
    "a port by number and protocol": (
        lambda item, c: set_in(c["ports"][1], "hostPort", 53),
        [(f"{WEB_CONTAINER}.ports[53/UDP].hostPort", None, 53, "add")],
    ),
    "a mount by its path": (
        lambda item, c: set_in(c["volumeMounts"][0], "readOnly", True),
        [(f"{WEB_CONTAINER}.volumeMounts[/data].readOnly", None, True, "add")],
    ),
    "a new item": (
        lambda item, c: item["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "b"}),
        [(f"{POD_SPEC}.containers[side].image", None, "b", "add")],
    ),
    "a new item of a name alone": (
        lambda item, c: set_in(item["spec"]["template"]["spec"], "imagePullSecrets", [{"name": "x"}]),
        [(f"{POD_SPEC}.imagePullSecrets[x].name", None, "x", "add")],
    ),
    "a removed item": (lambda item, c: c["env"].pop(), [(f"{WEB_CONTAINER}.env[B]", {"name": "B", "value": "2"}, None, "remove")]),
    "another order": (lambda item, c: c["env"].reverse(), [(f"{WEB_CONTAINER}.env[*]", ["A", "B"], ["B", "A"], "replace")]),
    "an inserted argument": (lambda item, c: c["args"].insert(1, "-x"), [(f"{WEB_CONTAINER}.args[1]", None, "-x", "add")]),
    "a replaced argument": (lambda item, c: set_in(c, "args", ["-v", "go"]), [(f"{WEB_CONTAINER}.args[1]", "run", "go", "replace")]),
    "a removed argument": (lambda item, c: c["args"].pop(0), [(f"{WEB_CONTAINER}.args[0]", "-v", None, "remove")]),
    "a new list of texts": (lambda item, c: set_in(c, "command", ["sh"]), [(f"{WEB_CONTAINER}.command", None, ["sh"], "add")]),
    "true is not 1": (lambda item, c: set_in(item["spec"], "replicas", True), [("spec.replicas", 3, True, "replace")]),
    "what the server sets": (
        lambda item, c: item.update(
            status={"readyReplicas": 1}, metadata={**item["metadata"], "resourceVersion": "6", "generation": 7, "managedFields": []}
        ),
        [],
    ),
    "server annotations": (
        lambda item, c: item["metadata"]["annotations"].update(
            {"deployment.kubernetes.io/revision": "9", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
        ),
        [],
    ),
    "only server annotations": (
        lambda item, c: set_in(item["metadata"], "annotations", {"a.b/c": "1", "deployment.kubernetes.io/revision": "9"}),
        [],
    ),
}


@pytest.mark.parametrize(("edit", "expected"), CASES.values(), ids=CASES)
def test_a_change_is_told_by_its_path(edit: Any, expected: list[tuple[str, Any, Any, str]]) -> None:
    assert between(WEB, changed(edit)) == tuple(FieldDiff(*field) for field in expected)


def test_items_without_names_are_compared_by_place() -> None:
    old = {"rules": [{"verbs": ["get"]}, {"verbs": ["list"]}]}
    new = {"rules": [{"verbs": ["get"]}, {"verbs": ["watch"]}, {"verbs": ["list"]}]}

    assert between(old, new) == (FieldDiff("rules[1]", None, {"verbs": ["watch"]}, "add"),)


def test_items_that_share_a_name_are_compared_by_place() -> None:
    old = {"rules": [{"name": "a", "x": 1}, {"name": "a", "x": 2}]}
    new = {"rules": [{"name": "a", "x": 1}, {"name": "a", "x": 3}]}

    assert between(old, new) == (FieldDiff("rules[1].x", 2, 3, "replace"),)


def test_ports_of_both_protocols_are_told_apart() -> None:
    old = {"ports": [{"port": 53, "protocol": "TCP", "a": 1}, {"port": 53, "protocol": "UDP", "a": 1}]}
    new = {"ports": [{"port": 53, "protocol": "TCP", "a": 1}, {"port": 53, "protocol": "UDP", "a": 2}]}

    assert between(old, new) == (FieldDiff("ports[53/UDP].a", 1, 2, "replace"),)


def test_true_in_a_list_is_not_1() -> None:
    assert between({"x": [1, 1.0]}, {"x": [True, 1.0]}) == (FieldDiff("x[0]", 1, True, "replace"),)


def test_the_status_counts_when_it_is_what_is_written() -> None:
    assert between(WEB, {**WEB, "status": {"readyReplicas": 1}}, with_status=True) == (FieldDiff("status.readyReplicas", 3, 1, "replace"),)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"spec": {"replicas": 3, "x": 1}}, {"replicas": 5}, ((3, 5, "replace"),)),
        ({"spec": {"replicas": 3}}, {}, ((3, 0, "replace"),)),
        ({"spec": {}}, {"replicas": 5}, ((None, 5, "add"),)),
        (None, {"replicas": 5}, ((None, 5, "add"),)),
    ],
)
def test_a_scale_is_compared_by_its_replicas(before: Any, after: Any, expected: Any) -> None:
    scale = {"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": after, "status": {"replicas": 3}}

    assert between(before, scale) == tuple(FieldDiff("spec.replicas", *field) for field in expected)


def test_a_scale_of_another_group_is_an_ordinary_object() -> None:
    item = {"kind": "Scale", "apiVersion": "music.example.io/v1", "spec": {"key": "C"}}

    assert between(item, {**item, "spec": {"key": "D"}}) == (FieldDiff("spec.key", "C", "D", "replace"),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "spec", "ports", "x", "a.b"]), inner),
    max_leaves=12,
)


def without_nulls(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: without_nulls(value) for key, value in node.items() if value is not None}
    return [without_nulls(item) for item in node] if isinstance(node, list) else node


@given(JSON, JSON)
def test_equal_objects_differ_in_nothing_and_others_in_something(first: Any, second: Any) -> None:
    old, new = {"spec": without_nulls(first)}, {"spec": without_nulls(second)}

    assert between(old, copy.deepcopy(old)) == ()
    assert (between(old, new) == ()) == (between(new, old) == ())
    if not between(old, new):
        assert repr(sort_keys(old)) == repr(sort_keys(new)) or None in flat(old, new)


def sort_keys(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: sort_keys(node[key]) for key in sorted(node) if node[key] is not None}
    return [sort_keys(item) for item in node] if isinstance(node, list) else node


def flat(*nodes: Any) -> list[Any]:
    found: list[Any] = []
    for node in nodes:
        found += flat(*node.values()) if isinstance(node, dict) else flat(*node) if isinstance(node, list) else [node]
    return found


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("1", "1000m", True),
        (1, "1.0", True),
        ("1Gi", "1024Mi", True),
        ("1G", "1e9", True),
        ("1k", 1000, True),
        ("0.5", "500m", True),
        (".5", "500m", True),
        ("-1", "-1000m", True),
        ("1000000n", "1000u", True),
        ("1Gi", "1G", False),
        ("1", "2", False),
        ("", "", False),
        ("abc", "abc", False),
        (True, 1, False),
        (None, None, False),
        ("1e9999", "1", False),
    ],
)
def test_quantities_are_compared_by_value(first: Any, second: Any, equal: bool) -> None:
    assert quantities.are_equal(first, second) is equal


@pytest.mark.parametrize(
    ("keys", "is_quantity"),
    [
        (("spec", "containers", "web", "resources", "requests", "cpu"), True),
        (("spec", "resources", "limits", "storage"), True),
        (("spec", "limits", "Container", "max", "cpu"), True),
        (("spec", "hard", "pods"), True),
        (("spec", "capacity", "storage"), True),
        (("status", "allocatable", "cpu"), True),
        (("spec", "overhead", "podFixed", "cpu"), True),
        (("volumes", "v", "emptyDir", "sizeLimit"), True),
        (("metrics", "0", "resource", "target", "averageValue"), True),
        (("data", "cpu"), False),
        (("metadata", "annotations", "cpu"), False),
        (("spec", "limits", "cpu"), False),
        (("hard", "cpu"), False),
        (("cpu",), False),
        ((), False),
    ],
)
def test_only_fields_of_the_api_are_quantities(keys: tuple[str, ...], is_quantity: bool) -> None:
    assert quantities.holds_quantity(keys) is is_quantity


def test_annotations_that_only_the_server_sets_are_no_change() -> None:
    after = {"metadata": {"annotations": {"deployment.kubernetes.io/revision": "1"}}}

    assert between({"metadata": {}}, after) == ()
    assert between({}, {"spec": {"x": {"y": None}}}) == (FieldDiff("spec.x", None, {}, "add"),)


def test_rules_are_named_by_what_they_are_about() -> None:
    def rules(verbs: list[str], *more: dict[str, object]) -> dict[str, object]:
        pods = {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get"]}
        return {"rules": [pods, {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": verbs}, *more]}

    health = {"nonResourceURLs": ["/healthz"], "verbs": ["get"]}

    assert between(rules(["get"]), rules(["get", "delete"])) == (FieldDiff("rules[deployments.apps].verbs[1]", None, "delete", "add"),)
    assert between({"rules": []}, rules(["get"])) == (
        FieldDiff("rules[pods,pods/log].verbs", None, ["get"], "add"),
        FieldDiff("rules[deployments.apps].verbs", None, ["get"], "add"),
    )
    assert between({"rules": []}, {"rules": [health]}) == (FieldDiff("rules[/healthz].verbs", None, ["get"], "add"),)


def test_ingress_paths_are_named_by_host_and_path() -> None:
    def ingress(service: str) -> dict[str, object]:
        path = {"path": "/api", "pathType": "Prefix", "backend": {"service": {"name": service}}}
        return {"spec": {"rules": [{"host": "x.test", "http": {"paths": [path]}}]}}

    assert between(ingress("a"), ingress("b")) == (
        FieldDiff("spec.rules[x.test].http.paths[/api].backend.service.name", "a", "b", "replace"),
    )


def test_a_new_item_before_others_tells_the_order() -> None:
    first, second = {"name": "a", "image": "x"}, {"name": "b", "image": "y"}

    assert between({"initContainers": [second]}, {"initContainers": [second, first]}) == (
        FieldDiff("initContainers[a].image", None, "x", "add"),
    )
    assert between({"initContainers": [second]}, {"initContainers": [first, second]})[1:] == (
        FieldDiff("initContainers[*]", ["b"], ["a", "b"], "replace"),
    )


def test_a_name_that_could_end_its_brackets_is_quoted() -> None:
    old, new = [{"name": "a].image[b", "value": "1"}], [{"name": "a].image[b", "value": "2"}]

    assert between({"env": old}, {"env": new}) == (FieldDiff('env["a].image[b"].value', "1", "2", "replace"),)
