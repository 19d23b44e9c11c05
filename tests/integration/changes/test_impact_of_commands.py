"""What the card says a command means, with everything around it on a real API server."""

from __future__ import annotations

import json

import pytest

from bot.changes import diff
from bot.changes.impact.lines import lines
from bot.changes.impact.look import look
from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver

NAMESPACE = "impact"
SETUP = """
kubectl create ns impact
kubectl create deploy web --image=nginx:1.25 --replicas=3
kubectl expose deploy web --port=80
kubectl autoscale deploy web --min=2 --max=4 --cpu=80%
kubectl create cm settings --from-literal=colour=blue
kubectl set env deploy/web --from=configmap/settings --prefix=S_
kubectl create ingress web --rule=x.test/*=web:80
kubectl annotate deploy web argocd.argoproj.io/tracking-id=shop:apps/Deployment:impact/web
kubectl wait --for=jsonpath={.status.updatedReplicas} deploy/web --timeout=30s
kubectl create quota tight --hard=pods=5
kubectl wait --for=jsonpath={.status.used.pods} quota/tight --timeout=30s
"""
SETUP_OF_OTHERS = """
kubectl create -f - <<EOF
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: all}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
EOF
kubectl create rolebinding ops --role=all --user=ada
kubectl create pdb keep --selector=app=web --min-available=2
kubectl wait --for=jsonpath={.status.expectedPods}=3 pdb/keep --timeout=30s
for name in by-flux by-label by-helm by-operator owned; do kubectl create cm $name --from-literal=a=1; done
kubectl label cm by-label kustomize.toolkit.fluxcd.io/name=apps kustomize.toolkit.fluxcd.io/namespace=flux-system
kubectl label cm by-helm app.kubernetes.io/managed-by=Helm
kubectl annotate cm by-helm meta.helm.sh/release-name=shop meta.helm.sh/release-namespace=impact
same() { printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: %s}\\ndata: {b: "1"}\\n' $1; }
same by-flux | kubectl apply --server-side --field-manager=kustomize-controller -f -
same by-operator | kubectl apply --server-side --field-manager=widget-operator -f -
printf 'apiVersion: example.com/v1\\nkind: Widget\\nmetadata: {name: boss}\\nspec: {size: 1}\\n' | kubectl create -f -
uid=$(kubectl get widget boss -o jsonpath={.metadata.uid})
owner='{"apiVersion":"example.com/v1","kind":"Widget","name":"boss","controller":true,"uid":"'$uid'"}'
kubectl patch cm owned --type=merge -p '{"metadata":{"ownerReferences":['"$owner"']}}'
"""
REVERTED = "managed by Argo CD (application shop): will be reverted at its next sync"
TABLE = [
    (
        "kubectl scale deploy/web --replicas=5",
        [
            "+2 pods",
            "ResourceQuota tight has room for",
            "HPA web allows at most 4: it will pull this back",
            "will be reverted at its next sync",
        ],
    ),
    (
        "kubectl scale deploy/web --replicas=0 && kubectl scale deploy/web --replicas=2",
        ["−3 pods, none is left (0/3 ready now)", "+2 pods (0/3 ready now)"],
    ),
    ("kubectl scale deploy/web --replicas=0", ["none is left", "Service web would lose these pods"]),
    ("kubectl set image deploy/web nginx=nginx:1.27", ["estarts 3 pods step by step, at most 0 away and 1 extra at a time", REVERTED]),
    ("kubectl delete deploy web", ["Service web would lose these pods", "ReplicaSet", "Pods (0/3 ready now)", "will be brought back"]),
    ("kubectl delete svc web", ["clients of its name or address get no answer any more", "Ingress web sends traffic to it"]),
    ("""kubectl patch svc web -p '{"spec":{"selector":{"app":"wbe"}}}'""", ["⚠️ Its selector matches no pod: it will have no endpoints"]),
    ("""kubectl patch cm settings -p '{"data":{"colour":"red"}}'""", ["ead by", "environment variables change only with a restart"]),
    ("kubectl delete cm settings", ["such pods do not start any more without it"]),
    ("kubectl delete ns impact --wait=false", ["⚠️ Everything in it goes: ", "1 Deployment", "1 Service", "1 Ingress"]),
    ("kubectl delete crd widgets.example.com", ["Widget object"]),
    ("kubectl delete pod -l app=web", ["new pod", "in place of what goes"]),
    (
        "kubectl label --overwrite $(kubectl get pods -l app=web -o name | head -1) app=aside",
        ["⚠️ Leaves ReplicaSet web-", "which starts another pod in its place", "Service web sends it no more traffic"],
    ),
    (
        "kubectl scale deploy/web --replicas=2",
        ["PodDisruptionBudget keep wants 2 available: with 2 pods it refuses every eviction, so node drains hang"],
    ),
    ("kubectl delete pod -l app=web", ["⚠️ PodDisruptionBudget impact/keep allows 0 disruptions now, and deleting does not ask it"]),
    (
        "kubectl drain n1 --force --pod-selector=app=guarded",
        ["⚠️ PodDisruptionBudget shop/guard allows no eviction now: it is refused until more pods are ready"],
    ),
    ('kubectl patch cm by-flux -p \'{"data":{"b":"2"}}\'', ["anaged by Flux (a Kustomization): will be reverted when it reconciles"]),
    ("kubectl label cm by-flux new=1", ["anaged by Flux (a Kustomization): may be reverted when it reconciles"]),
    ("kubectl delete cm by-label", ["anaged by Flux (Kustomization flux-system/apps): will be brought back when it reconciles"]),
    ('kubectl patch cm by-helm -p \'{"data":{"a":"2"}}\'', ["anaged by Helm (release shop): may be reverted by its next upgrade"]),
    ("kubectl delete cm by-helm", ["anaged by Helm (release shop): may be brought back by its next upgrade"]),
    ('kubectl patch cm by-operator -p \'{"data":{"b":"2"}}\'', ["pplied by widget-operator: may be reverted by it"]),
    ('kubectl patch cm owned -p \'{"data":{"a":"2"}}\'', ["wned by Widget boss (example.com): will be reverted by its operator"]),
    ("kubectl delete cm owned", ["wned by Widget boss (example.com): will be brought back by its operator"]),
    ("kubectl cordon n1", ["akes no new pods; ", "can take pods"]),
    ("kubectl create clusterrolebinding x --clusterrole=cluster-admin --user=ada", ["⚠️ Gives User ada every right in the whole cluster"]),
    (
        "kubectl create role keys --verb=get --resource=secrets && kubectl create rolebinding keys --role=keys --user=ada",
        ["⚠️ lets whoever is bound to it read Secrets", "⚠️ gives User ada the right to read Secrets in impact"],
    ),
    (
        "kubectl debug node/n1 --image=busybox --attach=false -q --profile=general",
        ["⚠️ reaches into its node: its network, its processes, its shared memory, its files at /"],
    ),
    ("kubectl set subject rolebinding ops --user=eve", ["⚠️ Gives User eve every right in impact"]),
    ("kubectl get svc web -o yaml | kubectl replace --force -f -", ["s made anew: clients of its name get no answer for a moment · its"]),
    (
        "kubectl get cm settings -o yaml | kubectl replace --force -f -",
        ["ead by", "environment variables change only with a restart"],
    ),
    (
        "kubectl rollout pause deploy/web; kubectl set image deploy/web nginx=nginx:9; kubectl rollout resume deploy/web",
        ["resumes the rollout: 3 pods to be replaced"],
    ),
    ("kubectl create deploy api --image=nginx --replicas=1 && kubectl expose deploy api --port=80", ["pods that this change brings"]),
]


async def test_a_command_tells_what_it_means_for_what_is_around(lab: Lab) -> None:
    for commands in (SETUP, SETUP_OF_OTHERS):
        await lab.direct(commands, namespace=NAMESPACE)
    failures = []
    for command, expected in TABLE:
        ran = await lab.rehearse(command, namespace=NAMESPACE)
        writes = ran.recording.writes
        around = await look(lab.cluster.api, None, writes)
        told = "\n".join(lines(writes, [diff.of_write(one) for one in writes], around))
        missing = [words for words in expected if words not in told]
        if missing or not writes:
            failures.append((command, missing, told, ran.err))
        assert len(around.answers) <= 40

    assert not failures


async def test_a_client_that_says_nothing_leaves_the_pods_of_a_job_behind_and_is_told_so(lab: Lab) -> None:
    """`kubectl delete job` says what is to become of them, `kubectl delete --raw` and many other clients do not."""
    job = "/apis/batch/v1/namespaces/impact-jobs/jobs/once"
    made = await lab.direct(
        "kubectl create ns impact-jobs && kubectl create job once --image=busybox"
        " && kubectl wait --for=jsonpath={.status.active}=1 job/once --timeout=30s",
        namespace="impact-jobs",
    )
    assert made.code == 0, made.err
    told = {}
    for command in ("kubectl delete job once", f"kubectl delete --raw {job}", f"kubectl delete --raw {job.removesuffix('/once')}"):
        writes = (await lab.rehearse(command, namespace="impact-jobs")).recording.writes
        diffs = [diff.of_write(one) for one in writes]
        told[command] = "\n".join([*diffs[0].notes, *lines(writes, diffs, await look(lab.cluster.api, None, writes))])

    kept = await lab.direct(f"kubectl delete --raw {job}", namespace="impact-jobs")

    assert "orphan" in json.loads(kept.out)["metadata"]["finalizers"]
    assert [("akes with it 1 Pod" in words, "What it owns stays (orphaned)." in words) for words in told.values()] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert "Deletes 1 object." in list(told.values())[2]


async def test_a_label_that_nobody_selects_by_is_not_said_to_be_reverted(lab: Lab) -> None:
    """A pod's controller replaces it and sets nothing of it back."""
    ran = await lab.rehearse("kubectl label $(kubectl get pods -l app=web -o name | head -1) seen=yes")
    writes = ran.recording.writes
    around = await look(lab.cluster.api, None, writes)

    assert len(writes) == 1
    assert lines(writes, [diff.of_write(one) for one in writes], around) == ()
