"""A change made of a recording: its diffs, its digest, what it means for others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.changes import digest, propose
from bot.values.requests import RecordedWrite
from tests.unit.changes.bench import Bench, scale
from tests.unit.changes.builders import NOW, RULES, change_of, deployment, write


def scaled(old: int = 3, new: int = 5, kind: str = "Deployment", **metadata: Any) -> RecordedWrite:
    before = {**deployment(old, name="web", **metadata), "kind": kind}
    return write(
        "patch", "deployments", "web", {"spec": {"replicas": new}}, before=before, after={**before, "spec": deployment(new)["spec"]}
    )


def test_a_change_holds_what_was_recorded() -> None:
    written = scaled()

    change = change_of([written])

    assert change.writes == (written,)
    assert [d.title for d in change.diffs] == ["Deployment shop/web"]
    assert change.digest == digest.of([written], cluster="prod", asked_by="U1")
    assert (change.created_at, change.expires_at) == (NOW, NOW + RULES.lapse_seconds)
    assert (change.supersedes, change.impact) == (None, ("+2 pods",))


def test_a_change_names_the_namespaces_that_it_is_in_and_none_where_it_is_in_none() -> None:
    here, elsewhere = scaled(), scaled()
    there = replace(elsewhere, info=replace(elsewhere.info, namespace="pay"))
    outside = replace(elsewhere, info=replace(elsewhere.info, namespace=""))

    assert [change_of(writes).namespace for writes in ([here, there, here], [there, outside], [outside])] == ["shop, pay", "pay", ""]


async def test_a_renewed_change_waits_for_a_decision_of_its_own(bench: Bench) -> None:
    change = await bench.approve(scale())

    fresh = propose.renew(change, change.writes, change.diffs, settings=RULES, now=NOW + 60)

    assert (fresh.supersedes, fresh.digest, fresh.call_id) == (change.id, change.digest, change.call_id)
    assert (fresh.created_at, fresh.expires_at) == (NOW + 60, NOW + 60 + RULES.lapse_seconds)
