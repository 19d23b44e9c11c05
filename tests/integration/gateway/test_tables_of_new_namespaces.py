"""What `kubectl get` prints of objects whose namespace the same command makes: the columns that it prints everywhere."""

from __future__ import annotations

import pytest

from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver

MADE = (
    "kubectl create ns printing && kubectl -n printing create deploy app --image=nginx:1 --replicas=2"
    " && kubectl -n printing create service clusterip app --tcp=80 && kubectl -n printing create secret generic key --from-literal=a=b"
)


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("kubectl -n printing get deploy", ["NAME READY UP-TO-DATE AVAILABLE AGE", "app 0/2 0 0"]),
        ("kubectl -n printing get deploy app -o wide", ["CONTAINERS IMAGES SELECTOR", "nginx nginx:1 app=app"]),
        ("kubectl -n printing get secret key", ["NAME TYPE DATA AGE", "key Opaque 1"]),
        ("kubectl get deploy -A | grep -e NAME -e printing", ["NAMESPACE NAME READY", "printing app 0/2"]),
    ],
)
async def test_the_columns_are_those_of_the_kind(lab: Lab, line: str, printed: list[str]) -> None:
    async with lab.nothing_persists():
        ran = await lab.rehearse(f"{MADE} && {line}")

    assert ran.code == 0, ran.err
    shown = " ".join(ran.out.split())
    for words in printed:
        assert words in shown
