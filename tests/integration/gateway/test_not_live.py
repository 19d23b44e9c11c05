"""Reads that show what a rehearsal wrote say that it is not applied yet; others do not."""

from __future__ import annotations

import pytest

from bot.gateway.reading.reads import NOT_LIVE
from tests.integration.gateway.lab import NOBODY, Lab
from tests.integration.gateway.test_door import CM, client_of

pytestmark = pytest.mark.apiserver

_WRITE = (
    "kubectl label cm settings seen=yes >/dev/null 2>&1; kubectl create cm fresh >/dev/null 2>&1; kubectl delete cm spare >/dev/null 2>&1"
)
_WARNING = f"Warning: {NOT_LIVE}"
_SCALE = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
_SHOWS_IT = {
    "GET": "kubectl get cm settings -o json",
    "GET of what is new": "kubectl get cm fresh -o json",
    "GET of what is deleted": "kubectl get cm spare -o json",
    "GET as a Table": "kubectl get cm settings",
    "GET of a scale": f"kubectl scale deploy web --replicas=5 >/dev/null && kubectl get --raw {_SCALE}",
    "LIST": "kubectl get cm -o json",
    "LIST as a Table": "kubectl get cm",
    "LIST of all namespaces as a Table": "kubectl get cm -A",
    "LIST by a selector": "kubectl get cm -l seen=yes -o name",
    "LIST of a namespace that is new": "kubectl create ns fresh >/dev/null && kubectl -n fresh get cm",
}
_SHOWS_NONE = ["kubectl get deploy web -o json", "kubectl get sa", "kubectl -n kube-system get cm -o name", "kubectl api-resources"]


@pytest.mark.parametrize("command", _SHOWS_IT.values(), ids=_SHOWS_IT)
async def test_a_read_that_shows_a_rehearsed_change_says_so(lab: Lab, command: str) -> None:
    ran = await lab.rehearse(f"{_WRITE}; {command}")

    assert ran.err.splitlines().count(_WARNING) == 1, ran.err


async def test_a_read_that_shows_none_says_nothing(lab: Lab) -> None:
    ran = await lab.rehearse(f"{_WRITE}; {' && '.join(_SHOWS_NONE)}")

    assert (ran.code, ran.err) == (0, "")


async def test_a_read_before_the_write_says_nothing(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl get cm settings && kubectl get cm -o name")

    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("accept", ["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"])
@pytest.mark.parametrize("target", [CM, f"{CM}/settings"])
async def test_the_warning_is_the_header_that_kubernetes_clients_know(lab: Lab, target: str, accept: str) -> None:
    async with client_of(lab) as (client, _):
        change = b'{"metadata":{"labels":{"seen":"yes"}}}'
        assert (await client.ask("PATCH", f"{CM}/settings", change, Content_Type="application/merge-patch+json"))[0] == 200

        warnings = await client.warnings("GET", target, Accept=accept)

    assert warnings == [f'299 - "{NOT_LIVE}"']


async def test_a_quiet_rehearsal_says_nothing(lab: Lab) -> None:
    async with lab.cluster.rehearse("t", NOBODY, "shop", "", is_quiet=True) as rehearsal:
        (lab.folder / "quiet").write_text(rehearsal.kubeconfig)
        ran = await lab.direct(f"export KUBECONFIG=quiet; {_WRITE}; kubectl get cm settings && kubectl get cm")

    assert (ran.code, ran.err) == (0, "")
    assert "fresh" in ran.out
