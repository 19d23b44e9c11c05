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
