"""Whose sandbox is whose, and for how long."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from bot.errors import SandboxLostError
from bot.kube.connection import KubeConnection
from bot.sandbox.claims import name_claim
from bot.sandbox.pod_sandbox import PodSandbox
from bot.sandbox.sandboxes import PooledSandboxes
from bot.settings import SandboxSettings
from tests.e2e.conftest import GATEWAY, Cluster
from tests.e2e.parts import until
from tests.e2e.sandbox.parts import NAMESPACE, listening, run

pytestmark = pytest.mark.cluster


async def test_the_same_thread_finds_its_sandbox_again_after_a_restart(
    connection: KubeConnection, pool: PooledSandboxes, sandbox: PodSandbox, thread: str
) -> None:
    await run(sandbox, "echo kept >notes")
    async with listening() as port:
        after_restart = PooledSandboxes(connection, SandboxSettings(), (GATEWAY, port))

        again = await after_restart.acquire(thread)

    assert again.pod == sandbox.pod
    assert (await run(again, "cat notes")).stdout == "kept\n"


async def test_threads_have_sandboxes_of_their_own_even_when_the_pool_is_empty(pool: PooledSandboxes) -> None:
    threads = [f"T1/C1/{uuid.uuid4()}" for _ in range(5)]
    try:
        found = await asyncio.gather(*(pool.acquire(thread) for thread in threads))
        said = await asyncio.gather(*(run(box, f"echo {number}") for number, box in enumerate(found)))
    finally:
        await asyncio.gather(*(pool.release(thread) for thread in threads))

    assert len({box.pod for box in found}) == 5
    assert [ran.stdout for ran in said] == [f"{number}\n" for number in range(5)]


async def test_a_pod_that_is_deleted_is_lost_and_the_next_one_is_new(cluster: Cluster, pool: PooledSandboxes, thread: str) -> None:
    first = await pool.acquire(thread)
    running = asyncio.create_task(run(first, "echo begun; sleep 309", 60))
    await asyncio.sleep(0.5)
    uid = first.found.uid
    try:
        await asyncio.to_thread(cluster.kubectl, "-n", NAMESPACE, "delete", "pod", first.pod, "--wait=false")
        with pytest.raises(SandboxLostError):
            await running

        second = await pool.acquire(thread)

        assert second.found.uid != uid
        assert (await run(second, "echo usable")).stdout == "usable\n"
    finally:
        await pool.release(thread)


async def test_a_released_sandbox_is_gone(cluster: Cluster, pool: PooledSandboxes, thread: str) -> None:
    box = await pool.acquire(thread)

    await pool.release(thread)

    def is_gone() -> bool:
        return not cluster.kubectl("-n", NAMESPACE, "get", "--ignore-not-found", f"pod/{box.pod}", f"sandboxclaim/{name_claim(thread)}")

    await until("claim and pod are gone", is_gone)
    with pytest.raises(SandboxLostError):
        await run(box, "true")


async def test_the_lease_moves_forward_with_activity(cluster: Cluster, connection: KubeConnection, thread: str) -> None:
    now = time.time()
    clock = [now]
    async with listening() as port:
        pool = PooledSandboxes(connection, SandboxSettings(lease_seconds=600), (GATEWAY, port), lambda: clock[0])
        try:
            await pool.acquire(thread)
            before = _read_end(cluster, thread)
            clock[0] += 300
            await pool.acquire(thread)
            after = _read_end(cluster, thread)
        finally:
            await pool.release(thread)

    assert before == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 600))
    assert after == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 900))


def _read_end(cluster: Cluster, thread: str) -> str:
    path = "jsonpath={.spec.lifecycle.shutdownTime}"
    return cluster.kubectl("-n", NAMESPACE, "get", "sandboxclaim", name_claim(thread), "-o", path)
