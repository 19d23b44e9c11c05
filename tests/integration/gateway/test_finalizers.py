"""Deleted objects that finalizers keep: those who take the finalizers away see them, those who wait for the end see it."""

from __future__ import annotations

import pytest

from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver

_HELD = (
    "printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: held, finalizers: [a.example/b]}\\n' | kubectl create -f - >/dev/null; "
)
_LEAVE = _HELD + "kubectl delete cm held --wait=false >/dev/null; "


async def test_it_can_be_read_as_one_that_is_being_deleted(lab: Lab) -> None:
    ran = await lab.rehearse(_LEAVE + "kubectl get cm held -o jsonpath='{.metadata.deletionTimestamp}'; kubectl get cm -o name | grep held")

    assert ran.out.startswith("20")
    assert ran.out.endswith("configmap/held\n")


async def test_who_takes_the_finalizers_away_ends_it(lab: Lab) -> None:
    async with lab.nothing_persists():
        ran = await lab.rehearse(
            _LEAVE + """kubectl patch cm held --type=merge -p '{"metadata":{"finalizers":null}}' && kubectl create cm held"""
        )

    assert ran.code == 0, ran.err
    assert [write.partition(" ")[0] for write in ran.writes] == ["POST", "DELETE", "PATCH", "POST"]


@pytest.mark.parametrize(
    "wait",
    [
        "kubectl wait --for=delete cm/held --timeout=5s >/dev/null",
        "while kubectl get cm held -o name >/dev/null; do sleep 0.2; done",
    ],
)
async def test_who_waits_for_its_end_sees_it(lab: Lab, wait: str) -> None:
    ran = await lab.rehearse(_LEAVE + wait + "; kubectl create cm held")

    assert ran.code == 0, ran.err
    assert ran.recording.stopped == ""
    assert ran.out == "configmap/held created\n"


async def test_a_deletion_that_is_waited_for_is_over(lab: Lab) -> None:
    ran = await lab.rehearse(_HELD + "kubectl delete cm held >/dev/null; kubectl get cm held")

    assert 'configmaps "held" not found' in ran.err


async def test_its_name_is_taken_while_it_is_there(lab: Lab) -> None:
    ran = await lab.rehearse(_LEAVE + "kubectl create cm held")

    assert 'object is being deleted: configmaps "held" already exists' in ran.err
    assert [refused.status for refused in ran.recording.refused] == [409]
