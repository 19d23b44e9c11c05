"""One object applied more than once by one command: client-side, server-side, by one manager and by two."""

from __future__ import annotations

import pytest

from bot.changes.change import State
from tests.integration.changes.replaying import approve, carry_out
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges

pytestmark = pytest.mark.apiserver

_COPY = "-o jsonpath='{.metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration}'"


def _lay_out(lab: Lab, name: str) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, annotations: {{note: 'a <b> & \"c\" ü'}}}}\ndata: {{a: '1'}}\n"
    (lab.folder / f"{name}.yaml").write_text(text)


async def test_a_new_object_applied_on_both_sides_comes_to_the_same_as_directly(lab: Lab) -> None:
    line = "kubectl apply -f {0}.yaml && kubectl apply --server-side --force-conflicts -f {0}.yaml"
    _lay_out(lab, "both")
    _lay_out(lab, "twin")
    changes = MemoryChanges()

    change = await approve(lab, changes, line.format("both"))
    done = await carry_out(lab, changes, change)
    direct = await lab.direct(line.format("twin"))

    assert done.state is State.DONE, done.reason
    assert direct.code == 0, direct.err
    mine, theirs = [(await lab.direct(f"kubectl get cm {name} {_COPY}")).out for name in ("both", "twin")]
    assert mine == theirs.replace("twin", "both")
    assert '"note":' in mine


async def test_fields_that_somebody_else_applied_meanwhile_are_no_object_that_keeps_changing(lab: Lab) -> None:
    _lay_out(lab, "claimed")
    changes = MemoryChanges()
    change = await approve(lab, changes, "kubectl apply --server-side --field-manager=second -f claimed.yaml")
    await lab.direct("sed \"s/'1'/'0'/\" claimed.yaml | kubectl apply --server-side --field-manager=first -f -")

    done = await carry_out(lab, changes, change)

    assert done.state is State.FAILED
    assert 'conflict with "first": .data.a' in done.reason
    assert "keeps changing" not in done.reason
