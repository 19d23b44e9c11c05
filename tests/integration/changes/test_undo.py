"""Changes that landed on a real API server are taken back: what comes out is the object as it was."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from bot.changes import propose, undo_rehearsal
from bot.changes.change import State
from bot.values.requests import Recording
from tests.integration.changes.replaying import RULES, approve, carry_out
from tests.integration.changes.undoing import carry_out_and_undo, configmap, look, role, undo_it, without_secondary
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges

pytestmark = pytest.mark.apiserver

UPDATES = [
    ("scale", "kubectl scale deploy/web --replicas=5", "deploy/web"),
    ("set image", "kubectl set image deploy/web web=nginx:1.28", "deploy/web"),
    ("set env", "kubectl set env deploy/web MODE=slow EXTRA=1", "deploy/web"),
    ("set resources", "kubectl set resources deploy/web --limits=cpu=500m,memory=64Mi", "deploy/web"),
    ("set serviceaccount", "kubectl set serviceaccount deploy/web robot", "deploy/web"),
    ("set serviceaccount of a StatefulSet", "kubectl set serviceaccount sts/db robot", "sts/db"),
    ("rollout restart", "kubectl rollout restart deploy/web", "deploy/web"),
    ("rollout pause", "kubectl rollout pause deploy/web", "deploy/web"),
    ("rollout resume", "kubectl rollout resume deploy/still", "deploy/still"),
    ("rollout undo", "kubectl rollout undo deploy/rolled", "deploy/rolled"),
    ("rollout undo of a StatefulSet", "kubectl rollout undo sts/rolled", "sts/rolled"),
    ("rollout undo of a DaemonSet", "kubectl rollout undo ds/rolled --to-revision=1", "ds/rolled"),
    ("rollout restart of a StatefulSet", "kubectl rollout restart sts/db", "sts/db"),
    ("rollout restart of a DaemonSet", "kubectl rollout restart ds/rolled", "ds/rolled"),
    ("set image of a StatefulSet", "kubectl set image sts/db db=postgres:18", "sts/db"),
    ("set image of a DaemonSet", "kubectl set image ds/rolled '*=nginx:3'", "ds/rolled"),
    ("set env of a DaemonSet", "kubectl set env ds/rolled MODE=slow", "ds/rolled"),
    ("label", "kubectl label deploy/web tier=front app=other --overwrite", "deploy/web"),
    ("label taken off", "kubectl label deploy/still app-", "deploy/still"),
    ("annotate", "kubectl annotate cm/settings example.com/note=x", "cm/settings"),
    ("merge patch", 'kubectl patch deploy/web --type=merge -p \'{"spec":{"minReadySeconds":3}}\'', "deploy/web"),
    ("json patch", 'kubectl patch cm/settings --type=json -p \'[{"op":"remove","path":"/data/colour"}]\'', "cm/settings"),
    ("two writes", "kubectl scale deploy/web --replicas=6 && kubectl set image deploy/web web=nginx:1.29", "deploy/web"),
    (
        "add a container",
        'kubectl patch deploy/web -p \'{"spec":{"template":{"spec":{"containers":[{"name":"s","image":"b"}]}}}}\'',
        "deploy/web",
    ),
    ("replace", "kubectl get cm settings -o yaml | sed s/blue/red/ | kubectl replace -f -", "cm/settings"),
    ("replace by force", 'kubectl get cm spare -o yaml | sed \'s/"1"/"2"/\' | kubectl replace --force -f -', "cm/spare"),
    ("scale by a patch", 'kubectl patch deploy/web --subresource=scale --type=merge -p \'{"spec":{"replicas":4}}\'', "deploy/web"),
    ("node port", 'kubectl patch svc web -p \'{"spec":{"type":"NodePort"}}\'', "svc/web"),
    ("cordon", "kubectl cordon n1", "node/n1"),
    ("taint", "kubectl taint node n1 a=b:NoSchedule", "node/n1"),
    ("taint of a node that is closed", "kubectl cordon n1 && kubectl taint node n1 a=b:NoSchedule c=d:NoExecute", "node/n1"),
    ("uncordon", "kubectl uncordon shut", "node/shut"),
    ("taint taken off", "kubectl taint node shut c=d:NoSchedule-", "node/shut"),
    ("set selector", "kubectl set selector svc/web app=other", "svc/web"),
    ("autoscaler", 'kubectl patch hpa/still --type=merge -p \'{"spec":{"maxReplicas":7}}\'', "hpa/still"),
    ("custom resource", 'kubectl patch widget/one --type=merge -p \'{"spec":{"colour":"green"}}\'', "widget/one"),
    ("scale of a custom resource", "kubectl scale widget/one --replicas=3", "widget/one"),
    ("scale to nothing", "kubectl scale widget/one --replicas=0", "widget/one"),
    ("scale of one without a size", "kubectl scale widget/bare --replicas=2", "widget/bare"),
    (
        "scale and patch of a custom resource",
        'kubectl scale widget/one --replicas=3 && kubectl patch widget/one --type=merge -p \'{"spec":{"colour":"green"}}\'',
        "widget/one",
    ),
    ("set subject", "kubectl set subject rolebinding/readers --user=ana --group=ben --serviceaccount=shop:robot", "rolebinding/readers"),
    ("auth reconcile of a role", f"{role('get,list', 'pods,services')} | kubectl auth reconcile -f -", "role/kept"),
    (
        "auth reconcile that takes away",
        f"{role('list', 'services')} | kubectl auth reconcile --remove-extra-permissions -f -",
        "role/kept",
    ),
    (
        "auth reconcile of a binding",
        "kubectl -n shop create rolebinding readers --clusterrole=view --user=ana --dry-run=client -o yaml |"
        " kubectl auth reconcile --remove-extra-subjects -f -",
        "rolebinding/readers",
    ),
    ("set subject of a cluster", "kubectl set subject clusterrolebinding/readers --user=ana", "clusterrolebinding/readers"),
    ("suspend", 'kubectl patch cronjob tick -p \'{"spec":{"suspend":true}}\'', "cronjob/tick"),
    ("edit", "EDITOR='sed -i s/blue/red/' kubectl edit cm settings", "cm/settings"),
    ("apply", f"{configmap('applied', '2')} | kubectl apply -f -", "cm/applied"),
    ("last-applied", f"{configmap('applied', '2')} | kubectl apply set-last-applied -f -", "cm/applied"),
    ("last-applied by hand", """EDITOR='sed -i s/^..a:.*/\\ \\ a:\\ edited/' kubectl apply edit-last-applied cm applied""", "cm/applied"),
    ("server-side apply", f"{configmap('served', '2')} | kubectl apply --server-side -f -", "cm/served"),
]
CREATIONS = [
    ("create", "kubectl create cm made --from-literal=a=1", "cm/made"),
    ("deployment", "kubectl create deploy made --image=nginx", "deploy/made"),
    ("expose", "kubectl expose deploy web --port=81 --name=made --type=NodePort", "svc/made"),
    ("autoscale", "kubectl autoscale deploy web --min=1 --max=3 --name=made", "hpa/made"),
    ("job", "kubectl create job made --image=busybox -- true", "job/made"),
    ("run", "kubectl run made --image=busybox", "pod/made"),
    ("apply", f"{configmap('made', '1')} | kubectl apply -f -", "cm/made"),
    ("server-side apply", f"{configmap('made', '1')} | kubectl apply --server-side -f -", "cm/made"),
    ("create and label", "kubectl create cm made --from-literal=a=1 && kubectl label cm made b=c", "cm/made"),
    (
        "auth reconcile",
        "kubectl -n shop create role made --verb=get --resource=pods --dry-run=client -o yaml | kubectl auth reconcile -f -",
        "role/made",
    ),
    ("role", "kubectl create role made --verb=get --resource=pods", "role/made"),
    ("role binding", "kubectl create rolebinding made --clusterrole=view --user=ana", "rolebinding/made"),
    ("cluster role", "kubectl create clusterrole made --verb=get --resource=nodes", "clusterrole/made"),
    ("cluster role binding", "kubectl create clusterrolebinding made --clusterrole=view --user=ana", "clusterrolebinding/made"),
    ("service account", "kubectl create sa made", "sa/made"),
    ("service", "kubectl create service clusterip made --tcp=80", "svc/made"),
    ("cronjob", "kubectl create cronjob made --image=busybox --schedule='0 0 1 1 *' -- date", "cronjob/made"),
    ("ingress", "kubectl create ingress made --rule=a.example/x=web:80 --class=none", "ingress/made"),
    ("disruption budget", "kubectl create pdb made --selector=app=none --min-available=1", "pdb/made"),
    ("secret", "kubectl create secret generic made --from-literal=a=1", "secret/made"),
    (
        "secret that is changed again",
        'kubectl create secret generic made --from-literal=a=1 && kubectl patch secret made -p \'{"stringData":{"a":"2"}}\'',
        "secret/made",
    ),
    (
        "deployment that is scaled at once",
        "kubectl create deploy made --image=nginx && kubectl scale deploy made --replicas=2",
        "deploy/made",
    ),
    ("priority class", "kubectl create priorityclass made --value=5", "priorityclass/made"),
    ("quota", "kubectl create quota made --hard=pods=900", "quota/made"),
    ("from a file", f"{configmap('made', '1')} | kubectl create -f -", "cm/made"),
    (
        "raw",
        'kubectl create --raw /api/v1/namespaces/shop/configmaps -f <(echo \'{"metadata":{"name":"made"}}\')',
        "cm/made",
    ),
    (
        "kustomization",
        f"{configmap('made', '1')} > made.yaml && echo 'resources: [made.yaml]' > kustomization.yaml && kubectl apply -k .",
        "cm/made",
    ),
    ("namespace with content", "kubectl create ns made && kubectl -n made create cm a --from-literal=x=1", "ns/made"),
]
DELETIONS = [
    ("configmap", "kubectl delete cm spare", "cm/spare"),
    ("deployment", "kubectl delete deploy web", "deploy/web"),
    ("statefulset", "kubectl delete sts db", "sts/db"),
    ("service", "kubectl delete svc web", "svc/web"),
    ("cronjob", "kubectl delete cronjob tick", "cronjob/tick"),
    ("job", "kubectl delete job done", "job/done"),
    ("volume claim", "kubectl delete pvc data", "pvc/data"),
    ("service account", "kubectl delete sa robot", "sa/robot"),
    ("custom resource", "kubectl delete widget one", "widget/one"),
    ("by label", "kubectl delete cm -l app=spare", "cm/spare"),
    ("collection", "kubectl delete --raw '/api/v1/namespaces/shop/configmaps?labelSelector=app%3Dspare'", "cm/spare"),
]


async def test_every_update_can_be_taken_back(prepared: Lab) -> None:
    failures = []
    for label, command, name in UPDATES:
        before = await look(prepared, name)
        changes, done, undone = await carry_out_and_undo(prepared, command)
        states = (undone.state, changes.rows[done.id].state)
        after = await look(prepared, name)
        if states != (State.DONE, State.UNDONE) or without_secondary(after) != without_secondary(before):
            failures.append((label, states, undone.reason, before, after))

    assert not failures


async def test_everything_that_was_made_can_be_taken_away(prepared: Lab) -> None:
    failures = []
    for label, command, name in CREATIONS:
        _, _, undone = await carry_out_and_undo(prepared, command)
        gone = await prepared.direct(f"kubectl wait --for=delete {name} --timeout=30s")
        if undone.state is not State.DONE or gone.code or await look(prepared, name) is not None:
            failures.append((label, undone.state, undone.reason, gone.err))

    assert not failures


async def test_everything_that_was_deleted_comes_back(prepared: Lab) -> None:
    failures = []
    for label, command, name in DELETIONS:
        before = await look(prepared, name)
        assert before is not None, name
        _, _, undone = await carry_out_and_undo(prepared, command, gone=name)
        after = await look(prepared, name)
        if undone.state is not State.DONE or without_new_uid(after) != without_new_uid(before):
            failures.append((label, undone.state, undone.reason, before, after))

    assert not failures


def without_new_uid(item: Any) -> Any:
    """A Job's selector and labels hold its uid."""
    if item is None or item["kind"] != "Job":
        return item
    text = json.dumps({**item, "spec": {**item["spec"], "selector": None}})
    uid = item["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"]
    return json.loads(text.replace(uid, "uid"))


async def test_only_what_the_change_set_is_taken_back(prepared: Lab) -> None:
    lab, changes = prepared, MemoryChanges()
    done = await carry_out(lab, changes, await approve(lab, changes, "kubectl set env deploy/web MODE=slow OTHER=1"))
    await lab.direct("kubectl set env deploy/web THEIRS=1 MODE=theirs; kubectl label deploy/web theirs=yes")

    undone = await undo_it(lab, changes, done)

    item = await look(lab, "deploy/web")
    env = {entry["name"]: entry["value"] for entry in item["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert undone.state is State.DONE
    assert env == {"MODE": "theirs", "THEIRS": "1"}
    assert item["metadata"]["labels"]["theirs"] == "yes"
    assert "Left as somebody else set it since: spec.template.spec.containers[web].env[MODE].value." in undone.writes[0].note
    await lab.direct("kubectl set env deploy/web THEIRS- MODE=fast; kubectl label deploy/web theirs-")


async def test_an_object_that_moves_after_the_undo_was_proposed_supersedes_it(prepared: Lab) -> None:
    lab, changes = prepared, MemoryChanges()
    done = await carry_out(lab, changes, await approve(lab, changes, "kubectl annotate cm/settings step=1 --overwrite"))
    rehearsed = await undo_rehearsal.rehearse(done, lab.cluster.api, None)
    await lab.direct("kubectl annotate cm/settings step=2 --overwrite")
    new = propose.build(
        Recording(rehearsed.writes),
        thread_id=done.thread_id,
        call_id="call-2",
        turn=2,
        cluster="cluster",
        command="undo change 1",
        asked_by="U1",
        settings=RULES,
        now=time.time(),
    )
    change = changes.add(replace(new, undoes=done.id))
    changes.approve(change.id, time.time())

    async with lab.nothing_persists():
        moved = await carry_out(lab, changes, change)

    fresh = changes.rows[moved.superseded_by or 0]
    assert (moved.state, fresh.undoes, changes.rows[done.id].state) == (State.SUPERSEDED, done.id, State.DONE)
    assert [(field.old, field.new) for field in fresh.diffs[0].fields] == [("2", None)]
    await lab.direct("kubectl annotate cm/settings step-")


async def test_a_workload_takes_up_again_what_its_deletion_left_behind(prepared: Lab) -> None:
    pods = "kubectl get pods -l app=kept -o jsonpath={.items[*].metadata.uid}"
    made = await prepared.direct("kubectl create deploy kept --image=nginx && kubectl wait --for=create pod -l app=kept --timeout=30s")
    assert made.code == 0, made.err
    before = await prepared.direct(pods)

    _, _, undone = await carry_out_and_undo(prepared, "kubectl delete deploy kept --cascade=orphan", gone="deploy/kept")

    uid = "$(kubectl get deploy kept -o jsonpath={.metadata.uid})"
    adopted = await prepared.direct(
        f"kubectl wait rs -l app=kept --for=jsonpath={{.metadata.ownerReferences[0].uid}}={uid} --timeout=30s && {pods}"
    )
    await prepared.direct("kubectl delete deploy kept")
    assert undone.state is State.DONE
    assert undone.writes[0].note.endswith("Pods of its selector that were left behind are its own again.")
    assert adopted.code == 0, adopted.err
    assert adopted.out.splitlines()[-1] == before.out != ""


async def test_what_got_its_name_from_the_server_is_taken_away(prepared: Lab) -> None:
    made = "printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {generateName: m-, labels: {made: up}}' | kubectl create -f -"

    _, _, undone = await carry_out_and_undo(prepared, made)

    left = await prepared.direct("kubectl get cm -l made=up -o name")
    assert (undone.state, left.code, left.out) == (State.DONE, 0, "")


async def test_a_service_that_was_made_anew_gets_everything_back_but_its_address(prepared: Lab) -> None:
    before = await look(prepared, "svc/web")

    _, _, undone = await carry_out_and_undo(prepared, "kubectl delete svc web && kubectl expose deploy web --port=81 --labels=x=y")

    after = await look(prepared, "svc/web")
    for item in (before, after):
        item["spec"].update(clusterIP="", clusterIPs=[])
    assert (undone.state, after) == (State.DONE, before), undone.reason
