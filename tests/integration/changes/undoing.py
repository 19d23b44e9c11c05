"""What undos are tried on, and how they are carried out."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.changes import propose, undo_rehearsal
from bot.changes.change import Change, State
from bot.values.requests import Recording
from tests.integration.changes.replaying import RULES, approve, carry_out
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges

_BY_THE_SERVER = ("resourceVersion", "managedFields", "generation", "uid", "creationTimestamp")
_BY_CONTROLLERS = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")


def configmap(name: str, value: str) -> str:
    return f"printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {{name: {name}}}\\ndata: {{a: \"{value}\"}}\\n'"


def role(verbs: str, resources: str) -> str:
    """The manifest of the role `kept`, printed."""
    return f"kubectl -n shop create role kept --verb={verbs} --resource={resources} --dry-run=client -o yaml"


def _rolled(kind: str, spec: str) -> str:
    """A workload `rolled` with two revisions, each of which its controller has come to."""
    seen = f"kubectl wait {kind}/rolled --timeout=30s --for=jsonpath={{.status.observedGeneration}}"
    labels = f"{{rolled: as-{kind}}}"
    template = f"{{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: nginx, image: 'nginx:1'}}]}}}}"
    manifest = f"kind: {kind}\\nmetadata: {{name: rolled}}\\nspec: {{{spec}selector: {{matchLabels: {labels}}}, template: {template}}}"
    made = f'printf "apiVersion: apps/v1\\n{manifest}" | kubectl create -f -'
    return f"{made} && {seen}=1 && kubectl set image {kind}/rolled nginx=nginx:2 && {seen}=2"


PREPARED = (
    f"{configmap('applied', '1')} | kubectl apply -f -; {configmap('served', '1')} | kubectl apply --server-side -f -;"
    " printf 'apiVersion: example.com/v1\\nkind: Widget\\nmetadata: {name: one}\\nspec: {size: 1, colour: red}\\n' | kubectl apply -f -;"
    " printf 'apiVersion: example.com/v1\\nkind: Widget\\nmetadata: {name: bare}\\nspec: {colour: red}\\n' | kubectl apply -f -;"
    " kubectl create rolebinding readers --clusterrole=view --user=ben --group=all; kubectl create clusterrolebinding readers"
    " --clusterrole=view --user=ben;"
    " printf 'apiVersion: v1\\nkind: PersistentVolumeClaim\\nmetadata: {name: data}\\nspec: {accessModes: [ReadWriteOnce], resources:"
    " {requests: {storage: 1Mi}}}\\n' | kubectl apply -f -; kubectl create job done --image=busybox -- true;"
    " kubectl create deploy still --image=nginx && kubectl rollout pause deploy/still && kubectl autoscale deploy still --max=3;"
    " printf 'apiVersion: v1\\nkind: Node\\nmetadata: {name: shut}\\nspec: {unschedulable: true, taints: [{key: c, value: d,"
    " effect: NoSchedule}]}\\n' | kubectl create -f -;"
    r" at='kubectl wait deploy/rolled --timeout=30s --for=jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}';"
    " kubectl create deploy rolled --image=nginx:1 && $at=1 && kubectl set image deploy/rolled nginx=nginx:2 && $at=2;"
    f" {role('get', 'pods')} | kubectl create -f -;"
    f" {_rolled('StatefulSet', 'replicas: 0, serviceName: none, ')}; {_rolled('DaemonSet', '')}"
)


@pytest.fixture
async def prepared(lab: Lab) -> AsyncIterator[Lab]:
    await lab.direct(PREPARED)
    yield lab
    await lab.direct(
        "kubectl delete node shut; kubectl delete hpa still; kubectl delete deploy still rolled;"
        # Their revisions have to go with them: a workload of the same name would take them for its own.
        " kubectl delete sts,ds rolled --cascade=foreground"
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


def without_secondary(item: Any) -> Any:
    """A new Service of type NodePort leaves nothing behind; a taint of the node controller comes and goes by itself."""
    taints = [t for t in item["spec"].get("taints", []) if not t["key"].startswith("node.kubernetes.io/")] if "spec" in item else []
    return {**item, "spec": {**item["spec"], "taints": taints}} if "spec" in item else item
