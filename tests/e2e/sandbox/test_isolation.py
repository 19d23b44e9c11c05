"""No way out of a sandbox but to the gateway; whatever is not like that is never used."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import yaml

from bot.kube.connection import KubeConnection
from bot.sandbox.pod_sandbox import PodSandbox
from bot.sandbox.sandboxes import PooledSandboxes
from tests.e2e.conftest import GATEWAY, Cluster
from tests.e2e.sandbox.parts import listening, other_template, refuse, run

pytestmark = pytest.mark.cluster

PROBE = 'probe() { timeout 1 bash -c ": <>/dev/tcp/${1/:/\\/}" 2>/dev/null && echo reached $1; }; '


async def test_no_way_leads_out_of_a_sandbox_but_to_the_gateway(
    cluster: Cluster, namespace: str, gateway_port: int, pool: PooledSandboxes, sandbox: PodSandbox
) -> None:
    web = cluster.kubectl("-n", namespace, "get", "pods", "-o", "jsonpath={.items[0].status.podIP}")
    other = await pool.acquire("another thread")
    async with listening(17_800) as other_port:  # of the bot's machine, where no policy lets sandboxes in
        closed = [f"{GATEWAY}:6443", "10.96.0.1:443", f"{GATEWAY}:10250", f"{GATEWAY}:53", f"{GATEWAY}:{other_port}"]
        closed += [f"{web}:8080", f"{other.address}:22", "169.254.169.254:80", "1.1.1.1:443", "8.8.8.8:53"]
        try:
            ran = await run(sandbox, PROBE + "".join(f"probe {address} & " for address in [*closed, f"{GATEWAY}:{gateway_port}"]) + "wait")
        finally:
            await pool.release("another thread")

    assert ran.stdout == f"reached {GATEWAY}:{gateway_port}\n"


async def test_a_sandbox_that_reaches_the_api_server_is_refused(cluster: Cluster, connection: KubeConnection, thread: str) -> None:
    def open_up(spec: Any) -> None:
        spec["networkPolicy"]["egress"][0]["ports"] = [{"protocol": "TCP", "port": 6443, "endPort": 18999}]

    async with other_template(cluster, open_up) as name:
        said = await refuse(connection, thread, warm_pool=name)

    assert "is not isolated and is not used" in said
    assert "It reaches " in said
    assert f"api-server ({GATEWAY}:6443)" in said  # the service address may answer as well: it leads there


async def test_a_sandbox_that_does_not_reach_the_gateway_is_refused(cluster: Cluster, connection: KubeConnection, thread: str) -> None:
    def close(spec: Any) -> None:
        spec["networkPolicy"]["egress"][0]["ports"] = [{"protocol": "TCP", "port": 18001}]

    async with other_template(cluster, close) as name:
        said = await refuse(connection, thread, warm_pool=name)

    assert "does not reach the gateway" in said


async def test_a_runtime_class_that_is_not_gvisor_is_found_out_inside(cluster: Cluster, connection: KubeConnection, thread: str) -> None:
    runtime_class = f"e2e-{uuid.uuid4().hex[:8]}"
    manifest = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": runtime_class}, "handler": "runc"}
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest))

    def use(spec: Any) -> None:
        spec["podTemplate"]["spec"]["runtimeClassName"] = runtime_class

    try:
        async with other_template(cluster, use) as name:
            unnamed = await refuse(connection, thread, warm_pool=name)
            named = await refuse(connection, thread, warm_pool=name, runtime_class=runtime_class)
    finally:
        cluster.kubectl("delete", "runtimeclass", runtime_class)

    assert f"runs with {runtime_class} instead of gvisor" in unnamed
    assert "Its kernel is not gVisor's" in named


async def test_a_missing_pool_is_named(connection: KubeConnection, thread: str) -> None:
    assert "sandbox.warm_pool" in await refuse(connection, thread, warm_pool="no-such-pool")
