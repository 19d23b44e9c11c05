"""Which written objects may be the cause of which rejections. Those that a bare API server gives are in the integration tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.gateway.rehearsal.causes import find_cause
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.values.requests import ApiResponse, Json, RequestInfo

MADE = RequestInfo("create", True, "/api/v1/namespaces/shop/pods", "", "v1", "pods", "", "shop", "made")
RBAC = "rbac.authorization.k8s.io"


def entry(group: str, resource: str, name: str, live: Json, current: Json, namespace: str = "shop") -> Entry:
    return Entry(Key(group, resource, namespace, name), "v1", resource, live, current, (0,))


def quota(live: Json, current: Json, name: str = "few", namespace: str = "shop") -> Entry:
    return entry("", "resourcequotas", name, live, current, namespace)


def hard(**limits: str) -> Json:
    return {"spec": {"hard": {name.replace("_", "."): value for name, value in limits.items()}}}


def role(live: Json, current: Json, namespace: str = "shop", resource: str = "roles") -> Entry:
    return entry(RBAC, resource, "r", live and {"rules": live}, current and {"rules": current}, namespace)


def binding(live: Json, current: Json, resource: str = "rolebindings", namespace: str = "shop") -> Entry:
    return entry(
        RBAC, resource, "b", live and {"roleRef": "x", "subjects": live}, current and {"roleRef": "x", "subjects": current}, namespace
    )


def subject(kind: str, name: str, namespace: str = "") -> Json:
    return {"kind": kind, "name": name, **({"namespace": namespace} if namespace else {})}


def namespace(before: str | None, after: str | None) -> Entry:
    was, now = ({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level} if level else {}}} for level in (before, after))
    return entry("", "namespaces", "shop", was, now, "")


READS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
WRITES = {"apiGroups": ["*"], "resources": ["configmaps"], "verbs": ["*"]}
SCALES = {"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["patch"]}
EXCEEDED = (
    'pods "made" is forbidden: exceeded quota: few, requested: pods=1,requests.cpu=500m, used: pods=2,requests.cpu=1, limited: pods=2'
)
CLAIMS = (
    'persistentvolumeclaims "c" is forbidden: exceeded quota: few, requested: requests.storage=2Gi, used: requests.storage=0, limited: x'
)
UNBOUNDED = 'pods "made" is forbidden: failed quota: few: must specify limits.cpu for: c'
ROBOT = 'User "system:serviceaccount:shop:robot" cannot create resource "configmaps" in API group "" in the namespace "shop"'
SCALE = 'User "alice" cannot patch resource "deployments/scale" in API group "apps" in the namespace "shop"'
ESCALATION = 'user "alice" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{…}'
ENGINE = 'admission webhook "validation.gatekeeper.sh" denied the request: [must-have-owner] all pods must have an owner'
WEBHOOK = 'Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: connection refused'
HOOKS = {"webhooks": [{"name": "check.example.com", "failurePolicy": "Fail"}, {"name": "other.example.com"}]}
SMALL, LARGE = {"spec": {"limits": [1]}}, {"spec": {"limits": [9]}}
GROW = 'persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the storageclass must support resize'
PODS = 'pods "made" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'
BUDGETS = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."

CAUSES: dict[str, tuple[int, str, Entry]] = {
    "quota gone": (403, EXCEEDED, quota(hard(pods="2", requests_cpu="1"), None)),
    "quota just large enough": (403, EXCEEDED, quota(hard(pods="2"), hard(pods="3", requests_cpu="1500m"))),
    "quota without that limit": (403, EXCEEDED, quota(hard(pods="2"), hard(services="1"))),
    "quota of another scope": (403, EXCEEDED, quota(hard(pods="2"), {"spec": {**hard(pods="2")["spec"], "scopes": ["BestEffort"]}})),
    "a counted pod is gone": (403, EXCEEDED, entry("", "pods", "old", {"spec": {}}, None)),
    "a counted claim is gone": (403, CLAIMS, entry("", "persistentvolumeclaims", "old", {"spec": {}}, None)),
    "a limit range with defaults": (403, UNBOUNDED, entry("", "limitranges", "l", None, SMALL)),
    "the quota that demands a limit is gone": (403, UNBOUNDED, quota(hard(limits_cpu="1"), None)),
    "bound account": (403, ROBOT, binding(None, [subject("ServiceAccount", "robot", "shop")])),
    "bound account of the binding's namespace": (403, ROBOT, binding([], [subject("ServiceAccount", "robot")])),
    "bound group of accounts": (403, ROBOT, binding(None, [subject("Group", "system:serviceaccounts:shop")], "clusterrolebindings", "")),
    "role with more rules": (403, ROBOT, role([READS], [READS, WRITES])),
    "role with a subresource": (403, SCALE, role([READS], [SCALES])),
    "bound user": (403, ESCALATION, binding([subject("User", "bob")], [subject("User", "bob"), subject("User", "alice")])),
    "bound group": (403, ESCALATION, binding(None, [subject("Group", "dev")])),
    "cluster role with more rules": (403, ESCALATION, role([READS], [READS, WRITES], "", "clusterroles")),
    "rule of a policy engine": (403, ENGINE, entry("constraints.gatekeeper.sh", "owners", "must-have-owner", {"spec": 1}, None, "")),
    "webhook that does not answer": (
        500,
        WEBHOOK,
        entry("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "w", HOOKS, None),
    ),
    "class that lets claims grow": (
        403,
        GROW,
        entry("storage.k8s.io", "storageclasses", "s", {"provisioner": "x"}, {"provisioner": "x", "allowVolumeExpansion": True}, ""),
    ),
    "one budget of two": (500, BUDGETS, entry("policy", "poddisruptionbudgets", "b", SMALL, None)),
    "a lower Pod Security level": (403, PODS, namespace("restricted", "baseline")),
    "no Pod Security level": (403, PODS, namespace("restricted", None)),
    "something missing": (403, 'serviceaccount "late" not found', entry("", "serviceaccounts", "late", None, {"metadata": {}})),
}
NONE: dict[str, tuple[int, str, Entry]] = {
    "quota that is still too small": (403, EXCEEDED, quota(hard(pods="1"), hard(pods="2"))),
    "quota too small in one of two": (403, EXCEEDED, quota(hard(pods="2"), hard(pods="9", requests_cpu="1400m"))),
    "another quota": (403, EXCEEDED, quota(hard(pods="2"), None, "many")),
    "a quota of another namespace": (403, EXCEEDED, quota(hard(pods="2"), None, namespace="bank")),
    "a pod of another namespace": (403, EXCEEDED, entry("", "pods", "old", {"spec": {}}, None, "bank")),
    "a pod that was never there": (403, EXCEEDED, entry("", "pods", "old", None, None)),
    "a claim, where pods are counted": (403, EXCEEDED, entry("", "persistentvolumeclaims", "old", {"spec": {}}, None)),
    "another status": (409, EXCEEDED, quota(hard(pods="2"), None)),
    "the object itself": (403, EXCEEDED, entry("", "pods", "made", {"spec": {}}, None)),
    "a limit range of another namespace": (403, UNBOUNDED, entry("", "limitranges", "l", None, SMALL, "bank")),
    "another account": (403, ROBOT, binding(None, [subject("ServiceAccount", "robot", "bank")])),
    "an account that was bound before": (
        403,
        ROBOT,
        binding([subject("ServiceAccount", "robot", "shop")], [subject("ServiceAccount", "robot", "shop"), subject("User", "bob")]),
    ),
    "a binding that goes": (403, ROBOT, binding([subject("ServiceAccount", "robot", "shop")], None)),
    "a binding in another namespace": (403, ROBOT, binding(None, [subject("ServiceAccount", "robot", "shop")], namespace="bank")),
    "a new role": (403, ROBOT, role(None, [WRITES])),
    "a role with other rules": (403, ROBOT, role([], [READS])),
    "a role with fewer rules": (403, ESCALATION, role([READS, WRITES], [READS])),
    "another group": (403, ESCALATION, binding(None, [subject("Group", "ops")])),
    "another rule of a policy engine": (403, ENGINE, entry("constraints.gatekeeper.sh", "owners", "must-have", {"spec": 1}, None, "")),
    "an object that is called like the rule": (403, ENGINE, entry("", "configmaps", "must-have-owner", {"spec": 1}, None)),
    "a rule that stays": (403, ENGINE, entry("constraints.gatekeeper.sh", "owners", "must-have-owner", {"spec": 1}, {"spec": 1}, "")),
    "another webhook of the configuration": (
        500,
        WEBHOOK,
        entry("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "w", HOOKS, {"webhooks": HOOKS["webhooks"][:1]}),
    ),
    "a class that does not": (403, GROW, entry("storage.k8s.io", "storageclasses", "s", {"allowVolumeExpansion": True}, None, "")),
    "a budget of another namespace": (500, BUDGETS, entry("policy", "poddisruptionbudgets", "b", SMALL, None, "bank")),
    "a higher Pod Security level": (403, PODS, namespace("baseline", "restricted")),
    "the same Pod Security level": (403, PODS, namespace("baseline", "baseline")),
    "something else is missing": (403, 'serviceaccount "late" not found', entry("", "serviceaccounts", "later", None, {"metadata": {}})),
}


@pytest.mark.parametrize(("status", "message", "written"), CAUSES.values(), ids=CAUSES)
def test_a_write_that_changed_what_was_decided_on_is_the_cause(status: int, message: str, written: Entry) -> None:
    unrelated = entry("", "configmaps", "x", LARGE, SMALL)

    assert find_cause(ApiResponse(status, object={"message": message}), MADE, [unrelated, written]) == written


@pytest.mark.parametrize(("status", "message", "written"), NONE.values(), ids=NONE)
def test_any_other_write_is_not(status: int, message: str, written: Entry) -> None:
    assert find_cause(ApiResponse(status, object={"message": message}), MADE, [written]) is None


@pytest.mark.parametrize(("current", "is_cause"), [(None, True), ({"spec": {"ports": [{"nodePort": 30001}]}}, True)])
def test_a_service_that_is_made_again_may_keep_its_port(current: Json, is_cause: bool) -> None:
    live = {"spec": {"ports": [{"nodePort": 30001}]}}
    own = replace(entry("", "services", "made", live, current), is_recreated=current is not None)
    said = ApiResponse(422, object={"message": "spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated"})

    assert (find_cause(said, replace(MADE, resource="services"), [own]) == own) is is_cause
    assert (find_cause(said, replace(MADE, resource="services", name="other"), [own]) == own) is (current is None)
