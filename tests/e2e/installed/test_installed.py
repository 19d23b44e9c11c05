"""An installation as people make it: `manifests/base` in an overlay, the bot in a pod, its network policy enforced.

The local Slack listens on loopback alone, so a second container of the bot's pod brings it to the pod's own loopback.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from bot.demo import install, launch, places
from bot.devslack.driver import Driver
from tests.cluster.layout import RUNTIME
from tests.e2e.conftest import GATEWAY, ON_CALL, Cluster
from tests.e2e.installed import image
from tests.e2e.parts import ROOT, free_port, until
from tests.e2e.test_main_job import ANA, BEN, Oncall, replicas

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

NAMESPACE = ("--namespace", "kubectl-ai")
DATA = Path("/var/lib/kubectl-ai-slack/e2e-data")
_FORWARD = """
import asyncio, sys

async def forward(reader, writer):
    there = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def main():
    await (await asyncio.start_server(forward, "127.0.0.1", int(sys.argv[3]))).serve_forever()

asyncio.run(main())
"""


@dataclass(frozen=True)
class Installed:
    """The bot in its pod."""

    cluster: Cluster
    people: Oncall

    def pod(self) -> dict[str, Any]:
        found = json.loads(
            self.cluster.kubectl("-n", "kubectl-ai", "get", "pods", "-l", "app.kubernetes.io/name=kubectl-ai-slack", "-o", "json")
        )
        assert len(found["items"]) == 1
        pod: dict[str, Any] = found["items"][0]
        return pod


@asynccontextmanager
async def forwarded(port: int, to: int) -> AsyncIterator[None]:
    """A port of the address that pods reach, which leads to a port of loopback."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer), return_exceptions=True)

    server = await asyncio.start_server(forward, GATEWAY, port)
    async with server:
        yield


@pytest_asyncio.fixture
async def installed(cluster: Cluster, slack: Driver, namespace: str, tmp_path: Path) -> AsyncIterator[Installed]:
    """Installed and ready. Afterwards the cluster has what the other tests expect."""
    name, archive = await asyncio.to_thread(image.build, tmp_path)
    await asyncio.to_thread(image.load, archive, RUNTIME / "containerd" / "c.sock")
    slack_port = int(slack.base_url.rpartition(":")[2])
    door = free_port(GATEWAY, 18400, 18999)
    overlay = write_overlay(tmp_path / "overlay", name, namespace, slack_port=slack_port, door=door)
    DATA.mkdir(parents=True, exist_ok=True)
    os.chown(DATA, 10001, 10001)
    try:
        async with forwarded(door, slack_port):
            cluster.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(overlay))
            try:
                rollout = ("rollout", "status", "deployment/kubectl-ai-slack", "--timeout=240s")
                await asyncio.to_thread(cluster.kubectl, *NAMESPACE, *rollout)  # this thread forwards meanwhile
                await slack.wait_for_connections(2)
                yield Installed(cluster, Oncall(slack))
            finally:
                print(cluster.kubectl(*NAMESPACE, "logs", "deployment/kubectl-ai-slack", "--container=bot", "--tail=40"))
    finally:
        cluster.kubectl(
            "-n",
            "kubectl-ai",
            "delete",
            "deployment/kubectl-ai-slack",
            "pvc/kubectl-ai-slack",
            "netpol/kubectl-ai-slack",
            "--ignore-not-found",
        )
        cluster.kubectl("delete", "pv", "kubectl-ai-slack-e2e", "--ignore-not-found")
        shutil.rmtree(DATA, ignore_errors=True)
        environment = {**os.environ, "KUBECONFIG": cluster.kubeconfig, "PATH": cluster.path}
        await install.install(places.own(environment), tmp_path)


def write_overlay(folder: Path, bot_image: str, namespace: str, *, slack_port: int, door: int) -> Path:
    """An overlay as `overlays/example` is one: images, settings, tokens, and where Slack is."""
    settings = {
        "clusters": [{"name": "here", "namespace": namespace}],
        "slack": {"api_url": f"http://localhost:{slack_port}/api/"},
        "changes": {"approvers": [ON_CALL]},
        "model": {"required": False},
        "store": {"url": "sqlite+aiosqlite:////data/kubectl-ai-slack.db"},
        "health": {"port": 8080},
        "log": {"format": "json"},
    }
    secret = {"SLACK_BOT_TOKEN": launch.BOT_TOKEN, "SLACK_APP_TOKEN": launch.APP_TOKEN, "GEMINI_API_KEY": ""}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "kubectl-ai-slack-e2e"},
        "spec": {
            "capacity": {"storage": "2Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(DATA)},
            "claimRef": {"namespace": "kubectl-ai", "name": "kubectl-ai-slack"},
        },
    }
    way_to_slack = {
        "name": "slack",
        "image": bot_image,
        "imagePullPolicy": "Never",
        "restartPolicy": "Always",
        "command": ["python3", "-c", _FORWARD, GATEWAY, str(door), str(slack_port)],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    deployment = [
        {"op": "add", "path": "/spec/template/spec/containers/0/imagePullPolicy", "value": "Never"},
        {"op": "add", "path": "/spec/template/spec/initContainers", "value": [way_to_slack]},
    ]
    template = [
        {"op": "replace", "path": "/spec/podTemplate/spec/containers/0/image", "value": places.SANDBOX_IMAGE},
        {"op": "add", "path": "/spec/podTemplate/spec/containers/0/imagePullPolicy", "value": "Never"},
    ]
    policy = [{"op": "add", "path": "/spec/egress/-", "value": {"ports": [{"protocol": "TCP", "port": door}]}}]
    tag = bot_image.rpartition(":")
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(ROOT / "manifests" / "base", folder), "more.yaml"],
        "images": [{"name": "kubectl-ai-slack", "newName": tag[0], "newTag": tag[2]}],
        "configMapGenerator": [{"name": "kubectl-ai-slack", "namespace": "kubectl-ai", "behavior": "replace", "files": ["settings.yaml"]}],
        "patches": [
            {"target": {"kind": "Deployment", "name": "kubectl-ai-slack"}, "patch": yaml.safe_dump(deployment)},
            {"target": {"kind": "SandboxTemplate", "name": "kubectl-ai"}, "patch": yaml.safe_dump(template)},
            {"target": {"kind": "NetworkPolicy", "name": "kubectl-ai-slack"}, "patch": yaml.safe_dump(policy)},
        ],
    }
    install.write_kustomization(folder, kustomization)
    tokens = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "kubectl-ai-slack", "namespace": "kubectl-ai"},
        "stringData": secret,
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (folder / "more.yaml").write_text(yaml.safe_dump_all([volume, tokens]), encoding="utf-8")
    return folder


async def test_the_installed_bot_answers_and_applies_what_is_approved(installed: Installed, cluster: Cluster, namespace: str) -> None:
    """In a pod of its own, with the rights and the network of the manifests, from the first question to the write."""
    people, audit = installed.people, cluster.audit()

    looked = await people.ask(f"kubectl -n {namespace} get deployments")
    await people.says(looked, "web", seconds=180)
    thread = await people.ask(f"kubectl -n {namespace} scale deployment/web --replicas=2")
    card = await people.card(thread, seconds=180)
    await people.approve(card, ANA)
    await people.slack.wait_for_ephemeral(ANA, "approve")
    await people.approve(card, BEN)
    await until("the change is in the cluster", lambda: replicas(cluster, namespace) == 2)

    assert await probe(installed, 18443, 8080) >= {"18443 open", "8080 shut"}
    assert len(audit.writes(namespace, "deployments", by="kubectl-ai")) == 1
    pod = installed.pod()
    assert pod["status"]["qosClass"] == "Burstable"
    assert [status["restartCount"] for status in pod["status"]["containerStatuses"]] == [0]


async def probe(installed: Installed, *ports: int) -> set[str]:
    """Which ports of the bot's pod a sandbox reaches: `18443 open`. On the other tests' cluster the bot is no pod."""
    address, listed = installed.pod()["status"]["podIP"], " ".join(map(str, ports))
    look = f'timeout 5 bash -c "</dev/tcp/{address}/$port" 2>/dev/null && echo $port open || echo $port shut'
    thread = await installed.people.ask(f"! for port in {listed}; do {look}; done")
    said = json.dumps(await installed.people.says(thread, f"{ports[-1]} ", seconds=180))
    return set(re.findall(r"\d+ (?:open|shut)", said))
