"""What one command does and takes back: the API server would compare with what the first write left, which is not in the cluster."""

from __future__ import annotations

import json

import pytest

from bot.changes.change import State
from tests.integration.changes.replaying import approve_recording, carry_out
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges

pytestmark = pytest.mark.apiserver


def _become(kind: str) -> str:
    return f"kubectl patch svc NAME -p '{json.dumps({'spec': {'type': kind}})}'; "


_PUT_BACK = "kubectl get svc NAME -o yaml | sed 's/type: NodePort/type: ClusterIP/' | kubectl replace -f -; "
_TO_NAME = """kubectl patch svc NAME --type=merge -p '{"spec":{"type":"ExternalName","externalName":"a.b","clusterIP":null}}'; """
_OWN_PORT = """kubectl patch svc NAME -p '{"spec":{"type":"ClusterIP","ports":[{"port":80,"nodePort":30998}]}}' || echo no; """

SERVICES = {
    "a patch": _become("NodePort") + _become("ClusterIP"),
    "a replacement": _become("NodePort") + _PUT_BACK,
    "down from a load balancer": _become("LoadBalancer") + _become("NodePort") + _become("ClusterIP"),
    "a replacement of something else": _become("NodePort")
    + "kubectl get svc NAME -o yaml | sed 's/sessionAffinity: None/sessionAffinity: ClientIP/' | kubectl replace -f -; ",
    "to a name": _become("LoadBalancer") + _TO_NAME,
    "with a port of its own": _become("NodePort") + _OWN_PORT,
}


@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("way", SERVICES)
async def test_a_service_that_changes_its_type_again_is_what_it_is_directly(lab: Lab, way: str, is_new: bool) -> None:
    name = f"svc-{way.replace(' ', '-')}-{is_new}".lower()
    create = f"kubectl create svc clusterip {name} --tcp=80 >/dev/null; "
    read = f"kubectl get svc {name} -o json | jq -c '.spec | del(.clusterIP, .clusterIPs, .ports[].nodePort)'"
    change = SERVICES[way].replace("NAME", name)
    if not is_new:
        await lab.direct(create)

    async with lab.nothing_persists():
        ran = await lab.rehearse(create * is_new + change + read)
    changes = MemoryChanges()
    done = await carry_out(lab, changes, approve_recording(changes, ran.recording, change))
    replayed = await lab.direct(read)
    await lab.direct(f"kubectl delete svc {name}; {create}")
    direct = await lab.direct(change + read)
    await lab.direct(f"kubectl delete svc {name}")

    assert done.state is State.DONE, done.reason
    assert ran.out == direct.out, ran.err
    assert json.loads(ran.out.splitlines()[-1]) == json.loads(replayed.out)


@pytest.mark.parametrize("kind", ["deploy", "sts"])
async def test_a_workload_without_annotations_is_made_and_rolled_back(lab: Lab, kind: str) -> None:
    source = {"deploy": "deploy/web", "sts": "sts/db"}[kind]
    make = f"kubectl get {source} -o json | jq '.metadata={{name:\"new-{kind}\"}} | .spec.replicas=0' | kubectl create -f - >/dev/null; "

    image = f"kubectl get {kind} new-{kind} -o jsonpath='{{.spec.template.spec.containers[0].image}}'"
    undo = f"kubectl set image {kind}/new-{kind} '*=nginx:9' >/dev/null; kubectl rollout undo {kind}/new-{kind} >/dev/null; "

    async with lab.nothing_persists():
        ran = await lab.rehearse(make + undo + image)
    changes = MemoryChanges()
    done = await carry_out(lab, changes, approve_recording(changes, ran.recording, make))
    replayed = await lab.direct(image)
    await lab.direct(f"kubectl delete {kind} new-{kind}")

    assert (ran.code, ran.recording.refused) == (0, ())
    assert done.state is State.DONE, done.reason
    assert ran.out == replayed.out == {"deploy": "nginx:1.25", "sts": "postgres:17"}[kind]
