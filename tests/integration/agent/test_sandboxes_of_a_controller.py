"""Items 12 and 13 of the checklist in test_kubectl_ai_checklist, with agent-sandbox's own controller and CRDs on a real API server. No node
runs pods here: the test says of each that it runs, as a kubelet would."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from bot.kube.connection import connect
from bot.sandbox.api import CLAIMS, CORE, SANDBOXES, Api, Object, StatusError
from bot.sandbox.claims import Claims, name_claim
from bot.sandbox.pods import Pods
from bot.settings import SandboxSettings
from tests.cluster.apiserver import ApiServer
from tests.cluster.build import require_programs
from tests.cluster.layout import REPOSITORY
from tests.integration.conftest import serve

pytestmark = pytest.mark.apiserver

SETTINGS = SandboxSettings(ready_seconds=120.0)
NAMESPACE = SETTINGS.namespace
MANIFESTS = REPOSITORY / "manifests" / "sandbox"
THREAD = "T1:C1:1.2"
_SECONDS = 120
_PAUSE_SECONDS = 0.2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server of this module's own, with agent-sandbox and our manifests: what others find on theirs stays as it is."""
    folder = tmp_path_factory.mktemp("sandboxes")
    for made in serve(folder / "state"):

        def kubectl(*arguments: str) -> None:
            subprocess.run([made.kubectl, "--kubeconfig", made.kubeconfig, *arguments], check=True, capture_output=True, timeout=_SECONDS)  # noqa: B023 – there is one server

        built = require_programs()
        kubectl("apply", "--server-side", "-f", str(built.agent_sandbox_crds))
        kubectl("wait", "--for=condition=Established", "crd", "--all", f"--timeout={_SECONDS}s")
        for name in ("namespace", "runtimeclass", "template", "warmpool"):
            kubectl("apply", "-f", str(MANIFESTS / f"{name}.yaml"))
        options = ("--extensions", "--leader-elect=false", "--enable-webhook=false", "--metrics-bind-address=0")
        with (folder / "controller.log").open("w") as log:
            controller = subprocess.Popen(
                [built.bin / "agent-sandbox-controller", f"--kubeconfig={made.kubeconfig}", *options, "--health-probe-bind-address=0"],
                stdout=log,
                stderr=log,
            )
        yield made
        controller.terminate()
        controller.wait(_SECONDS)


@dataclass
class Home:
    """The sandboxes' cluster as the bot sees it."""

    api: Api
    claims: Claims
    pods: Pods

    async def find(self, path: str) -> Object | None:
        """The object, or None if there is none."""
        try:
            return await self.api.get(path)
        except StatusError as exc:
            if exc.code == 404:
                return None
            raise

    async def until_gone(self, path: str) -> None:
        async with asyncio.timeout(_SECONDS):
            while await self.find(path) is not None:
                await asyncio.sleep(_PAUSE_SECONDS)


@pytest.fixture
async def home(server: ApiServer) -> AsyncIterator[Home]:
    """With pods that run as soon as they are there."""
    async with await connect(str(server.kubeconfig), "") as connection:
        api = Api(connection)
        async with _running(api):
            yield Home(api, Claims(api, SETTINGS, time.time), Pods(api, SETTINGS))
        await Claims(api, SETTINGS, time.time).release(THREAD)


@asynccontextmanager
async def _running(api: Api) -> AsyncIterator[None]:
    async def play_kubelet() -> None:
        while True:
            for pod in (await api.get(f"{CORE}/namespaces/{NAMESPACE}/pods"))["items"]:
                if (pod.get("status") or {}).get("phase") != "Running":
                    with suppress(StatusError):  # deleted meanwhile
                        await api.merge(f"{CORE}/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}/status", {"status": _RUNS})
            await asyncio.sleep(_PAUSE_SECONDS)

    kubelet = asyncio.create_task(play_kubelet())
    try:
        yield
    finally:
        kubelet.cancel()
        await asyncio.gather(kubelet, return_exceptions=True)


_CONTAINER = {"name": "sandbox", "image": "any", "imageID": "any", "ready": True, "restartCount": 0, "containerID": "containerd://one"}
_RUNS = {
    "phase": "Running",
    "podIP": "10.0.0.7",
    "podIPs": [{"ip": "10.0.0.7"}],
    "conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")],
    "containerStatuses": [{**_CONTAINER, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}],
}


async def test_item_12_a_sandbox_ends_by_itself_when_the_bot_is_gone(home: Home) -> None:
    claim = await home.claims.obtain(THREAD)
    pod = await home.pods.find(claim)
    kept = await home.find(f"{CLAIMS}/namespaces/{NAMESPACE}/sandboxclaims/{claim.name}")
    assert kept is not None
    assert kept["spec"]["lifecycle"]["shutdownPolicy"] == "Delete"
    assert abs(claim.ends - time.time() - SETTINGS.lease_seconds) < _SECONDS

    await home.claims.extend(claim, time.time() + 1)  # the last that the bot does: its time is over soon, and nobody asks for more

    await home.until_gone(f"{CLAIMS}/namespaces/{NAMESPACE}/sandboxclaims/{claim.name}")
    await home.until_gone(f"{SANDBOXES}/namespaces/{NAMESPACE}/sandboxes/{claim.sandbox}")
    await home.until_gone(f"{CORE}/namespaces/{NAMESPACE}/pods/{pod.name}")


async def test_item_12_a_lease_that_is_extended_does_not_end_when_it_would_have(home: Home) -> None:
    claim = await home.claims.obtain(THREAD)
    short = await home.claims.extend(claim, time.time() + 3)
    assert short is not None

    long = await home.claims.extend(short, time.time() + 3600)
    await asyncio.sleep(5)

    assert long is not None
    again = await home.claims.obtain(THREAD)
    assert (again.uid, again.sandbox) == (claim.uid, claim.sandbox)


async def test_item_13_the_sandbox_of_a_claim_is_one_of_the_pool_with_a_name_of_its_own(home: Home) -> None:
    async with asyncio.timeout(_SECONDS):
        while not (waiting := {pod.name for pod in await home.pods.list_waiting()}):
            await asyncio.sleep(_PAUSE_SECONDS)

    claim = await home.claims.obtain(THREAD)
    pod = await home.pods.find(claim)

    assert claim.name == name_claim(THREAD)
    assert claim.sandbox not in ("", claim.name)
    assert pod.name in waiting
    assert pod.name not in {other.name for other in await home.pods.list_waiting()}


async def test_item_13_the_pod_is_found_by_its_owner_whatever_its_name_is(home: Home) -> None:
    claim = await home.claims.obtain(THREAD)
    first = await home.pods.find(claim)
    path = f"{CORE}/namespaces/{NAMESPACE}/pods"
    other = _rename(await home.api.get(f"{path}/{first.name}"), f"{claim.sandbox}-other")
    name = {"metadata": {"annotations": {"agents.x-k8s.io/pod-name": other["metadata"]["name"]}}}
    await home.api.merge(f"{SANDBOXES}/namespaces/{NAMESPACE}/sandboxes/{claim.sandbox}", name)
    await home.api.create(path, other)
    await home.api.delete(f"{path}/{first.name}", first.uid)
    await home.until_gone(f"{path}/{first.name}")

    found = await home.pods.find(claim)

    assert found.name == f"{claim.sandbox}-other"
    assert found.uid != first.uid


def _rename(pod: Object, name: str) -> dict[str, Any]:
    """A pod like this one, of the same owner."""
    copied: dict[str, Any] = json.loads(json.dumps(pod))
    copied["metadata"] = {"name": name} | {key: copied["metadata"][key] for key in ("labels", "ownerReferences")}
    copied.pop("status")
    return copied
