"""What cannot be taken back, or no longer: it is said before the approval, and left as it is."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import replace

import pytest

from bot.changes import undo, undo_rehearsal
from bot.changes.change import State
from bot.slack.rendering.cards import render_change
from tests.integration.changes.fidelity_table import CHAPTERS
from tests.integration.changes.replaying import RULES, approve, carry_out
from tests.integration.changes.test_undo import CREATIONS, DELETIONS, UPDATES
from tests.integration.changes.undoing import look, undo_it, without_secondary
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges
from tests.unit.slack.judging import all_text

pytestmark = pytest.mark.apiserver


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


async def test_a_size_that_somebody_set_since_stays(prepared: Lab) -> None:
    lab, changes = prepared, MemoryChanges()
    done = await carry_out(lab, changes, await approve(lab, changes, "kubectl scale widget/one --replicas=3"))
    assert [(field.path, field.old, field.new) for field in done.diffs[0].fields] == [("spec.size", 1, 3)]
    await lab.direct("kubectl scale widget/one --replicas=4")

    rehearsed = await undo_rehearsal.rehearse(done, lab.cluster.api, None)

    assert [str(left) for left in rehearsed.left] == ["Stays as it is: Widget shop/one: somebody changed the same since: spec.size."]
    await lab.direct("kubectl scale widget/one --replicas=1")


_ON_A_NODE = (
    """echo '{"apiVersion":"v1","kind":"Node","metadata":{"name":"worn"}}' | kubectl create -f -;"""
    ' own=\'{"spec":{"nodeName":"worn","terminationGracePeriodSeconds":0,"tolerations":[{"operator":"Exists"}]}}\';'
    ' for pod in d1 d2; do kubectl run $pod --image=busybox --overrides="$own"; done'
)


async def test_a_drained_node_takes_pods_again_but_those_that_it_lost_stay_away(prepared: Lab) -> None:
    lab, changes = prepared, MemoryChanges()
    assert (await lab.direct(_ON_A_NODE)).code == 0
    before = await look(lab, "node/worn")
    lost = "a pod that was stopped does not come back."

    change = await approve(lab, changes, "kubectl drain worn --force")
    card = all_text(render_change(replace(change, state=State.PROPOSED), RULES, time.time()).blocks)
    done = await carry_out(lab, changes, change)
    undone = await undo_it(lab, changes, done)

    assert [diff.action for diff in change.diffs] == ["update", "evict", "evict"]
    pods = [diff.title for diff in change.diffs[1:]]  # drain evicts all pods of a node at once, in any order
    assert sorted(pods) == ["Pod shop/d1", "Pod shop/d2"]
    assert f"Undo is not possible for {', '.join(pods)}: {lost}" in card
    assert (done.state, undone.state, changes.rows[done.id].state) == (State.DONE, State.DONE, State.UNDONE)
    assert [write.request.method for write in undone.writes] == ["PATCH"]
    assert sorted(undone.impact)[:2] == [f"Stays as it is: Pod shop/d{number}: {lost}" for number in (1, 2)]
    assert without_secondary(await look(lab, "node/worn")) == without_secondary(before)
    assert await look(lab, "pod/d1") is None
    await lab.direct("kubectl delete node worn")


_SIGNING_REQUEST = (
    "openssl req -new -newkey rsa:2048 -nodes -keyout /dev/null -subj /O=g/CN=asked 2>/dev/null | base64 -w0 > asked;"
    " printf 'apiVersion: certificates.k8s.io/v1\\nkind: CertificateSigningRequest\\nmetadata: {name: asked}\\nspec: {request: %s,"
    ' signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}\\n\' "$(cat asked)" | kubectl create -f -'
)
IMPOSSIBLE = [
    ("kubectl label secret known a=b", "Undo is not possible: no copy of a Secret is kept."),
    ("kubectl delete secret known", "Undo is not possible: no copy of a Secret is kept."),
    ("kubectl delete pod p1 --wait=false", "Undo is not possible: a pod that was stopped does not come back."),
    ("kubectl delete ns made --wait=false", "Undo is not possible: everything in the namespace goes with it."),
    (
        'kubectl patch pod p1 --subresource=status --type=merge -p \'{"status":{"reason":"tested"}}\'',
        "Undo is not possible: what was written to `status` is not kept apart.",
    ),
    (
        "kubectl debug p1 --image=busybox --attach=false -q -c dbg",
        "Undo is not possible: a debugging container stays until its pod goes.",
    ),
    ("kubectl create token robot", "Undo is not possible: a credential that was issued cannot be taken back."),
    ("kubectl certificate approve asked", "Undo is not possible: the decision about a request for a certificate is final."),
    ("kubectl certificate deny asked", "Undo is not possible: the decision about a request for a certificate is final."),
    (
        'kubectl label cm settings x=y && kubectl patch secret known -p \'{"data":{"a":"MQ=="}}\'',
        "Undo is not possible for Secret shop/known: no copy of a Secret is kept.",
    ),
]


@pytest.mark.parametrize(("command", "says"), IMPOSSIBLE, ids=[line.split("--")[0] for line, _ in IMPOSSIBLE])
async def test_what_cannot_be_undone_says_so_before_the_approval(prepared: Lab, command: str, says: str) -> None:
    await prepared.direct(f"kubectl create ns made; kubectl create secret generic known; {_SIGNING_REQUEST}")

    change = await approve(prepared, MemoryChanges(), command)

    assert [line for line in change.impact if undo.is_lasting(line)] == [says]


_OF_TWO_WORDS = {"certificate", "auth", "apply", "create"}
_OF_A_KIND = {"set", "rollout"}
_CHANGES_NOTHING = {"diff", "get", "kustomize", "proxy", "wait", "describe", "logs", "version", "apply view-last-applied"}
_KINDS = {"serviceaccount": "sa", "poddisruptionbudget": "pdb", "namespace": "ns", "deployment": "deploy", "configmap": "cm"}
_CALL = re.compile(r"kubectl\s+(?:-[nfk]\s+\S+\s+|-\S+\s+)*([a-z]+)(?:\s+([a-z-]+))?(?:\s+([a-z]+))?")


def test_every_verb_of_the_fidelity_table_is_taken_back_or_said_to_be_lasting() -> None:
    tried = [command for _, command, _ in (*UPDATES, *CREATIONS, *DELETIONS)]
    tried += [command for command, _ in IMPOSSIBLE] + ["kubectl drain worn"]  # above

    missing = find_verbs(line.command for lines in CHAPTERS.values() for line in lines) - find_verbs(tried)

    assert missing <= _CHANGES_NOTHING


def find_verbs(commands: Iterable[str]) -> set[str]:
    """`scale`, `create role`, `rollout restart sts`: the verbs of all calls of kubectl, with as much as makes another request of them."""
    calls = [call for command in commands for call in _CALL.findall(command)]
    return {_form(verb, _KINDS.get(word, word), kind) for verb, word, kind in calls}


def _form(verb: str, word: str, kind: str) -> str:
    if verb in _OF_A_KIND:
        return f"{verb} {word} {kind}"
    return f"{verb} {word}" if verb in _OF_TWO_WORDS else verb
