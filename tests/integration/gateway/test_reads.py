"""Harmless command lines: the same output and exit code as directly, and nothing recorded."""

from __future__ import annotations

import pytest

from tests.integration.gateway.files import PROXY, lay_out
from tests.integration.gateway.lab import Lab, without_ages

pytestmark = pytest.mark.apiserver

READS = [
    "kubectl get pods",
    "kubectl get all",
    "kubectl get pods -A -o wide",
    "kubectl -n shop get deploy web -o yaml",
    'kubectl get deploy web -o json | python3 -c \'import json,sys; print(json.load(sys.stdin)["spec"]["replicas"])\'',
    "kubectl get deploy -o jsonpath='{.items[*].metadata.name}'",
    "kubectl get pods -l app=lone -o name | sort | head -1",
    "kubectl get pods --field-selector spec.nodeName=n1 -o name",
    "kubectl get cm settings -o go-template='{{.data.colour}}'",
    "kubectl get cm --sort-by=.metadata.name -o custom-columns=N:.metadata.name",
    "kubectl describe deploy web | head -20",
    "kubectl describe node n1 | head -5",
    "kubectl explain deployment.spec.strategy",
    "kubectl api-resources --verbs=list --namespaced -o name | sort | head -30",
    "kubectl api-versions | sort",
    "kubectl version -o json",
    "kubectl cluster-info | tail -1",
    "kubectl auth can-i delete pods",
    "kubectl auth can-i --list | head -5",
    "kubectl get events --sort-by=.lastTimestamp | tail -1 | wc -l",
    "kubectl rollout history deploy/web",
    "kubectl rollout status deploy/web --watch=false",
    "kubectl get --raw /readyz",
    "kubectl get --raw /api/v1/namespaces/shop/configmaps/settings",
    "kubectl get --raw '/api/v1/namespaces/shop/configmaps?limit=1' | jq 'del(.metadata)'",  # the rest moves by itself
    "kubectl get --raw /api/v1/namespaces/shop/configmaps/settings/",
    "kubectl get --raw /openapi/v2 | wc -c",
    "kubectl get nosuchthing",
    "kubectl get pod missing",
    "kubectl get widgets",
    "kubectl get deploy web -o yaml --show-managed-fields | grep -c f:spec",
    "kubectl scale deploy web --replicas=3 --dry-run=server",
    "kubectl apply -f web.yaml --dry-run=server",
    "kubectl apply --server-side -f web.yaml --dry-run=server --force-conflicts",
    "kubectl create cm dry --from-literal=a=b --dry-run=client -o yaml",
    "kubectl create quota dry --hard=pods=1 --dry-run=server",
    "kubectl delete cm spare --dry-run=server",
    "kubectl diff -f web.yaml | grep '^[+-] '",
    "kubectl diff -f cm.yaml >/dev/null; echo $?",
    "kubectl set image deploy/web web=nginx:2 --dry-run=client -o name",
    "kubectl drain n1 --dry-run=client --force --ignore-daemonsets 2>&1 | tail -1",
    "kubectl cordon n1 --dry-run=server",
    "kubectl kustomize . | head -3",
    "for n in web db; do kubectl get pods -l app=$n -o name | wc -l; done",
    "kubectl get pods -o name | while read p; do kubectl get $p -o jsonpath='{.metadata.namespace} '; done",
    "kubectl get pod p1 --watch-only --request-timeout=1s; echo done",
    "timeout 2 kubectl get pods -w --no-headers | wc -l",
    "kubectl wait --for=condition=Established crd/widgets.example.com",
    "kubectl wait --for=jsonpath='{.spec.replicas}'=3 deploy/web --timeout=5s",
    "kubectl logs p1 --tail=1 2>&1 | grep -c rror",
    "kubectl top pods 2>&1",
    "echo 'scale deploy delete apply' | grep -o delete",
    "kubectl config view --minify -o jsonpath='{.contexts[0].context.namespace}'",
    "kubectl get deploy web -o yaml | kubectl neat 2>&1 | head -1",
    "kubectl get secrets 2>&1 | wc -l",
    "kubectl annotate cm settings --list",
    "kubectl label cm settings --list",
    "kubectl set env deploy/web --list",
    "kubectl get deploy,sts,svc -o name",
    "kubectl cluster-info dump --namespaces shop >/dev/null 2>&1; echo $?",
    "kubectl get pods --chunk-size=1 -o name",
    "kubectl get pods --show-labels -L app --no-headers | wc -l",
    "kubectl get pods --server-print=false -o name",
    "kubectl get -f web.yaml -o name",
    "kubectl get deploy web -o jsonpath-as-json='{.spec.replicas}'",
    "kubectl get events -A -o name | wc -l | wc -l",
    "kubectl events | wc -l | wc -l",
    "kubectl label --local -f cm.yaml a=b -o yaml",
    "kubectl set image --local -f web.yaml web=x -o yaml",
    'kubectl patch --local -f cm.yaml -p \'{"data":{"a":"2"}}\' -o yaml',
    "kubectl apply view-last-applied deploy/web",
    "kubectl create deploy x --image=y --dry-run=client -o yaml",
    "kubectl run x --image=y --dry-run=server -o name",
    "kubectl create token robot --help | head -1",
    "kubectl replace -f svc.yaml --dry-run=server",
    "kubectl label cm settings a=b --dry-run=server",
    "kubectl expose deploy web --name=x --port=80 --dry-run=server -o name",
    "kubectl autoscale deploy web --max=3 --dry-run=server -o name",
    "kubectl rollout restart deploy/web --dry-run=server",
    "kubectl drain n1 --dry-run=server --force --ignore-daemonsets --pod-selector=app=lone >/dev/null 2>&1; echo $?",
    "kubectl taint node n1 a=b:NoSchedule --dry-run=server",
    "kubectl get --raw '/apis/apps/v1/namespaces/shop/deployments?watch=true&timeoutSeconds=1' | wc -l",
    "kubectl get --raw /metrics | grep -c apiserver_request_total | wc -l",
    PROXY + "curl -s localhost:$(grep -o '[0-9]*$' port)/api/v1/namespaces/shop/configmaps/settings | grep colour; kill $!",
    "kubectl wait --for=create deploy/web --timeout=5s",
    "kubectl auth whoami -o jsonpath='{.status.userInfo.username}'",
    "kubectl get clusterroles system:node -o name",
    "kubectl get cm 'kube-root-ca.crt' -o jsonpath='{.metadata.name}'",
    "kubectl completion bash | wc -l",
    "cat cm.yaml | kubectl apply -f - --dry-run=client",
    "kubectl get pdb guard -o jsonpath='{.status.expectedPods}'",
    PROXY + "curl -s -o /dev/null -w '%{http_code}' -I localhost:$(grep -o '[0-9]*$'"
    " port)/api/v1/namespaces/shop/configmaps/settings; kill $!",
    PROXY + "curl -s -o /dev/null -w '%{http_code}' --http2 localhost:$(grep -o '[0-9]*$'"
    " port)/api/v1/namespaces/shop/configmaps/settings; kill $!",
    PROXY + "curl -s -o /dev/null -w '%{http_code}' -X OPTIONS localhost:$(grep -o '[0-9]*$'"
    " port)/api/v1/namespaces/shop/configmaps/settings; kill $!",
    "EDITOR=true kubectl edit cm settings",
    "kubectl describe crd widgets.example.com | head -20",
    "kubectl get deploy web --subresource=scale -o jsonpath='{.spec.replicas}'",
    "kubectl delete pods --all --dry-run=server -o name",
    "kubectl get cm -l '('; echo $?",
    "kubectl get pods --field-selector=bogus=1; echo $?",
    "kubectl -n nope get pod x; echo $?",
    "kubectl get --raw '/api/v1/namespaces/shop/configmaps/settings?pretty=true'",
    "kubectl get --raw '/api/v1/namespaces/shop/configmaps?pretty=true' | grep -c '\"name\": '",
    "kubectl get --raw '/apis/example.com/v1/namespaces/shop/widgets?pretty=true'",
    PROXY + "curl -s localhost:$(grep -o '[0-9]*$' port)/api/v1/namespaces/shop/configmaps | grep '\"colour\": '; kill $!",
    'echo \'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"q"},"data":{"a":"<b>&"}}\' |'
    " kubectl create --raw '/api/v1/namespaces/shop/configmaps?dryRun=All' -f - | grep -o '\"data\".*'",
    "comm -3 <(kubectl get cm -o name | sort) <(kubectl get cm -o name -l app | sort)",
]


@pytest.mark.parametrize("command", READS, ids=[command[:70] for command in READS])
async def test_a_harmless_command_line_gives_what_it_gives_directly_and_is_not_asked_about(lab: Lab, command: str) -> None:
    lay_out(lab.folder)

    async with lab.nothing_persists():
        ran = await lab.rehearse(command)
    plain = await lab.direct(command)

    assert ran.code == plain.code, ran.err
    assert without_ages(ran.out) == without_ages(plain.out)
    assert ran.writes == []
    assert ran.recording.connects == ()
    assert ran.recording.refused == ()
    assert ran.recording.stopped == ""


async def test_what_was_read_that_anybody_may_have_written_is_on_record(lab: Lab) -> None:
    tables = await lab.rehearse("kubectl get pods; kubectl get cm")
    texts = await lab.rehearse("kubectl get events; kubectl -n shop get cm settings -o yaml; kubectl get events -A; kubectl get events")

    assert tables.recording.sources == ()
    assert texts.recording.sources == ("events of shop", "ConfigMap shop/settings", "events")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("kubectl create role r1 --verb=get --resource=pods && kubectl auth can-i get pods", "Role shop/r1"),
        ("kubectl create rolebinding b1 --clusterrole=view --user=u1 && kubectl auth can-i get pods", "RoleBinding shop/b1"),
        ("kubectl create rolebinding b1 --clusterrole=view --user=u1 && kubectl auth can-i --list | head -3", "RoleBinding shop/b1"),
    ],
)
async def test_a_question_about_rights_says_which_it_does_not_count(lab: Lab, command: str, named: str) -> None:
    ran = await lab.rehearse(command)

    assert f"Warning: tells the rights as the cluster has them now, without {named} that this command writes" in ran.err


async def test_a_question_about_rights_has_no_warning_where_nothing_of_them_is_written(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl create cm other --from-literal=a=1 && kubectl auth can-i get pods")

    assert "tells the rights" not in ran.err
