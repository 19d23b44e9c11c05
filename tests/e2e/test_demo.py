"""The demo by the command that people call, on its own cluster and on one that it did not start: set up, asked, approved, ended."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bot.demo import install, places
from bot.devslack.driver import Driver
from tests.e2e.conftest import Cluster
from tests.e2e.parts import Process, free_port, until
from tests.e2e.test_main_job import BEN, Oncall, replicas

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest_asyncio.fixture(params=["its own cluster", "a cluster that somebody has"])
async def demo(request: pytest.FixtureRequest, cluster: Cluster, state: Path, tmp_path: Path) -> AsyncIterator[Driver]:
    """The demo, ready. Afterwards the cluster is as it was. Its own is the one of the tests, which it finds running and leaves so."""
    port = free_port()
    command = [sys.executable, "-m", "bot.cli", "demo", "--scripted", "--port", str(port), "--state", str(state)]
    command += ["--keep-cluster"] if request.param == "its own cluster" else ["--kubeconfig", cluster.kubeconfig]
    process = Process("demo", command, {"PATH": cluster.path, "GATEWAY_HOST": "", "KUBECTL_AI_SANDBOX_IMAGE": ""}, tmp_path / "demo.log")
    process.start()

    async def is_page_open() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://localhost:{port}/") as page:
                return page.status == 200
        except aiohttp.ClientConnectionError:
            return False

    def is_ready() -> bool:
        shown = read_progress(state)
        assert process.is_alive, process.output[-4000:]
        assert not shown["error"], process.output[-4000:]
        return bool(shown["done"])

    try:
        await until("the page is open", is_page_open, every=0.01)
        assert not read_progress(state)["done"], "the page opens while the rest is being set up"
        await until("the demo is ready", is_ready, seconds=300)
        async with Driver(f"http://127.0.0.1:{port}") as driver:
            yield driver
        assert process.process is not None
        process.process.send_signal(signal.SIGINT)
        await until("the demo has ended", lambda: not process.is_alive)
        assert process.process.returncode == 0, process.output[-4000:]
    finally:
        process.stop()
        cluster.kubectl("delete", "namespace", "shop", "--ignore-not-found")
        environment = {**os.environ, "KUBECONFIG": cluster.kubeconfig, "PATH": cluster.path}
        await install.install(places.own(environment), tmp_path)


def read_progress(state: Path) -> dict[str, Any]:
    path = state / "progress.json"
    return json.loads(path.read_text()) if path.exists() else {"done": False, "error": ""}


def has_failed(cluster: Cluster) -> bool:
    """Whether the unlucky release shows: the shop is ready for people some seconds before its pods have failed."""
    waiting = cluster.kubectl("-n", "shop", "get", "pods", "-o=jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}")
    restarts = cluster.kubectl(
        "-n", "shop", "get", "pods", "-l=app=cart", "-o=jsonpath={.items[*].status.containerStatuses[*].restartCount}"
    )
    return "Pull" in waiting and any(int(count) > 1 for count in restarts.split())


async def test_the_demo_has_a_broken_shop_that_people_look_at_and_change(demo: Driver, cluster: Cluster) -> None:
    """The shop is there and broken, a person asks and another approves, and the cluster has what was approved."""
    people = Oncall(demo)
    before = replicas(cluster, "shop")

    looked = await people.ask("kubectl get deployments")
    await people.says(looked, "payments")
    await until(
        "cart has crashed again, and the image of payments is missing",
        lambda: has_failed(cluster),
        seconds=240,  # a kubelet that is busy with the sandboxes of other tests has been slow to replace the old pod
        every=1,
        found=lambda: cluster.kubectl("-n", "shop", "get", "pods,events,replicasets", "-o=wide"),
    )
    triaged = await people.ask("triage shop")
    for finding in ("cart", " restarts", "payments", "Pull", "catalog"):  # a script in a real sandbox found them
        await people.says(triaged, finding)
    thread = await people.ask(f"kubectl scale deployment/web --replicas={before + 1}")
    card = await people.card(thread)
    await people.approve(card, BEN)

    await until("the change is in the cluster", lambda: replicas(cluster, "shop") == before + 1)
