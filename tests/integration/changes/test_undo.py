"""Changes that landed on a real API server are taken back: what comes out is the object as it was."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.changes import propose, undo, undo_rehearsal
from bot.changes.change import Change, State
from bot.values.requests import Recording
from tests.integration.changes.replaying import RULES, approve, carry_out
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges

pytestmark = pytest.mark.apiserver

_BY_THE_SERVER = ("resourceVersion", "managedFields", "generation", "uid", "creationTimestamp")
_BY_CONTROLLERS = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")


def configmap(name: str, value: str) -> str:
    return f"printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {{name: {name}}}\\ndata: {{a: \"{value}\"}}\\n'"


UPDATES = [
    ("scale", "kubectl scale deploy/web --replicas=5", "deploy/web"),
    ("set image", "kubectl set image deploy/web web=nginx:1.28", "deploy/web"),
    ("set env", "kubectl set env deploy/web MODE=slow EXTRA=1", "deploy/web"),
    ("set resources", "kubectl set resources deploy/web --limits=cpu=500m,memory=64Mi", "deploy/web"),
    ("set serviceaccount", "kubectl set serviceaccount deploy/web robot", "deploy/web"),
    ("rollout restart", "kubectl rollout restart deploy/web", "deploy/web"),
    ("rollout pause", "kubectl rollout pause deploy/web", "deploy/web"),
    ("rollout resume", "kubectl rollout resume deploy/still", "deploy/still"),
    ("rollout undo", "kubectl rollout undo deploy/rolled", "deploy/rolled"),
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
    ("node port", 'kubectl patch svc web -p \'{"spec":{"type":"NodePort"}}\'', "svc/web"),
    ("cordon", "kubectl cordon n1", "node/n1"),
    ("taint", "kubectl taint node n1 a=b:NoSchedule", "node/n1"),
    ("uncordon", "kubectl uncordon shut", "node/shut"),
    ("taint taken off", "kubectl taint node shut c=d:NoSchedule-", "node/shut"),
    ("set selector", "kubectl set selector svc/web app=other", "svc/web"),
    ("autoscaler", 'kubectl patch hpa/still --type=merge -p \'{"spec":{"maxReplicas":7}}\'', "hpa/still"),
    ("custom resource", 'kubectl patch widget/one --type=merge -p \'{"spec":{"colour":"green"}}\'', "widget/one"),
    ("suspend", 'kubectl patch cronjob tick -p \'{"spec":{"suspend":true}}\'', "cronjob/tick"),
    ("apply", f"{configmap('applied', '2')} | kubectl apply -f -", "cm/applied"),
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
PREPARED = (
    f"{configmap('applied', '1')} | kubectl apply -f -; {configmap('served', '1')} | kubectl apply --server-side -f -;"
    " printf 'apiVersion: example.com/v1\\nkind: Widget\\nmetadata: {name: one}\\nspec: {size: 1, colour: red}\\n' | kubectl apply -f -;"
    " printf 'apiVersion: v1\\nkind: PersistentVolumeClaim\\nmetadata: {name: data}\\nspec: {accessModes: [ReadWriteOnce], resources:"
    " {requests: {storage: 1Mi}}}\\n' | kubectl apply -f -; kubectl create job done --image=busybox -- true;"
    " kubectl create deploy still --image=nginx && kubectl rollout pause deploy/still && kubectl autoscale deploy still --max=3;"
    " printf 'apiVersion: v1\\nkind: Node\\nmetadata: {name: shut}\\nspec: {unschedulable: true, taints: [{key: c, value: d,"
    " effect: NoSchedule}]}\\n' | kubectl create -f -;"
    r" at='kubectl wait deploy/rolled --timeout=30s --for=jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}';"
    " kubectl create deploy rolled --image=nginx:1 && $at=1 && kubectl set image deploy/rolled nginx=nginx:2 && $at=2"
)


async def carry_out_and_undo(lab: Lab, command: str, gone: str = "") -> tuple[MemoryChanges, Change, Change]:
    """The change and its undo, both replayed; the undo when `gone` is out of the way."""
    changes = MemoryChanges()
    done = await carry_out(lab, changes, await approve(lab, changes, command))
    assert done.state is State.DONE, done.reason
    if gone:
        assert (await lab.direct(f"kubectl wait --for=delete {gone} --timeout=30s")).code == 0
    return changes, done, await undo_it(lab, changes, done)


async def undo_it(lab: Lab, changes: MemoryChanges, done: Change) -> Change:
    rehearsed = await undo_rehearsal.rehearse(done, lab.cluster.api, None)
    assert rehearsed.writes, rehearsed.left
    new = propose.build(
        Recording(rehearsed.writes),
        thread_id=done.thread_id,
        call_id="call-2",
        turn=2,
        cluster="cluster",
        namespace="shop",
        command=f"undo change {done.id}",
        asked_by="U1",
        settings=RULES,
        now=time.time(),
    )
    change = changes.add(replace(new, undoes=done.id, impact=(*map(str, rehearsed.left), *new.impact)))
    changes.approve(change.id, time.time())
    return await carry_out(lab, changes, change)


async def look(lab: Lab, name: str) -> Any:
    """The object without what servers and controllers set; None if it is not there or on its way out."""
    ran = await lab.direct(f"kubectl get {name} -o json")
    if ran.code:
        return None
    item = json.loads(ran.out)
    metadata = {key: value for key, value in item["metadata"].items() if key not in _BY_THE_SERVER}
    annotations = {key: value for key, value in metadata.pop("annotations", {}).items() if key not in _BY_CONTROLLERS}
    return {**item, "metadata": {**metadata, "annotations": annotations}, "status": None}


@pytest.fixture
async def prepared(lab: Lab) -> AsyncIterator[Lab]:
    await lab.direct(PREPARED)
    yield lab
    await lab.direct("kubectl delete node shut; kubectl delete hpa still; kubectl delete deploy still rolled")


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


def without_secondary(item: Any) -> Any:
    """A new Service of type NodePort leaves nothing behind; a taint of the node controller comes and goes by itself."""
    taints = [t for t in item["spec"].get("taints", []) if not t["key"].startswith("node.kubernetes.io/")] if "spec" in item else []
    return {**item, "spec": {**item["spec"], "taints": taints}} if "spec" in item else item


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
        namespace="shop",
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
    assert [(field.old, field.new) for field in fresh.diffs[0].fields] == [({"step": "2"}, None)]
    await lab.direct("kubectl annotate cm/settings step-")


async def test_nothing_is_left_to_undo_where_somebody_set_the_same(prepared: Lab) -> None:
    lab, changes = prepared, MemoryChanges()
    done = await carry_out(lab, changes, await approve(lab, changes, "kubectl scale deploy/web --replicas=5"))
    await lab.direct("kubectl scale deploy/web --replicas=7")

    async with lab.nothing_persists():
        rehearsed = await undo_rehearsal.rehearse(done, lab.cluster.api, None)

    assert rehearsed.writes == ()
    assert [str(left) for left in rehearsed.left] == [
        "Stays as it is: Deployment shop/web: it has 7 replicas by now, not the 5 that the change set."
    ]
    await lab.direct("kubectl scale deploy/web --replicas=3")


async def test_a_namespace_says_what_else_is_in_it(prepared: Lab) -> None:
    lab, changes = prepared, MemoryChanges()
    line = "kubectl create ns shared && kubectl -n shared create cm own --from-literal=a=1"
    done = await carry_out(lab, changes, await approve(lab, changes, line))
    await lab.direct("kubectl -n shared create cm theirs --from-literal=a=1")

    rehearsed = await undo_rehearsal.rehearse(done, lab.cluster.api, None)

    assert [write.info.name for write in rehearsed.writes] == ["own", "shared"]
    assert rehearsed.writes[-1].note == "NOT ONLY what the change made is in it; this goes too: ConfigMap theirs."


IMPOSSIBLE = [
    ("kubectl create secret generic hidden --from-literal=a=1", "Undo is not possible: no copy of a Secret is kept."),
    ("kubectl delete pod p1 --wait=false", "Undo is not possible: a pod that was stopped does not come back."),
    ("kubectl delete ns made --wait=false", "Undo is not possible: everything in the namespace goes with it."),
    ("kubectl scale widget/one --replicas=3", "Undo is not possible: its size is kept in a field that is not known here."),
    (
        'kubectl patch pod p1 --subresource=status --type=merge -p \'{"status":{"reason":"tested"}}\'',
        "Undo is not possible: what was written to `status` is not kept apart.",
    ),
    (
        "kubectl debug p1 --image=busybox --attach=false -q -c dbg",
        "Undo is not possible: a debugging container stays until its pod goes.",
    ),
    ("kubectl create token robot", "Undo is not possible: a credential that was issued cannot be taken back."),
    (
        "kubectl label cm settings x=y && kubectl create secret generic hidden --from-literal=a=1",
        "Undo is not possible for Secret shop/hidden: no copy of a Secret is kept.",
    ),
]


@pytest.mark.parametrize(("command", "says"), IMPOSSIBLE, ids=[line.split("--")[0] for line, _ in IMPOSSIBLE])
async def test_what_cannot_be_undone_says_so_before_the_approval(prepared: Lab, command: str, says: str) -> None:
    await prepared.direct("kubectl create ns made")

    change = await approve(prepared, MemoryChanges(), command)

    assert [line for line in change.impact if undo.is_lasting(line)] == [says]
