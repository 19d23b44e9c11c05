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
    ("kubectl cordon n1", ["akes no new pods; ", "can take pods"]),
    ("kubectl create clusterrolebinding x --clusterrole=cluster-admin --user=ada", ["⚠️ Gives User ada every right in the whole cluster"]),
    ("kubectl create deploy api --image=nginx --replicas=1 && kubectl expose deploy api --port=80", ["pods that this change brings"]),
]


async def test_a_command_tells_what_it_means_for_what_is_around(lab: Lab) -> None:
    await lab.direct(SETUP, namespace=NAMESPACE)
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
