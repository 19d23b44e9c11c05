"""A seeded namespace and a gateway in front of it."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.lab import Lab, open_lab

_SEED = Path(__file__).with_name("seed.yaml")


@pytest.fixture(scope="session")
def seeded(apiserver: ApiServer) -> ApiServer:
    """The API server with the shop in it, settled."""

    def kubectl(*arguments: str) -> None:
        subprocess.run([apiserver.kubectl, "--kubeconfig", apiserver.kubeconfig, *arguments], check=True, capture_output=True, timeout=60)

    kubectl("apply", "-f", str(_SEED))
    kubectl("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=30s")
    kubectl("-n", "shop", "wait", "--for=jsonpath={.status.replicas}=3", "deploy/web", "--timeout=30s")
    kubectl("-n", "shop", "wait", "--for=jsonpath={.status.observedGeneration}=1", "pdb/guard", "--timeout=30s")
    kubectl("-n", "shop", "wait", "--for=jsonpath={.status.replicas}=1", "sts/db", "--timeout=30s")
    kubectl("-n", "shop", "patch", "pod", "guarded", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"Running"}}')
    return apiserver


@pytest.fixture
async def lab(seeded: ApiServer, tmp_path: Path) -> AsyncIterator[Lab]:
    """A gateway of this test's own, and a folder for its commands to work in."""
    async with open_lab(seeded, tmp_path) as opened:
        yield opened
