"""An aggregated API is never asked for a dry run, and what is deleted of it is gone for the rest of the rehearsal."""

from __future__ import annotations

import pytest

from tests.integration.gateway.far import THINGS, far_api
from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("kubectl delete thing a b", ["DELETE things.far.example.org shop/a", "DELETE things.far.example.org shop/b"]),
        ("kubectl delete things --all", ["DELETE things.far.example.org shop/a", "DELETE things.far.example.org shop/b"]),
        (f"kubectl delete --raw {THINGS}", ["DELETE things.far.example.org shop/"]),
    ],
)
async def test_what_is_deleted_is_gone_for_the_rehearsal_and_its_wait_ends(lab: Lab, command: str, writes: list[str]) -> None:
    async with far_api(lab) as far:
        far.put("a", "b")
        ran = await lab.rehearse(
            f"{command} && kubectl wait --for=delete thing/a --timeout=20s && kubectl get things -o name && kubectl get thing a", seconds=40
        )

    assert ran.err.endswith('Error from server (NotFound): things.far.example.org "a" not found\n'), ran.err
    assert "thing.far.example.org/" not in ran.out
    assert ran.writes == writes
    assert all(not write.has_preview and "aggregated" in write.note for write in ran.recording.writes)
    assert (ran.recording.stopped, ran.recording.refused) == ("", ())
    assert far.writes == []
    assert sorted(far.things) == ["a", "b"]
