"""Command lines rehearsed through the gateway, approved, and replayed on a real API server: once, as shown, and with the same result."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from bot.changes.change import Send, SendState, State
from bot.changes.preconditions import with_precondition
from bot.changes.rollout_watch import watch_rollouts
from tests.integration.changes.replaying import THREAD, approve, carry_out
from tests.integration.gateway.audit import Mark, mark, persisted
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges

pytestmark = pytest.mark.apiserver


def persisted_since(lab: Lab, begin: Mark) -> int:
    """How many of our requests the API server carried out for real."""
    return sum(entry["responseStatus"]["code"] < 300 for entry in persisted(lab.server, begin))


async def test_an_object_that_moved_supersedes_the_change_and_nothing_is_written(lab: Lab) -> None:
    changes = MemoryChanges()
    await lab.direct("kubectl scale deploy/web --replicas=3")
    change = await approve(lab, changes, "kubectl scale deploy/web --replicas=6")
    await lab.direct("kubectl scale deploy/web --replicas=2")

    async with lab.nothing_persists():
        done = await carry_out(lab, changes, change)

    assert done.state is State.SUPERSEDED
    fresh = changes.rows[done.superseded_by or 0]
    assert [(f.path, f.old, f.new) for f in fresh.diffs[0].fields] == [("spec.replicas", 2, 6)]


async def test_a_secret_that_moved_supersedes_the_change(lab: Lab) -> None:
    changes = MemoryChanges()
    change = await approve(lab, changes, 'kubectl patch secret creds -p \'{"stringData":{"password":"mine"}}\'')
    await lab.direct('kubectl patch secret creds -p \'{"stringData":{"password":"theirs"}}\'')

    async with lab.nothing_persists():
        done = await carry_out(lab, changes, change)

    assert done.state is State.SUPERSEDED
    text = repr([changes.rows, changes.lines])
    assert "canary-hunter2-canary" not in text
    assert "theirs" not in text


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize(
    "line",
    [
        "kubectl annotate deploy/web crash=$RANDOM --overwrite",
        "kubectl create cm crash-$RANDOM --from-literal=a=1",
        'kubectl get cm settings -o json | jq ".data.size=\\"$RANDOM\\"" | kubectl replace -f -',
        "printf \"apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: ssa}\\ndata: {a: '$RANDOM'}\\n\" | kubectl apply --server-side -f -",
        "kubectl delete cm doomed",
    ],
    ids=["patch", "create", "replace", "apply", "delete"],
)
async def test_a_new_process_finishes_what_a_dead_one_sent(lab: Lab, line: str, happened: bool) -> None:
    await lab.direct(
        "kubectl create cm doomed; printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: ssa}\\n' | kubectl apply --server-side -f -"
    )
    changes = MemoryChanges()
    change = await approve(lab, changes, line)
    write = change.writes[0]
    tied, precondition = with_precondition(write, write.before)
    if happened:
        assert (await lab.cluster.api_for(THREAD).send(tied, write.identity, dry_run=False)).is_success
    sent = Send(0, SendState.SENT, precondition)
    changes.rows[change.id] = replace(changes.rows[change.id], state=State.REPLAYING, sends=(sent,))
    begin = mark(lab.server)

    done = await carry_out(lab, changes, change)

    is_unseen_create = write.request.method == "POST" and not happened
    assert done.state is (State.UNKNOWN if is_unseen_create else State.DONE), done.reason
    assert persisted_since(lab, begin) == (0 if happened or is_unseen_create else 1)


async def test_an_eviction_lands_on_the_pod_it_was_shown_for(lab: Lab) -> None:
    changes = MemoryChanges()
    await lab.direct("""echo '{"apiVersion":"v1","kind":"Node","metadata":{"name":"n9"}}' | kubectl create -f -""")
    own = '{"spec":{"nodeName":"n9","terminationGracePeriodSeconds":0,"tolerations":[{"operator":"Exists"}]}}'
    await lab.direct(f"kubectl run p9 --image=busybox --overrides='{own}'")
    change = await approve(lab, changes, "kubectl delete pod p9 --wait=false; kubectl cordon n9")
    assert len(change.writes) == 2
    assert (await carry_out(lab, changes, change)).state is State.DONE

    evict = '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p2","namespace":"shop"}}'
    line = f"echo '{evict}' | kubectl create --raw /api/v1/namespaces/shop/pods/p2/eviction -f -"
    change = await approve(lab, changes, line)
    done = await carry_out(lab, changes, change)

    assert done.state is State.DONE
    assert done.sends[0].precondition.endswith("/")
    assert (await lab.direct("kubectl get pod p2")).code == 1


async def be_brief(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 1.0))


async def test_a_rollout_is_told_until_it_has_settled(lab: Lab) -> None:
    changes = MemoryChanges()
    change = await carry_out(lab, changes, await approve(lab, changes, "kubectl create cm settled --from-literal=a=1"))
    await watch_rollouts(change, api=lab.cluster.api_for(THREAD), changes=changes, clock=time.time, timeout_seconds=5)
    assert changes.rollouts == [(change.id, "", True)]

    change = await carry_out(lab, changes, await approve(lab, changes, "kubectl scale deploy/web --replicas=7"))
    await watch_rollouts(change, api=lab.cluster.api_for(THREAD), changes=changes, clock=time.time, timeout_seconds=2, pause=be_brief)

    words = changes.rollouts[-1][1]  # no node runs pods here
    assert words.startswith("not settled in ")
    assert "0/7 ready" in words


_GUARDED = """
apiVersion: v1
kind: Namespace
metadata: {name: guarded}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: none, namespace: guarded}
spec: {hard: {services: "0"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kept, namespace: guarded}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: guarded}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: guarded}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!has(object.data)", message: "no data here"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: guarded}
spec: {policyName: guarded, validationActions: [Deny]}
"""
_LIFT = (
    "kubectl delete quota none; kubectl create service clusterip made --tcp=80;"
    " kubectl delete validatingadmissionpolicybinding guarded; kubectl create cm made --from-literal=a=1;"
    """ kubectl patch cm kept -p '{"data":{"a":"1"}}'"""
)


@pytest.fixture
async def guarded(lab: Lab) -> None:
    (lab.folder / "guarded.yaml").write_text(_GUARDED)
    made = await lab.direct("kubectl delete ns guarded --ignore-not-found; kubectl apply -f guarded.yaml")
    assert made.code == 0, made.err
    for line, words in (("cm x --from-literal=a=1", "no data here"), ("service clusterip x --tcp=80", "exceeded quota")):
        while words not in (await lab.direct(f"kubectl -n guarded create {line} --dry-run=server")).err:
            pass  # policies and quotas take effect a moment after they are made


async def test_what_an_earlier_write_makes_room_for_is_sent_after_it(lab: Lab, guarded: None) -> None:
    changes = MemoryChanges()
    change = await approve(lab, changes, _LIFT, "guarded")
    assert [(write.has_preview, write.needs) for write in change.writes] == [
        (True, ()),
        (False, (0,)),
        (True, ()),
        (False, (2,)),
        (False, (2,)),
    ]
    begin = mark(lab.server)

    done = await carry_out(lab, changes, change)

    assert done.state is State.DONE, done.reason
    assert persisted_since(lab, begin) == len(change.writes)
    found = await lab.direct(
        "kubectl get svc/made cm/made -o name; kubectl get cm made kept -o jsonpath='{.items[*].data.a}'", namespace="guarded"
    )
    assert found.out == "service/made\nconfigmap/made\n1 1"


async def test_an_object_that_moved_supersedes_the_change_although_its_write_passes_only_after_another(lab: Lab, guarded: None) -> None:
    changes = MemoryChanges()
    change = await approve(lab, changes, _LIFT, "guarded")
    await lab.direct("kubectl label cm kept moved=yes", namespace="guarded")

    async with lab.nothing_persists():
        done = await carry_out(lab, changes, change)

    assert done.state is State.SUPERSEDED
