"""A dry run that an admission rule rejects, although what the rehearsal wrote before would spare it: labels, parameters, a backend."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
import pytest
from aiohttp import web

from bot.gateway import certificates
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver

NAMESPACE = "guarded"
_OBJECTS = """
apiVersion: v1
kind: Namespace
metadata: {name: guarded, labels: {checked: "yes"}}
---
apiVersion: v1
kind: Namespace
metadata: {name: guarded-rules}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: names, namespace: guarded-rules}
data: {allowed: "none"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: held, namespace: guarded, labels: {protected: "yes"}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: kept, namespace: guarded}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: none}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: checker, namespace: guarded}
spec:
  replicas: 0
  selector: {matchLabels: {app: checker}}
  template:
    metadata: {labels: {app: checker}}
    spec: {containers: [{name: checker, image: checker}]}
---
apiVersion: v1
kind: Service
metadata: {name: checker, namespace: guarded}
spec: {selector: {app: checker}, ports: [{port: 443}]}
"""
_POLICIES = {
    "selects": (["", "serviceaccounts", "CREATE"], "false", {"namespaceSelector": {"matchLabels": {"checked": "yes"}}}, {}),
    "reads-namespace": (["", "podtemplates", "CREATE"], "has(namespaceObject.metadata.labels.tier)", {}, {}),
    "reads-old": (
        ["policy", "poddisruptionbudgets", "DELETE"],
        "has(oldObject.metadata.annotations) && 'guarded/deletable' in oldObject.metadata.annotations",
        {},
        {},
    ),
    "takes": (
        ["coordination.k8s.io", "leases", "CREATE"],
        "object.metadata.name == params.data.allowed",
        {},
        {"paramRef": {"name": "names", "namespace": "guarded-rules", "parameterNotFoundAction": "Deny"}},
    ),
}
_DEAD = {"url": "https://127.0.0.1:1/"}
_UNCHECKED = {"matchExpressions": [{"key": "unchecked", "operator": "DoesNotExist"}]}
_HOOKS = {
    "spares-namespaces": (["networking.k8s.io", "networkpolicies", "CREATE"], _DEAD, {"namespaceSelector": _UNCHECKED}),
    "spares-objects": (["", "configmaps", "DELETE"], _DEAD, {"objectSelector": {"matchLabels": {"protected": "yes"}}}),
    "is-down": (["networking.k8s.io", "ingresses", "CREATE"], {"service": {"name": "checker", "namespace": NAMESPACE}}, {}),
    "is-not-there": (["discovery.k8s.io", "endpointslices", "CREATE"], {"service": {"name": "late", "namespace": NAMESPACE}}, {}),
}


def _here(more: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Selectors that also leave every other namespace alone."""
    chosen: dict[str, object] = dict(more.get("namespaceSelector") or {})
    labels = chosen.get("matchLabels")
    own = {"kubernetes.io/metadata.name": NAMESPACE}
    return {**more, "namespaceSelector": {**chosen, "matchLabels": {**(labels if isinstance(labels, dict) else {}), **own}}}


def _objects() -> Iterator[dict[str, object]]:
    for name, ((group, resource, operation), expression, more, bound) in _POLICIES.items():
        rule = {"apiGroups": [group], "apiVersions": ["*"], "operations": [operation], "resources": [resource]}
        spec: dict[str, object] = {"matchConstraints": {**_here(more), "resourceRules": [rule]}}
        spec["validations"] = [{"expression": expression, "message": f"not as {name} wants it"}]
        if bound:
            spec["paramKind"] = {"apiVersion": "v1", "kind": "ConfigMap"}
        metadata = {"name": f"guarded-{name}"}
        yield {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": metadata, "spec": spec}
        yield {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {"policyName": metadata["name"], "validationActions": ["Deny"], **bound},
        }
    yield _configuration("guarded", [_hook(name, *hook) for name, hook in _HOOKS.items()])


def _hook(name: str, what: list[str], client: dict[str, object], more: dict[str, dict[str, object]]) -> dict[str, object]:
    group, resource, operation = what
    rule = {"apiGroups": [group], "apiVersions": ["*"], "operations": [operation], "resources": [resource]}
    fixed = {"admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 1}
    return {"name": f"{name}.guarded.example.com", **fixed, "clientConfig": client, "rules": [rule], **_here(more)}


def _configuration(name: str, hooks: list[dict[str, object]]) -> dict[str, object]:
    kind = "ValidatingWebhookConfiguration"
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "webhooks": hooks}


@dataclass(frozen=True, slots=True)
class Case:
    """`cause` lets `blocked` through; `other` writes the same object, and does not."""

    cause: str
    blocked: str
    title: str
    other: str
    says: str


_ACCOUNT = "kubectl create serviceaccount made"
_TEMPLATE = (
    """echo '{"apiVersion":"v1","kind":"PodTemplate","metadata":{"name":"made"},"template":{"spec":{"containers":[{"name":"c","""
    """"image":"x"}]}}}' | kubectl create -f -"""
)
_LEASE = """echo '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"made"}}' | kubectl create -f -"""
_NETWORK_POLICY = (
    """echo '{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"made"},"spec":{"podSelector":{}}}'"""
    " | kubectl create -f -"
)
_INGRESS = "kubectl create ingress made --rule=a.example.com/=checker:443"
_SLICE = (
    """echo '{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"made"},"addressType":"IPv4","endpoints":[]}'"""
    " | kubectl create -f -"
)
_OTHER_LABEL = "kubectl label ns guarded team=x"
CASES = {
    "namespace label spares from a policy": Case(
        "kubectl label ns guarded checked-", _ACCOUNT, "Namespace guarded", _OTHER_LABEL, "not as selects wants it"
    ),
    "namespace label that a policy reads": Case(
        "kubectl label ns guarded tier=x", _TEMPLATE, "Namespace guarded", _OTHER_LABEL, "not as reads-namespace wants it"
    ),
    "annotation that a policy reads": Case(
        "kubectl annotate pdb kept guarded/deletable=1",
        "kubectl delete pdb kept",
        "PodDisruptionBudget guarded/kept",
        "kubectl annotate pdb kept deletable=1",
        "not as reads-old wants it",
    ),
    "parameter": Case(
        """kubectl -n guarded-rules patch cm names -p '{"data":{"allowed":"made"}}'""",
        _LEASE,
        "ConfigMap guarded-rules/names",
        "kubectl -n guarded-rules label cm names allowed=made",
        "not as takes wants it",
    ),
    "namespace label spares from a webhook": Case(
        "kubectl label ns guarded unchecked=1", _NETWORK_POLICY, "Namespace guarded", _OTHER_LABEL, "failed calling webhook"
    ),
    "label spares the object from a webhook": Case(
        "kubectl label cm held protected-",
        "kubectl delete cm held",
        "ConfigMap guarded/held",
        "kubectl label cm held a=b",
        "failed calling webhook",
    ),
    "backend that is scaled up": Case(
        "kubectl scale deploy checker --replicas=1",
        _INGRESS,
        "Deployment guarded/checker",
        "kubectl label deploy checker a=b",
        "failed calling webhook",
    ),
    "backend that is made": Case(
        "kubectl expose deploy checker --name=late --port=443",
        _SLICE,
        "Service guarded/late",
        "kubectl expose deploy checker --name=latest --port=443",
        "failed calling webhook",
    ),
}


@pytest.fixture(scope="module")
def guarded(seeded: ApiServer) -> ApiServer:
    """An API server with a namespace that several admission rules guard, all in force."""

    def kubectl(line: str, text: str = "") -> subprocess.CompletedProcess[str]:
        argv = [str(seeded.kubectl), "--kubeconfig", str(seeded.kubeconfig), *line.split()]
        return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)

    rules = orjson.dumps({"apiVersion": "v1", "kind": "List", "items": list(_objects())}).decode()
    for text in (_OBJECTS, rules):
        made = kubectl("apply -f -", text)
        assert made.returncode == 0, made.stderr
    for case in CASES.values():
        probe = case.blocked.replace("kubectl ", f"{seeded.kubectl} --kubeconfig {seeded.kubeconfig} -n {NAMESPACE} ")
        line = probe.replace(" create ", " create --dry-run=server ").replace(" delete ", " delete --dry-run=server ")
        # a rule takes effect a moment after it is made
        while case.says not in subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=False).stderr:
            pass
    return seeded


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_what_is_spared_by_an_earlier_write_is_proposed_with_the_reason(guarded: ApiServer, lab: Lab, case: Case) -> None:
    async with lab.nothing_persists():
        ran = await lab.rehearse(f"{case.cause} && {{ {case.blocked}; }}", namespace=NAMESPACE)

    first, last = ran.recording.writes
    assert ran.code == 0, ran.err
    assert (first.has_preview, last.has_preview, ran.recording.refused) == (True, False, ())
    assert last.note.startswith(f"The server cannot preview this before {case.title} is written: ")
    assert case.says in last.note
    assert 0 in last.needs
    assert "the server cannot preview this" in ran.err


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_another_write_of_the_same_object_spares_nothing(guarded: ApiServer, lab: Lab, case: Case) -> None:
    ran = await lab.rehearse(f"{case.other} && {{ {case.blocked}; }}", namespace=NAMESPACE)

    assert ran.code == 1
    assert [write.has_preview for write in ran.recording.writes] == [True]
    [rejected] = ran.recording.refused
    assert case.says in rejected.reason


@asynccontextmanager
async def deletion_guard(lab: Lab) -> AsyncIterator[None]:
    """A webhook that forbids to delete Services without an annotation, in force while the block runs."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked = orjson.loads(await request.read())["request"]
        is_allowed = "guarded/deletable" in (asked["oldObject"]["metadata"].get("annotations") or {})
        verdict = {"uid": asked["uid"], "allowed": is_allowed, "status": {"message": "annotate it with guarded/deletable first"}}
        body = orjson.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": verdict})
        return web.Response(body=body, content_type="application/json")

    own = certificates.make(["127.0.0.1"])
    server = web.Server(answer)  # type: ignore[arg-type]
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=own.context).start()
    client = {"url": f"https://127.0.0.1:{runner.addresses[0][1]}/", "caBundle": base64.b64encode(own.ca_pem.encode()).decode()}
    hook = {**_hook("deletes", ["", "services", "DELETE"], client, {}), "timeoutSeconds": 30}
    (lab.folder / "guard.json").write_bytes(orjson.dumps(_configuration("guarded-deletes", [hook])))
    try:
        assert (await lab.direct("kubectl apply -f guard.json")).code == 0
        while "annotate it" not in (await lab.direct("kubectl delete svc checker --dry-run=server", namespace=NAMESPACE)).err:
            pass
        yield
    finally:
        await lab.direct("kubectl delete -f guard.json")
        for connection in server.connections:  # the API server keeps them open, and would not take part in an orderly end of TLS
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()


@pytest.mark.parametrize(("annotation", "passes"), [("guarded/deletable", True), ("deletable", False)])
async def test_a_webhook_is_taken_at_its_word_when_it_asks_for_what_was_written(
    guarded: ApiServer, lab: Lab, annotation: str, passes: bool
) -> None:
    async with deletion_guard(lab), lab.nothing_persists():
        ran = await lab.rehearse(f"kubectl annotate svc checker {annotation}=1 && kubectl delete svc checker", namespace=NAMESPACE)

    assert [write.has_preview for write in ran.recording.writes] == [True, *([False] if passes else [])]
    assert len(ran.recording.refused) == (0 if passes else 1)
