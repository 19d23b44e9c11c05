"""Command lines that change something: all of it recorded, none of it done, kubectl none the wiser."""

from __future__ import annotations

import pytest

from tests.integration.gateway.files import PROXY, lay_out
from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver

SCALE = "PATCH deployments.apps/scale shop/web"
PATCH = "PATCH deployments.apps shop/web"
WRITES: list[tuple[str, list[str]]] = [
    ("kubectl scale deploy web --replicas=5", [SCALE]),
    ("kubectl scale deploy web --current-replicas=3 --replicas=5", ["PUT deployments.apps/scale shop/web"]),
    ("kubectl -n shop scale sts/db --replicas 0", ["PATCH statefulsets.apps/scale shop/db"]),
    ("kubectl set image deploy/web web=nginx:1.27", [PATCH]),
    ("kubectl set env deploy/web MODE=slow", [PATCH]),
    ("kubectl set resources deploy/web --limits=cpu=200m", [PATCH]),
    ("kubectl set serviceaccount deploy/web robot", [PATCH]),
    ("kubectl set selector svc web app=other", ["PATCH services shop/web"]),
    ("kubectl rollout restart deploy/web", [PATCH]),
    ("kubectl rollout pause deploy/web", [PATCH]),
    ("kubectl rollout -n shop restart deploy/web", [PATCH]),
    ("kubectl label deploy web tier=front", [PATCH]),
    ("kubectl annotate deploy web note=x", [PATCH]),
    ("kubectl label pods -l app=lone x=y", ["PATCH pods shop/p1", "PATCH pods shop/p2"]),
    ("kubectl taint node n1 a=b:NoSchedule", ["PATCH nodes n1"]),
    ("kubectl cordon n1", ["PATCH nodes n1"]),
    ('kubectl patch cm settings -p \'{"data":{"colour":"red"}}\'', ["PATCH configmaps shop/settings"]),
    ('kubectl patch cm settings --type=json -p \'[{"op":"remove","path":"/data/size"}]\'', ["PATCH configmaps shop/settings"]),
    ('kubectl patch cm settings --type=merge -p \'{"data":{"size":null}}\'', ["PATCH configmaps shop/settings"]),
    ('kubectl patch deploy web --subresource=scale --type=merge -p \'{"spec":{"replicas":2}}\'', [SCALE]),
    ('kubectl patch pod p1 --subresource=status --type=merge -p \'{"status":{"reason":"x"}}\'', ["PATCH pods/status shop/p1"]),
    ("kubectl create cm made --from-literal=a=b", ["POST configmaps shop/made"]),
    ("kubectl create secret generic made --from-literal=a=b", ["POST secrets shop/made"]),
    ("kubectl create ns made", ["POST namespaces made"]),
    ("kubectl create deploy made --image=nginx", ["POST deployments.apps shop/made"]),
    ("kubectl create quota made --hard=pods=9", ["POST resourcequotas shop/made"]),
    ("kubectl create job made --from=cronjob/tick", ["POST jobs.batch shop/made"]),
    ("kubectl create sa made", ["POST serviceaccounts shop/made"]),
    ("kubectl create role made --verb=get --resource=pods", ["POST roles.rbac.authorization.k8s.io shop/made"]),
    ("kubectl create clusterrolebinding made --clusterrole=view --user=x", ["POST clusterrolebindings.rbac.authorization.k8s.io made"]),
    ("kubectl create ingress made --rule=a.b/=web:80", ["POST ingresses.networking.k8s.io shop/made"]),
    ("kubectl create pdb made --selector=app=web --min-available=1", ["POST poddisruptionbudgets.policy shop/made"]),
    ("kubectl run made --image=nginx", ["POST pods shop/made"]),
    ("kubectl expose deploy web --name=made --port=80", ["POST services shop/made"]),
    ("kubectl autoscale deploy web --min=1 --max=4 --cpu=80%", ["POST horizontalpodautoscalers.autoscaling shop/web"]),
    ("kubectl apply -f web.yaml", [PATCH]),
    ("kubectl apply -f cm.yaml -f svc.yaml", ["POST configmaps shop/fresh", "PATCH services shop/web"]),
    ("cat cm.yaml | kubectl apply -f -", ["POST configmaps shop/fresh"]),
    ("kubectl apply -k .", ["POST configmaps shop/k-fresh"]),
    ("kubectl apply --server-side -f cm.yaml", ["PATCH configmaps shop/fresh"]),
    ("kubectl apply --server-side --force-conflicts -f web.yaml", [PATCH]),
    ("kubectl create -f cm.yaml", ["POST configmaps shop/fresh"]),
    ("kubectl create -f job.yaml -o name | grep -q job.batch/once-", ["POST jobs.batch shop/once-*"]),
    ("kubectl replace -f svc.yaml", ["PUT services shop/web"]),
    ("kubectl get cm settings -o yaml | sed s/blue/red/ | kubectl replace -f -", ["PUT configmaps shop/settings"]),
    ("kubectl replace --force -f svc.yaml", ["DELETE services shop/web", "POST services shop/web"]),
    ("EDITOR='sed -i s/blue/green/' kubectl edit cm settings", ["PATCH configmaps shop/settings"]),
    ("KUBE_EDITOR='sed -i s/replicas:.3/replicas:\\ 4/' kubectl edit deploy web", [PATCH]),
    ("kubectl delete cm spare", ["DELETE configmaps shop/spare"]),
    ("kubectl delete cm spare --wait=false", ["DELETE configmaps shop/spare"]),
    ("kubectl delete cm spare --now", ["DELETE configmaps shop/spare"]),
    ("kubectl delete deploy web --cascade=orphan", ["DELETE deployments.apps shop/web"]),
    ("kubectl delete deploy web --cascade=foreground", ["DELETE deployments.apps shop/web"]),
    ("kubectl delete pod p1 --force --grace-period=0 2>/dev/null", ["DELETE pods shop/p1"]),
    ("kubectl delete pods -l app=lone", ["DELETE pods shop/p1", "DELETE pods shop/p2"]),
    ("kubectl delete cm --all", ["DELETE configmaps shop/*"] * 3),
    ("kubectl delete ns shop", ["DELETE namespaces shop/shop"]),
    ("kubectl delete -f svc.yaml", ["DELETE services shop/web"]),
    ("kubectl delete crd widgets.example.com", ["DELETE customresourcedefinitions.apiextensions.k8s.io widgets.example.com"]),
    ("kubectl apply -f widget.yaml", ["POST widgets.example.com shop/w1"]),
    (
        "kubectl create -f widget.yaml && kubectl scale widget w1 --replicas=5",
        ["POST widgets.example.com shop/w1", "PATCH widgets.example.com/scale shop/w1"],
    ),
    ("kubectl drain n1 --ignore-daemonsets --force --disable-eviction", ["PATCH nodes n1", *["DELETE pods shop/*"] * 3]),
    ("kubectl drain n1 --ignore-daemonsets --force", ["PATCH nodes n1", *["POST pods/eviction shop/*"] * 3]),
    ("kubectl create token robot || true", ["POST serviceaccounts/token shop/robot"]),
    ("kubectl delete --raw /api/v1/namespaces/shop/configmaps", ["DELETE configmaps shop/"]),
    ('kubectl create --raw /api/v1/namespaces/shop/configmaps -f <(echo \'{"metadata":{"name":"raw"}}\')', ["POST configmaps shop/raw"]),
    (
        "kubectl replace --raw /api/v1/namespaces/shop/configmaps/settings -f <(kubectl get cm settings -o json)",
        ["PUT configmaps shop/settings"],
    ),
    ("kubectl certificate approve nothing || kubectl delete cm spare", ["DELETE configmaps shop/spare"]),
    ("for d in web; do kubectl scale deploy $d --replicas=1; done; kubectl get cm >/dev/null", [SCALE]),
    ("true & x=scale; kubectl ${x@P} deploy web --replicas=2", [SCALE]),
    ("echo 'kubectl delete cm spare' > run.sh; bash run.sh", ["DELETE configmaps shop/spare"]),
    ("kubectl get cm -o name | grep spare | xargs kubectl delete", ["DELETE configmaps shop/spare"]),
    ("kubectl debug p1 --image=busybox --attach=false -q", ["PATCH pods/ephemeralcontainers shop/p1"]),
    (
        "kubectl create role made -n shop --verb=get --resource=pods --dry-run=client -o yaml | kubectl auth reconcile -f -",
        ["POST roles.rbac.authorization.k8s.io shop/made"],
    ),
    ("kubectl rollout undo deploy/web --to-revision=1", []),
    ("kubectl apply set-last-applied -f svc.yaml --create-annotation", ["PATCH services shop/web"]),
    ("kubectl delete pods --field-selector=spec.nodeName=n1 --wait=false", ["DELETE pods shop/*"] * 3),
    ("kubectl delete all -l app=lone", ["DELETE pods shop/p1", "DELETE pods shop/p2"]),
    ("kubectl label cm --all x=y", ["PATCH configmaps shop/*"] * 3),
    ("kubectl annotate -f svc.yaml x=y", ["PATCH services shop/web"]),
    ('kubectl patch -f svc.yaml --type=merge -p \'{"spec":{"sessionAffinity":"ClientIP"}}\'', ["PATCH services shop/web"]),
    ("kubectl scale deploy --all --replicas=0", [SCALE]),
    ("kubectl scale --replicas=2 -f web.yaml sts/db 2>/dev/null || kubectl scale --replicas=2 -f web.yaml", [SCALE]),
    ("kubectl uncordon n1; kubectl cordon n1; kubectl uncordon n1", ["PATCH nodes n1", "PATCH nodes n1"]),
    (
        'kubectl create -f - <<< \'{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"a":"b"}}\'',
        ["POST secrets shop/s"],
    ),
    ("kubectl apply -f cm.yaml --server-side && kubectl apply -f cm.yaml --server-side", ["PATCH configmaps shop/fresh"] * 2),
    ("kubectl apply -f cm.yaml && kubectl apply -f cm.yaml", ["POST configmaps shop/fresh"]),
    (
        "kubectl set subject rolebinding nothing --user=x 2>/dev/null || kubectl create rolebinding made --role=r --user=x",
        ["POST rolebindings.rbac.authorization.k8s.io shop/made"],
    ),
    ("kubectl delete node n1", ["DELETE nodes n1"]),
    (
        PROXY + "curl -s -X DELETE localhost:$(grep -o '[0-9]*$' port)/api/v1/namespaces/shop/configmaps/spare >/dev/null; kill $!",
        ["DELETE configmaps shop/spare"],
    ),
    (
        'python3 odd.py DELETE /api/v1/namespaces/shop/configmaps/spare?dryRun=All \'{"kind":"DeleteOptions","apiVersion":"v1"}\'',
        ["DELETE configmaps shop/spare"],
    ),
    (
        'python3 odd.py PATCH /api/v1/namespaces/shop/configmaps/spare?dryRun=all \'{"data":{"x":"y"}}\' application/merge-patch+json',
        ["PATCH configmaps shop/spare"],
    ),
    (
        "kubectl create cm made --from-file=cm.yaml --save-config && kubectl delete cm made",
        ["POST configmaps shop/made", "DELETE configmaps shop/made"],
    ),
    (
        'kubectl expose deploy web --name=x --port=80 && kubectl patch svc x -p \'{"spec":{"type":"NodePort"}}\''
        " && kubectl get svc x -o jsonpath='{.spec.type}' | grep -q NodePort && kubectl delete svc x",
        ["POST services shop/x", "PATCH services shop/x", "DELETE services shop/x"],
    ),
    (
        'kubectl create priorityclass pc --value=5 && kubectl run x --image=y --overrides=\'{"spec":{"priorityClassName":"pc"}}\'',
        ["POST priorityclasses.scheduling.k8s.io pc", "POST pods shop/x"],
    ),
    (
        "kubectl apply --server-side -f many.yaml",
        ["PATCH namespaces newns/newns", "PATCH serviceaccounts newns/runner", "PATCH deployments.apps newns/app"],
    ),
    ("kubectl apply -f web.yaml --prune -l app=web 2>&1 | grep -q pruned", [PATCH, "DELETE configmaps shop/settings"]),
]


@pytest.mark.parametrize(("command", "expected"), WRITES, ids=[command[:70] for command, _ in WRITES])
async def test_a_command_line_that_changes_something_is_recorded_and_nothing_is_done(lab: Lab, command: str, expected: list[str]) -> None:
    lay_out(lab.folder)

    async with lab.nothing_persists():
        ran = await lab.rehearse(command)

    assert len(ran.writes) == len(expected), (ran.writes, ran.out, ran.err)
    for found, wanted in zip(ran.writes, expected, strict=True):
        assert found == wanted or (wanted.endswith("*") and found.startswith(wanted[:-1])), (ran.writes, ran.err)
    assert ran.code == 0, ran.err
    assert ran.recording.stopped == ""
