"""From a thread to a proven sandbox."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from bot.errors import SandboxError
from bot.sandbox.claims import name_claim
from bot.sandbox.sandboxes import PooledSandboxes
from bot.settings import SandboxSettings
from tests.unit.sandbox.fake_cluster import NAMESPACE, ExecCall, FakeCluster, Object, make_pod, make_ready
from tests.unit.sandbox.test_checks import ISOLATED

THREAD = "T1/C1/1.2"
POD_PATH = f"/api/v1/namespaces/{NAMESPACE}/pods/kubectl-ai-abcde"
SANDBOX_PATH = f"/apis/agents.x-k8s.io/v1beta1/namespaces/{NAMESPACE}/sandboxes/kubectl-ai-abcde"
CLAIM_PATH = f"/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/{NAMESPACE}/sandboxclaims/{name_claim(THREAD)}"
LEASE = 600.0


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def sandboxes(cluster: FakeCluster, clock: Clock, printed: str = ISOLATED) -> AsyncIterator[PooledSandboxes]:
    """One warm pod, which prints this as its proof."""
    cluster.objects[POD_PATH] = make_pod("sandbox-uid")

    def adopt(claim: Object) -> None:
        make_ready(claim)
        owner = {"uid": claim["metadata"]["uid"], "controller": True}
        metadata = {"name": "kubectl-ai-abcde", "uid": "sandbox-uid", "ownerReferences": [owner]}
        cluster.objects[SANDBOX_PATH] = {"metadata": metadata, "status": {"selector": "x=y"}}

    async def prove(call: ExecCall) -> None:
        assert call.command == ["/bin/bash", "-s"]
        await call.read_stdin(10**6)
        await call.write(1, printed.encode())
        await call.exit(0)

    cluster.on_create = adopt
    cluster.exec = prove
    async with cluster.serve() as connection:
        yield PooledSandboxes(connection, SandboxSettings(lease_seconds=LEASE), ("10.0.0.9", 18443), clock)


async def test_a_thread_keeps_its_sandbox_and_the_proof_is_taken_once() -> None:
    cluster = FakeCluster()
    async with sandboxes(cluster, Clock()) as pool:
        first = await pool.acquire(THREAD)
        second = await pool.acquire(THREAD)

    assert first is second
    assert (first.pod, first.address) == ("kubectl-ai-abcde", "10.0.0.7")
    assert len(cluster.execs) == 1


async def test_two_questions_at_once_make_one_claim() -> None:
    cluster = FakeCluster()
    async with sandboxes(cluster, Clock()) as pool:
        first, second = await asyncio.gather(pool.acquire(THREAD), pool.acquire(THREAD))

    assert first is second
    assert sum(method == "POST" for method, _ in cluster.requests) == 1


async def test_a_sandbox_that_is_not_isolated_is_never_handed_out() -> None:
    cluster = FakeCluster()
    async with sandboxes(cluster, Clock(), ISOLATED.replace("gvisor", "generic")) as pool:
        for _ in range(2):
            with pytest.raises(SandboxError, match=r"is not isolated and is not used.*kernel"):
                await pool.acquire(THREAD)

    assert len(cluster.execs) == 2
    assert cluster.claims == []


async def test_a_proof_that_fails_when_nobody_waits_for_it_any_more_is_taken_again() -> None:
    cluster, may_fail = FakeCluster(), asyncio.Event()
    unwatched: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unwatched.append(context))
    async with sandboxes(cluster, Clock()) as pool:
        prove = cluster.exec

        async def fail(call: ExecCall) -> None:
            await may_fail.wait()
            await call.exit(1)

        cluster.exec = fail
        asking = asyncio.create_task(pool.acquire(THREAD))
        while not cluster.execs:
            await asyncio.sleep(0.01)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        proofs = [task for task in asyncio.all_tasks() if "_take_proof" in repr(task)]
        may_fail.set()
        await asyncio.wait(proofs)
        del asking, proofs
        gc.collect()
        cluster.exec = prove
        sandbox = await pool.acquire(THREAD)

    assert sandbox.pod == "kubectl-ai-abcde"
    assert len(cluster.execs) == 2
    assert unwatched == []


async def test_a_restarted_container_is_proven_again() -> None:
    cluster = FakeCluster()
    async with sandboxes(cluster, Clock()) as pool:
        first = await pool.acquire(THREAD)
        cluster.objects[POD_PATH]["status"]["containerStatuses"][0]["containerID"] = "containerd://two"
        second = await pool.acquire(THREAD)

    assert first is not second
    assert len(cluster.execs) == 2


async def test_a_pod_that_comes_back_under_its_name_is_another_one() -> None:
    cluster = FakeCluster()
    async with sandboxes(cluster, Clock()) as pool:
        first = await pool.acquire(THREAD)
        cluster.objects[POD_PATH]["metadata"]["uid"] = "another"
        second = await pool.acquire(THREAD)

    assert first.pod == second.pod
    assert first.identity != second.identity


async def test_activity_moves_the_lease_at_most_every_quarter_of_it() -> None:
    cluster, clock = FakeCluster(), Clock()
    async with sandboxes(cluster, clock) as pool:
        await pool.acquire(THREAD)
        clock.now += LEASE / 4 - 1
        await pool.acquire(THREAD)
        early = sum(method == "PATCH" for method, _ in cluster.requests)
        clock.now += 2
        await pool.acquire(THREAD)

    assert early == 0
    assert sum(method == "PATCH" for method, _ in cluster.requests) == 1


async def test_a_claim_that_was_deleted_by_hand_is_made_anew() -> None:
    cluster, clock = FakeCluster(), Clock()
    async with sandboxes(cluster, clock) as pool:
        await pool.acquire(THREAD)
        await cluster.change(CLAIM_PATH, None)
        clock.now += LEASE / 2
        await pool.acquire(THREAD)

    assert len(cluster.claims) == 1


async def test_released_means_gone() -> None:
    cluster = FakeCluster()
    async with sandboxes(cluster, Clock()) as pool:
        await pool.acquire(THREAD)
        await pool.release(THREAD)
        await pool.release(THREAD)

    assert cluster.claims == []


async def test_a_sandbox_of_another_claim_is_not_trusted() -> None:
    cluster = FakeCluster()
    async with sandboxes(cluster, Clock()) as pool:
        adopt = cluster.on_create

        def steal(claim: Object) -> None:
            adopt(claim)
            cluster.objects[SANDBOX_PATH]["metadata"]["ownerReferences"][0]["uid"] = "another"

        cluster.on_create = steal
        with pytest.raises(SandboxError, match="does not belong to the claim"):
            await pool.acquire(THREAD)

    assert cluster.execs == []


async def test_warm_sandboxes_are_proven_before_anybody_asks() -> None:
    cluster = FakeCluster()
    async with sandboxes(cluster, Clock()) as pool:
        keeping = asyncio.create_task(pool.keep_proven())
        while not cluster.execs:
            await asyncio.sleep(0.01)
        await pool.acquire(THREAD)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping

    assert len(cluster.execs) == 1


async def test_the_first_proof_tells_the_version_of_kubectl() -> None:
    cluster = FakeCluster()
    async with sandboxes(cluster, Clock(), f"kubectl v1.37.2\n{ISOLATED}") as pool:
        unknown = pool.kubectl_version

        await pool.acquire(THREAD)

        assert (unknown, pool.kubectl_version) == ("", "v1.37.2")
