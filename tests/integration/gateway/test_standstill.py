"""A rehearsal that reads the same again and again, while only a write that is not applied yet could make a difference, is ended."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.gateway.limits import Limits
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.files import lay_out
from tests.integration.gateway.lab import Lab, open_lab

pytestmark = pytest.mark.apiserver

_IMPATIENT = Limits(named_wait_seconds=0.5, listed_wait_seconds=1.0, poll_reads=4, poll_seconds=0.5)
"""Eight rounds, at least, and a second."""
_MAKE = (
    """echo '{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"made"},"spec":{"colour":"red"}}' | kubectl create -f -"""
)
_WIDGET = "Widget shop/made"
_POLL = """
import time
from kubernetes import client, config
config.load_kube_config()
while True:
    try:
        client.CoreV1Api().read_namespaced_secret("tls", "shop")
        break
    except client.ApiException:
        time.sleep(0.1)
"""
WAITS = [
    (f"{_MAKE}; until kubectl get secret tls; do sleep 0.1; done", "secrets shop/tls", _WIDGET),
    (f"{_MAKE}; kubectl wait --for=create secret/tls --timeout=60s", "secrets shop/tls", _WIDGET),
    (f"{_MAKE}; {sys.executable} poll.py", "secrets shop/tls", _WIDGET),
    (f"{_MAKE}; until kubectl get secrets -o name | grep tls; do sleep 0.1; done", "secrets shop", _WIDGET),
    (f"{_MAKE}; until kubectl get secrets | grep tls; do sleep 0.1; done", "secrets shop", _WIDGET),
    (f"{_MAKE}; until kubectl get pods -l app=none | grep Running; do sleep 0.1; done", "pods shop", _WIDGET),
    (f"{_MAKE}; until kubectl get svc web | grep ^x; do sleep 0.1; done", "services shop/web", _WIDGET),
    (
        f"{_MAKE}; until kubectl get secret tls && kubectl get cm tls || kubectl get pv tls; do sleep 0.1; done",
        "secrets shop/tls",
        _WIDGET,
    ),
    (
        f"{_MAKE}; kubectl wait --for=jsonpath='{{.data.never}}'=x cm/settings --timeout=60s",
        "configmaps shop/settings",
        _WIDGET,
    ),
    (
        "kubectl create ns fresh; until kubectl -n fresh get sa default; do sleep 0.1; done",
        "serviceaccounts fresh/default",
        "Namespace fresh",
    ),
    (
        "kubectl create deploy operator --image=x; until kubectl get crd gears.example.net; do sleep 0.1; done",
        "customresourcedefinitions gears.example.net",
        "Deployment shop/operator",
    ),
]


@pytest.fixture
async def impatient(seeded: ApiServer, tmp_path: Path) -> AsyncIterator[Lab]:
    """A gateway that loses patience soon, so that the tests are quick."""
    lay_out(tmp_path)
    (tmp_path / "poll.py").write_text(_POLL)
    async with open_lab(seeded, tmp_path, _IMPATIENT) as lab:
        yield lab


@pytest.mark.parametrize(("command", "what", "after"), WAITS, ids=[f"{after}: {what} {len(command)}" for command, what, after in WAITS])
async def test_a_loop_that_only_an_approval_could_end_is_stopped(impatient: Lab, command: str, what: str, after: str) -> None:
    async with impatient.nothing_persists():
        ran = await impatient.rehearse(command, seconds=60)

    assert ran.recording.stopped == f"stopped: waits for {what}, which may change only after approval of {after}"
    assert len(ran.writes) == 1


_TWENTY = "$(seq 20)"
NO_WAITS = {
    "makes what is missing": (
        f"kubectl create ns fresh; for i in {_TWENTY}; do kubectl -n fresh get cm made-$i || kubectl -n fresh create cm made-$i; done"
    ),
    "looks for several things": f"kubectl create ns fresh; for i in {_TWENTY}; do kubectl -n fresh get cm made-$i; done",
    "a few tries": f"{_MAKE}; for i in 1 2 3 4 5 6 7; do kubectl get secret tls; sleep 0.3; done",
    "something new in every round": f"{_MAKE}; for i in {_TWENTY}; do kubectl get secret tls; kubectl get cm made-$i; done",
    "a write in every round": f"for i in {_TWENTY}; do kubectl create cm made-$i; kubectl get secret tls; done",
    "a write in every round beside what was written": (
        f"kubectl scale deploy web --replicas=5; for i in {_TWENTY}; do kubectl get deploy web; kubectl create cm made-$i; done"
    ),
    "nothing that sets a program to work": f"kubectl label cm settings a=b; for i in {_TWENTY}; do kubectl get secret tls; done",
    "another namespace": f"{_MAKE}; for i in {_TWENTY}; do kubectl -n default get secret tls; done",
    "a workload that stays as it is": f"kubectl label deploy web a=b; for i in {_TWENTY}; do kubectl get secret tls; done",
    "logs in every round": f"{_MAKE}; for i in {_TWENTY}; do kubectl get secret tls; kubectl logs p1; done",
    "no write at all": f"for i in {_TWENTY}; do kubectl get secret tls; done",
}


@pytest.mark.parametrize("command", NO_WAITS.values(), ids=NO_WAITS)
async def test_a_loop_that_goes_on_or_ends_by_itself_is_not(impatient: Lab, command: str) -> None:
    ran = await impatient.rehearse(f"{command}; true", seconds=120)

    assert (ran.recording.stopped, ran.code) == ("", 0)


async def test_an_answer_that_changes_is_a_sign_of_life(impatient: Lab) -> None:
    """The object changes for real in every round, whoever it is that changes it."""
    config = f"KUBECONFIG={impatient.server.kubeconfig}"
    change = f"{config} kubectl -n shop annotate cm spare round=$i --overwrite >/dev/null"

    ran = await impatient.rehearse(f"{_MAKE}; for i in {_TWENTY}; do {change}; kubectl get cm spare; kubectl get secret tls; done; true")

    assert (ran.recording.stopped, ran.code) == ("", 0)
