"""Runbooks in ConfigMaps of a real API server: read with the reader's rights alone, and looked up by a model over its wire."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from bot.agent import runbook_maps
from bot.errors import ConfigError
from bot.gateway.clusters import GatewayCluster
from bot.kube.connection import connect
from bot.settings import ClusterSettings
from bot.values.requests import Identity
from bot.values.transcript import Answered
from tests.integration.agent.conftest import WIRES, Open
from tests.integration.gateway.lab import Lab
from tests.unit.threads.harness import bench

BOOK = "# Payments crash\\nRestart the ledger first."
LOOKS_UP = """
rules:
  - {when: {step: 0}, reply: [{call: {name: runbook, args: {query: payments}}}]}
  - {reply: [{text: Restart the ledger.}]}
"""


@pytest.fixture
async def namespace(lab: Lab) -> AsyncIterator[str]:
    """A namespace with a runbook that its account `reader` may read, and one that it may not."""
    name = f"books-{uuid.uuid4().hex[:8]}"
    made = await lab.direct(
        f"kubectl create namespace {name} && kubectl config set-context --current --namespace={name} >/dev/null && kubectl create sa reader"
        f" && kubectl create configmap books --from-literal=payments.md=$'{BOOK}' --from-literal=notes.txt=other"
        " && kubectl create configmap secretive --from-literal=plans.md='# Plans'"
        " && kubectl create role reader --verb=get --resource=configmaps --resource-name=books"
        f" && kubectl create rolebinding reader --role=reader --serviceaccount={name}:reader"
    )
    assert made.code == 0, made.err
    yield name
    await lab.direct(f"kubectl delete namespace {name} --wait=false")


@pytest.fixture
async def cluster(lab: Lab, namespace: str) -> AsyncIterator[GatewayCluster]:
    """The cluster of a bot whose reader is that account."""
    settings = ClusterSettings(name="books", reader=f"system:serviceaccount:{namespace}:reader", writer="")
    opened = GatewayCluster(settings, await connect(str(lab.server.kubeconfig)), lab.gateway, b"salt")
    yield opened
    await opened.close()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_runbook_of_a_config_map_reaches_the_model_as_the_installers_own_text(
    wire: str, namespace: str, cluster: GatewayCluster, open_bench: Open
) -> None:
    service = await open_bench(LOOKS_UP, wire)
    async with bench() as b:
        b.runbooks = await runbook_maps.fetch(f"{namespace}/books", cluster.api, Identity(f"system:serviceaccount:{namespace}:reader"))
        b.model = service.model
        await b.write("payments crash, what now?")
        await b.rest()
        [answered] = [entry for entry in await b.entries() if isinstance(entry, Answered)]

    [told] = service.answers_sent()
    assert answered.result.sources == ()
    assert "<runbook stdout" in told
    assert "Restart the ledger first." in told
    assert "untrusted-output" not in told
    assert "other" not in told


async def test_a_config_map_that_the_reader_may_not_read_is_no_runbook(namespace: str, cluster: GatewayCluster) -> None:
    reader = Identity(f"system:serviceaccount:{namespace}:reader")

    with pytest.raises(ConfigError, match=f'cannot be read as {reader.user}: configmaps "secretive" is forbidden'):
        await runbook_maps.fetch(f"{namespace}/secretive", cluster.api, reader)
