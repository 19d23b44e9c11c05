"""Which written objects take the ground from under an admission rule. What a bare API server can show is in the integration tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.gateway.rehearsal.exempting import Rule, find_relief
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.values.requests import Json, RequestInfo

MADE = RequestInfo("create", True, "/api/v1/namespaces/shop/pods", "", "v1", "pods", "", "shop", "made")
NAMESPACE = RequestInfo("delete", True, "/api/v1/namespaces/shop", "", "v1", "namespaces", "", "shop", "shop")
DENIED = 'admission webhook "h" denied the request: set allow-delete first'
DOWN = 'failed calling webhook "h": failed to call webhook: Post "https://h.hooks.svc:443/?timeout=9s": {}'
REFUSED = DOWN.format("dial tcp 10.96.0.9:443: connect: connection refused")
CONVERSION = (
    'conversion webhook for x.io/v1, Kind=W failed: Post "https://h.hooks.svc:443/?timeout=9s": no endpoints available for service "h"'
)
YES, NO = {"matchLabels": {"checked": "yes"}}, {"matchLabels": {"checked": "no"}}
SERVICE = {"spec": {"selector": {"app": "h"}}}


def labelled(**labels: str) -> Json:
    return {"metadata": {"labels": labels}}


def namespace(before: Json, after: Json, name: str = "shop") -> Entry:
    return Entry(Key("", "namespaces", "", name), "v1", "Namespace", before, after, (0,))


def parameter(before: Json, after: Json, name: str = "names", where: str = "shop", kind: str = "ConfigMap") -> Entry:
    return Entry(Key("", "configmaps", where, name), "v1", kind, before, after, (0,))


def workload(replicas: int | None, image: str = "h:1", app: str = "h") -> Json:
    if replicas is None:
        return None
    return {"spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": app}}, "spec": {"image": image}}}}


def backend(before: Json, after: Json, where: str = "hooks") -> Entry:
    return Entry(Key("apps", "deployments", where, "h"), "v1", "Deployment", before, after, (0,))


def hooks(*namespace_selectors: Json) -> Rule:
    return Rule(hooks=tuple({"name": "h", "namespaceSelector": one} for one in namespace_selectors))


def taking(**reference: Json) -> Rule:
    return Rule({"spec": {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}}, {"spec": {"paramRef": reference}})


def reading(expression: str) -> Rule:
    return Rule({"spec": {"validations": [{"expression": "true"}], "variables": [{"name": "x", "expression": expression}]}})


GOES = namespace(labelled(checked="yes"), labelled(checked="no"))
BOUND = Rule(binding={"spec": {"matchResources": {"namespaceSelector": YES}}})
RELIEF: dict[str, tuple[str, Entry, Rule]] = {
    "spared by the binding": ("", GOES, BOUND),
    "spared by the only webhook of this name that applied": (DENIED, GOES, hooks(YES, NO)),
    "spared by both webhooks of this name": (DENIED, GOES, hooks(YES, YES)),
    "a parameter by its labels": (
        "",
        parameter({**labelled(a="b"), "data": {"x": "1"}}, {**labelled(a="c"), "data": {"x": "1"}}),
        taking(selector={"matchLabels": {"a": "b"}}),
    ),
    "a parameter that is made": ("", parameter(None, {"data": {}}), taking(name="names")),
    "a parameter of another namespace": ("", parameter({"data": {}}, None, where="rules"), taking(name="names", namespace="rules")),
    "a label that a variable reads": ("", namespace(labelled(), labelled(tier="x")), reading("namespaceObject.metadata.labels['tier']")),
    "a backend with more pods": (REFUSED, backend(workload(0), workload(2)), Rule(service=SERVICE)),
    "a backend that is mended": (REFUSED, backend(workload(1), workload(1, "h:2")), Rule(service=SERVICE)),
    "a backend that is made": (CONVERSION, backend(None, workload(1)), Rule(service=SERVICE)),
}
NONE: dict[str, tuple[str, Entry, Rule]] = {
    "another namespace": ("", replace(GOES, key=Key("", "namespaces", "", "bank")), BOUND),
    "a namespace that is still bound": ("", namespace(labelled(checked="yes"), labelled(checked="yes", a="b")), BOUND),
    "a namespace that was not bound": ("", namespace(labelled(checked="no"), labelled(checked="yes")), BOUND),
    "one webhook of two goes on": (DENIED, GOES, hooks(YES, {})),
    "a webhook for every namespace": (DENIED, GOES, Rule(hooks=({"name": "h"},))),
    "a webhook that nobody may read": (DENIED, GOES, Rule()),
    "a parameter of another name": ("", parameter(None, {"data": {}}, "other"), taking(name="names")),
    "a parameter that says the same": ("", parameter({"data": {}}, {"data": {}, **labelled(a="b")}), taking(name="names")),
    "a parameter elsewhere": ("", parameter(None, {"data": {}}, where="bank"), taking(name="names")),
    "another kind": ("", parameter(None, {"data": {}}, kind="Secret"), taking(name="names")),
    "labels that select no parameter": (
        "",
        parameter({**labelled(a="d"), "data": {"x": "1"}}, {**labelled(a="c"), "data": {"x": "2"}}),
        taking(selector={"matchLabels": {"a": "b"}}),
    ),
    "a label that is only part of what is read": (
        "",
        namespace(labelled(), labelled(tier="x")),
        reading("namespaceObject.metadata.name == 'frontier'"),
    ),
    "a policy that does not read the namespace": ("", namespace(labelled(), labelled(tier="x")), reading("object.tier")),
    "a backend with fewer pods": (REFUSED, backend(workload(3), workload(1)), Rule(service=SERVICE)),
    "a backend that has no pods": (REFUSED, backend(workload(1), workload(0, "h:2")), Rule(service=SERVICE)),
    "pods of another Service": (REFUSED, backend(None, workload(1, app="other")), Rule(service=SERVICE)),
    "a backend in another namespace": (REFUSED, backend(None, workload(1), "shop"), Rule(service=SERVICE)),
    "a backend that answers": (DENIED, backend(workload(0), workload(2)), Rule(service=SERVICE)),
    "a backend with a wrong certificate": (
        DOWN.format("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        backend(workload(1), workload(2)),
        Rule(service=SERVICE),
    ),
    "a Service without a selector": (REFUSED, backend(None, workload(1)), Rule(service={"spec": {}})),
}


@pytest.mark.parametrize(("words", "written", "rule"), RELIEF.values(), ids=RELIEF)
def test_what_the_rule_was_decided_on_is_another_by_now(words: str, written: Entry, rule: Rule) -> None:
    unrelated = parameter({"data": {}}, None, "unrelated", "bank")

    assert find_relief(words, MADE, [written, unrelated], rule, is_delete=False) == written


@pytest.mark.parametrize(("words", "written", "rule"), NONE.values(), ids=NONE)
def test_any_other_write_leaves_the_rule_in_force(words: str, written: Entry, rule: Rule) -> None:
    assert find_relief(words, MADE, [written], rule, is_delete=False) is None


def test_a_namespace_is_selected_by_its_own_labels() -> None:
    assert find_relief(DENIED, NAMESPACE, [GOES], hooks(YES), is_delete=True) == GOES


@pytest.mark.parametrize(
    ("label", "is_delete", "is_relief"), [("allow-delete", True, True), ("allow", True, False), ("allow-delete", False, False)]
)
def test_a_webhook_that_asks_for_something_before_a_delete_is_believed(label: str, is_delete: bool, is_relief: bool) -> None:
    own = namespace(labelled(), labelled(**{label: "yes"}))

    assert (find_relief(DENIED, NAMESPACE, [own], hooks({}), is_delete=is_delete) == own) is is_relief
