"""A dry run that is rejected because of what the same rehearsal wrote before is proposed without preview; any other stays rejected."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import orjson
import pytest

from bot.gateway.clusters import GatewayCluster
from bot.kube.connection import connect
from bot.settings import ClusterSettings
from bot.threads.ports import Rehearsal
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.lab import NOBODY, Lab
from tests.integration.gateway.test_door import Client

pytestmark = pytest.mark.apiserver

NAMESPACE = "bound"
_RULES = """
apiVersion: v1
kind: Namespace
metadata: {name: bound, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: few, namespace: bound}
spec: {hard: {count/configmaps: "3", services.loadbalancers: "0"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: old, namespace: bound}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: older, namespace: bound}
---
apiVersion: v1
kind: LimitRange
metadata: {name: small, namespace: bound}
spec: {limits: [{type: PersistentVolumeClaim, max: {storage: 1Gi}}]}
---
apiVersion: v1
kind: Service
metadata: {name: first, namespace: bound}
spec: {type: NodePort, ports: [{port: 80, nodePort: 30777}]}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: bound-default}
globalDefault: true
value: 5
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: bound-no-forbidden-key}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bound}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!has(object.data) || !('forbidden' in object.data)", message: "the house rules forbid this key"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: bound-no-forbidden-key}
spec: {policyName: bound-no-forbidden-key, validationActions: [Deny]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: bound-broken}
webhooks:
- name: broken.bound.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  timeoutSeconds: 1
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bound}}
  rules: [{apiGroups: [coordination.k8s.io], apiVersions: ["*"], operations: [CREATE], resources: [leases]}]
  clientConfig: {url: "https://127.0.0.1:1/"}
"""
_BINDER = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: binder, namespace: bound}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: binder, namespace: bound}
rules:
- {apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: [create, get]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [edit], verbs: [bind]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: binder, namespace: bound}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: binder}
subjects: [{kind: ServiceAccount, name: binder, namespace: bound}]
"""
_FORBIDDEN_KEY = "kubectl create cm made --from-literal=forbidden=1"
_SERVICE = "kubectl create service nodeport second --tcp=80 --node-port=30777"
_POD = "kubectl run bare --image=busybox"
_LEASE = """echo '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"made"}}' | kubectl create -f -"""
_CLAIM = (
    """echo '{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"made"},"spec":{"accessModes":["ReadWriteOnce"],"""
    """"resources":{"requests":{"storage":"2Gi"}}}}' | kubectl create -f -"""
)
_WIDGET = (
    """echo '{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"made"},"spec":{"colour":"mauve"}}' | kubectl create -f -"""
)
_COLOURS = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/colour/enum"


@pytest.fixture(scope="module")
def bound(seeded: ApiServer) -> ApiServer:
    """An API server with a namespace in which much is rejected."""

    def kubectl(line: str, text: str = "") -> subprocess.CompletedProcess[str]:
        argv = [str(seeded.kubectl), "--kubeconfig", str(seeded.kubeconfig), *line.split()]
        return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)

    made = kubectl("apply -f -", f"{_RULES}---{_BINDER}")
    assert made.returncode == 0, made.stderr
    lease = '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"made"}}'
    probe = f"-n {NAMESPACE} create --dry-run=server"
    for line, text, words in (
        (f"{probe} cm made --from-literal=forbidden=1", "", "house rules"),
        (f"{probe} service loadbalancer made --tcp=80", "", "exceeded quota"),
        (f"{probe} cm made", "", "exceeded quota"),
        (f"{probe} -f -", lease, "failed calling webhook"),
    ):
        while words not in kubectl(line, text).stderr:  # policies and quotas take effect a moment after they are made
            pass
    return seeded


@dataclass(frozen=True, slots=True)
class Case:
    """`cause` lets `blocked` through; `other` writes the same kind of object, and does not."""

    cause: str
    blocked: str
    title: str
    other: str
    says: str


CASES = {
    "quota deleted": Case(
        "kubectl delete quota few", "kubectl create cm made", "ResourceQuota bound/few", "kubectl label quota few a=b", "exceeded quota"
    ),
    "quota enlarged": Case(
        """kubectl patch quota few --type=merge -p '{"spec":{"hard":{"count/configmaps":"4"}}}'""",
        "kubectl create cm made",
        "ResourceQuota bound/few",
        """kubectl patch quota few --type=merge -p '{"spec":{"hard":{"services.loadbalancers":"4"}}}'""",
        "exceeded quota",
    ),
    "room in the quota": Case(
        "kubectl delete cm old", "kubectl create cm made", "ConfigMap bound/old", "kubectl delete svc first", "exceeded quota"
    ),
    "limit range": Case(
        "kubectl delete limitrange small", _CLAIM, "LimitRange bound/small", "kubectl label limitrange small a=b", "maximum storage usage"
    ),
    "node port": Case(
        "kubectl delete svc first", _SERVICE, "Service bound/first", "kubectl label svc first a=b", "provided port is already allocated"
    ),
    "node port given up": Case(
        """kubectl patch svc first -p '{"spec":{"ports":[{"port":80,"nodePort":30778}]}}'""",
        _SERVICE,
        "Service bound/first",
        "kubectl -n shop delete svc web",
        "provided port is already allocated",
    ),
    "policy": Case(
        "kubectl delete validatingadmissionpolicy bound-no-forbidden-key; kubectl delete cm old older",
        _FORBIDDEN_KEY,
        "ValidatingAdmissionPolicy bound-no-forbidden-key",
        "kubectl label validatingadmissionpolicy bound-no-forbidden-key a=b",
        "the house rules forbid this key",
    ),
    "binding of the policy": Case(
        "kubectl patch validatingadmissionpolicybinding bound-no-forbidden-key --type=merge"
        """ -p '{"spec":{"validationActions":["Audit"]}}'""",
        'kubectl label cm old b=c && kubectl patch cm old --type=merge -p \'{"data":{"forbidden":"1"}}\'',
        "ValidatingAdmissionPolicyBinding bound-no-forbidden-key",
        "kubectl annotate validatingadmissionpolicybinding bound-no-forbidden-key a=b",
        "the house rules forbid this key",
    ),
    "webhook": Case(
        "kubectl delete validatingwebhookconfiguration bound-broken",
        _LEASE,
        "ValidatingWebhookConfiguration bound-broken",
        "kubectl label validatingwebhookconfiguration bound-broken a=b",
        "failed calling webhook",
    ),
    "pod security": Case(
        "kubectl label ns bound pod-security.kubernetes.io/enforce=privileged --overwrite",
        _POD,
        "Namespace bound",
        "kubectl label ns bound team=x",
        "violates PodSecurity",
    ),
    "default class": Case(
        "kubectl delete priorityclass bound-default",
        "kubectl create priorityclass made --value=7 --global-default",
        "PriorityClass bound-default",
        "kubectl label priorityclass bound-default a=b",
        "already marked as default",
    ),
    "schema": Case(
        f"""kubectl patch crd widgets.example.com --type=json -p '[{{"op":"add","path":"{_COLOURS}/-","value":"mauve"}}]'""",
        _WIDGET,
        "CustomResourceDefinition widgets.example.com",
        "kubectl label crd widgets.example.com a=b",
        "is invalid",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_what_the_rehearsal_makes_room_for_is_proposed_with_the_reason(bound: ApiServer, lab: Lab, case: Case) -> None:
    async with lab.nothing_persists():
        ran = await lab.rehearse(f"{case.cause} && {case.blocked}", namespace=NAMESPACE)

    last = ran.recording.writes[-1]
    assert ran.code == 0, ran.err
    assert (last.has_preview, ran.recording.refused) == (False, ())
    assert last.note.startswith(f"The server cannot preview this before {case.title} is written: ")
    assert case.says in last.note
    assert 0 in last.needs
    assert last.after is not None
    assert "the server cannot preview this" in ran.err


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_same_rejection_stays_one_without_such_a_write(bound: ApiServer, lab: Lab, case: Case) -> None:
    for earlier in ("true", case.other):
        ran = await lab.rehearse(f"{earlier} && {{ {case.blocked}; }}", namespace=NAMESPACE)

        assert ran.code == 1
        assert case.says in ran.err
        assert all(write.has_preview for write in ran.recording.writes)
        [rejected] = ran.recording.refused
        assert case.says in rejected.reason


_ROLES = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
_POD_READER = {"metadata": {"name": "reads"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}


@asynccontextmanager
async def as_binder(server: ApiServer, lab: Lab) -> AsyncIterator[tuple[Client, Rehearsal]]:
    """A client whose writes go upstream as an account that may do nothing but bind somebody to a role that it does not have."""
    settings = ClusterSettings(name="narrow", reader="", writer=f"system:serviceaccount:{NAMESPACE}:binder")
    narrow = GatewayCluster(settings, await connect(str(server.kubeconfig)), lab.gateway, b"salt")
    try:
        async with narrow.rehearse("t", NOBODY, NAMESPACE, "") as rehearsal, aiohttp.ClientSession() as session:
            yield Client(rehearsal.kubeconfig, session), rehearsal
    finally:
        await narrow.close()


@pytest.mark.parametrize(("subject", "passes"), [("binder", True), ("somebody", False)])
async def test_a_right_that_the_rehearsal_gives_the_writer_is_a_cause_and_that_of_another_is_not(
    bound: ApiServer, lab: Lab, subject: str, passes: bool
) -> None:
    binding = {
        "metadata": {"name": "more"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": subject, "namespace": NAMESPACE}],
    }
    config = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    async with lab.nothing_persists(), as_binder(bound, lab) as (client, rehearsal):
        codes = [
            (await client.ask("POST", path, orjson.dumps(body), Content_Type="application/json"))[0]
            for path, body in (
                (f"{_ROLES}/rolebindings", binding),
                (config, {"metadata": {"name": "made"}}),
                (f"{_ROLES}/roles", _POD_READER),
            )
        ]
        recording = rehearsal.end()

    assert codes == [201, *([201] * 2 if passes else [403] * 2)]
    assert [(write.has_preview, write.needs) for write in recording.writes[1:]] == ([(False, (0,))] * 2 if passes else [])
    assert [refused.status for refused in recording.refused] == ([] if passes else [403] * 2)
