"""What is asked of a cluster before anything starts."""

from typing import Any

from bot.sandbox.preflight import check_cluster
from bot.settings import SandboxSettings
from tests.unit.sandbox.fake_cluster import NAMESPACE, FakeCluster

EXTENSIONS = "/apis/extensions.agents.x-k8s.io/v1beta1"
POOL = f"{EXTENSIONS}/namespaces/{NAMESPACE}/sandboxwarmpools/kubectl-ai"
REVIEWS = "selfsubjectaccessreviews"


def cluster_with_kinds(*, allowed: bool = True) -> FakeCluster:
    cluster = FakeCluster()
    names = ("sandboxclaims", "sandboxtemplates", "sandboxwarmpools")
    cluster.objects[EXTENSIONS] = {"resources": [{"name": name} for name in names]}
    cluster.objects["/apis/agents.x-k8s.io/v1beta1"] = {"resources": [{"name": "sandboxes"}]}
    cluster.answer_reviews = allowed
    return cluster


async def check(cluster: FakeCluster, **settings: Any) -> list[str]:
    async with cluster.serve() as connection:
        return await check_cluster(connection, SandboxSettings(**settings))


async def test_a_cluster_without_agent_sandbox_is_told_to_install_it() -> None:
    problems = await check(FakeCluster())

    assert len(problems) == 2
    assert all("install agent-sandbox 0.5 or newer with its extensions" in problem for problem in problems)


async def test_missing_rights_are_listed_in_one_sentence() -> None:
    problems = await check(cluster_with_kinds(allowed=False))

    assert len(problems) == 2
    assert "get create pods/exec" in problems[0]
    assert "apply manifests/sandbox/role.yaml" in problems[0]
    assert "RuntimeClass gvisor" in problems[1]


async def test_a_missing_runtime_class_and_a_missing_pool_are_both_said() -> None:
    problems = await check(cluster_with_kinds())

    assert len(problems) == 2
    assert "install gVisor on the nodes" in problems[0]
    assert "no SandboxWarmPool kubectl-ai" in problems[1]


async def test_a_pool_without_its_template_is_said() -> None:
    cluster = cluster_with_kinds()
    cluster.objects["/apis/node.k8s.io/v1/runtimeclasses/gvisor"] = {}
    cluster.objects[POOL] = {"spec": {"sandboxTemplateRef": {"name": "lost"}}}

    assert await check(cluster) == [
        "The SandboxWarmPool kubectl-ai names the SandboxTemplate lost, which does not exist: apply manifests/sandbox."
    ]


async def test_a_cluster_that_does_not_answer_is_one_problem() -> None:
    cluster = FakeCluster()
    async with cluster.serve() as connection:
        connection.server = "http://127.0.0.1:1"
        problems = await check_cluster(connection, SandboxSettings())

    assert len(problems) == 1
    assert "does not answer" in problems[0]
