"""The manifests on a real API server: they apply, and they grant what they say and nothing else."""

from __future__ import annotations

import pytest

from bot.kube.connection import KubeConnection
from bot.sandbox.preflight import check_cluster
from bot.settings import SandboxSettings
from tests.e2e.conftest import Cluster
from tests.e2e.parts import ROOT

pytestmark = pytest.mark.cluster

ACCOUNT = "system:serviceaccount:kubectl-ai:kubectl-ai-"


async def status_of(connection: KubeConnection, path: str, user: str, *groups: str) -> int:
    """The API server's answer to the bot acting as this user; '' is the bot itself."""
    headers = [*(await connection.headers()).items()]
    headers += [("Impersonate-User", user)] if user else []
    headers += [("Impersonate-Group", group) for group in groups]
    async with connection.session.get(connection.server + path, headers=headers) as response:
        await response.read()  # what is left unread keeps the connection from being closed with the session
        return response.status


async def test_the_cluster_has_all_that_the_bot_asks_for(connection: KubeConnection) -> None:
    assert await check_cluster(connection, SandboxSettings()) == []


def test_a_whole_installation_is_accepted_by_the_api_server(cluster: Cluster) -> None:
    applied = cluster.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", "-k", str(ROOT / "manifests" / "base"))

    assert "deployment.apps/kubectl-ai-slack serverside-applied" in applied
    assert "sandboxtemplate.extensions.agents.x-k8s.io/kubectl-ai serverside-applied" in applied


def test_the_example_renders_with_its_own_images_and_settings(cluster: Cluster) -> None:
    rendered = cluster.kubectl("kustomize", str(ROOT / "manifests" / "overlays" / "example"))

    assert "image: registry.example.com/kubectl-ai-slack:0.1.0" in rendered
    assert "image: registry.example.com/kubectl-ai-sandbox:0.1.0" in rendered
    assert "approvers: [S0123456789]" in rendered


@pytest.mark.parametrize(
    ("user", "groups", "path", "status"),
    [
        (f"{ACCOUNT}reader", (), "/api/v1/pods", 200),
        (f"{ACCOUNT}reader", (), "/api/v1/nodes", 200),
        (f"{ACCOUNT}reader", (), "/apis/rbac.authorization.k8s.io/v1/clusterroles", 200),
        (f"{ACCOUNT}reader", (), "/apis/agents.x-k8s.io/v1beta1/sandboxes", 403),
        (f"{ACCOUNT}writer", (), "/apis/apps/v1/namespaces/shop/deployments", 200),
        (f"{ACCOUNT}writer", (), "/apis/apps/v1/namespaces/kube-system/deployments", 403),
        (f"{ACCOUNT}reader", ("system:masters",), "/api/v1/pods", 403),
        ("system:serviceaccount:kube-system:default", (), "/api/v1/pods", 403),
        ("admin", (), "/api/v1/pods", 403),
        ("", (), "/api/v1/namespaces/default/pods", 403),
        ("", (), "/api/v1/namespaces/kubectl-ai/secrets", 403),
        ("", (), "/api/v1/namespaces/kubectl-ai-sandboxes/pods", 200),
        ("", (), "/api/v1/namespaces/kubectl-ai-sandboxes/secrets", 403),
    ],
)
async def test_the_installed_bot_acts_as_two_accounts_and_does_little_itself(
    connection: KubeConnection, user: str, groups: tuple[str, ...], path: str, status: int
) -> None:
    assert await status_of(connection, path, user, *groups) == status
