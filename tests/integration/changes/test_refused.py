"""One command, part of which the API server refuses: whoever approves the rest sees what is no part of it."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pytest
from rich.console import Console

from bot.changes.change import Change, State
from bot.changes.propose import renew, replace_edited
from bot.chat.cards import render_card
from bot.devslack.blockkit.views import check_view
from bot.slack.rendering.cards import render_change
from bot.slack.rendering.details import render_details
from tests.integration.changes.replaying import RULES, approve, carry_out
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges
from tests.unit.slack.judging import all_text, assert_acceptable

pytestmark = pytest.mark.apiserver

_DOCUMENTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: first}
data: {a: "1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: wrong}
spec:
  replicas: -1
  selector: {matchLabels: {app: wrong}}
  template: {metadata: {labels: {app: wrong}}, spec: {containers: [{name: c, image: nginx}]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: last}
data: {a: "1"}
"""
_SAYS = 'POST Deployment shop/wrong – Deployment.apps "wrong" is invalid: spec.replicas: Invalid value: -1'


def card_of(change: Change) -> str:
    """The lines of its card in Slack."""
    rendered = render_change(change, RULES, time.time())
    assert_acceptable(rendered)
    return all_text(rendered.blocks)


def frame_of(change: Change) -> str:
    """The same in a terminal, without what wraps its lines."""
    out = io.StringIO()
    Console(file=out, width=400).print(render_card(change, undo_seconds=60, now=time.time()))
    return out.getvalue()


async def apply(lab: Lab, changes: MemoryChanges, text: str) -> Change:
    """The change that a file of these documents comes to, as it waits."""
    (lab.folder / "all.yaml").write_text(text)
    return replace(await approve(lab, changes, "kubectl apply -f all.yaml"), state=State.PROPOSED)


async def test_an_invalid_document_among_others_is_on_every_card_and_is_not_applied(lab: Lab) -> None:
    changes = MemoryChanges()

    change = await apply(lab, changes, _DOCUMENTS)
    done = await carry_out(lab, changes, change)

    assert [diff.title for diff in change.diffs] == ["ConfigMap shop/first", "ConfigMap shop/last"]
    for card in (card_of(change), card_of(done), frame_of(change), frame_of(done)):
        assert f"1 request was refused and is not part of this change: {_SAYS}" in card
    assert f"{_SAYS}: must be greater than or equal to 0\n  POST {change.refused[0].path} → HTTP 422" in all_text(
        check_view(render_details(change))
    )
    assert done.state is State.DONE
    names = await lab.direct("kubectl get cm,deploy -o name; kubectl delete cm first last")
    assert {"configmap/first", "configmap/last"} <= set(names.out.split())
    assert "deployment.apps/wrong" not in names.out


async def test_the_edited_command_is_told_by_its_own_refusals(lab: Lab) -> None:
    changes = MemoryChanges()
    before = await apply(lab, changes, _DOCUMENTS)
    other = await apply(lab, changes, _DOCUMENTS.replace("replicas: -1", "replicas: 1").replace("{name: last}", "{name: LAST}"))
    mended = await apply(lab, changes, _DOCUMENTS.replace("replicas: -1", "replicas: 1"))

    cards = [card_of(replace(new, supersedes=replace_edited(before, new).supersedes)) for new in (other, mended)]

    assert 'POST ConfigMap shop/LAST – ConfigMap "LAST" is invalid' in cards[0]
    assert "shop/wrong – " not in cards[0]
    assert "refused" not in cards[1]


@pytest.mark.parametrize(
    ("command", "is_part"),
    [
        ("kubectl scale deploy/web --replicas=2 && kubectl rollout status deploy/web && kubectl delete cm spare", True),
        ("kubectl scale deploy/web --replicas=2", False),
    ],
)
async def test_every_card_says_that_its_command_was_rehearsed_in_part_only(lab: Lab, command: str, is_part: bool) -> None:
    changes = MemoryChanges()

    change = replace(await approve(lab, changes, command), state=State.PROPOSED)
    fresh = renew(change, change.writes, change.diffs, settings=RULES, now=time.time())

    said = (
        "Only a part of the command was rehearsed, and what follows is no part of this change: it was stopped, as it waits for Deployment"
    )
    assert [diff.title for diff in change.diffs] == ["Deployment shop/web"]
    for text in (card_of(change), frame_of(change), "\n".join(fresh.impact)):
        assert (said in text) is is_part


async def test_a_field_that_another_manager_owns_is_named_and_not_tried_again(lab: Lab) -> None:
    changes = MemoryChanges()
    (lab.folder / "owned.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owned}\ndata: {a: '1'}\n")
    command = "kubectl create cm owned --from-literal=a=0 && kubectl apply --server-side -f owned.yaml"

    done = await carry_out(lab, changes, await approve(lab, changes, command))
    await lab.direct("kubectl delete cm owned")

    assert done.state is State.PARTIAL
    assert 'ConfigMap shop/owned: Apply failed with 1 conflict: conflict with "kubectl-create" using v1: .data.a' in done.reason
