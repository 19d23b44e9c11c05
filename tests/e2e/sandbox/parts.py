"""What the tests of sandboxes share: a stand-in for the gateway's port, ways to run and to look."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import yaml

from bot.errors import SandboxError
from bot.kube.connection import KubeConnection
from bot.kube.output import Output
from bot.sandbox.exec import Target, execute
from bot.sandbox.pod_sandbox import RUNNER, PodSandbox
from bot.sandbox.sandboxes import PooledSandboxes
from bot.settings import SandboxSettings
from bot.values.sandbox import Ran
from tests.e2e.conftest import GATEWAY, Cluster
from tests.e2e.parts import free_port

NAMESPACE = "kubectl-ai-sandboxes"
KUBECONFIG = "# the kubeconfig of this run\ntoken: swordfish\n"
IDLE = [f"/bin/bash {RUNNER} idle "]
"""The processes of a sandbox in which nothing runs."""


@asynccontextmanager
async def listening(first: int = 18600) -> AsyncIterator[int]:
    """Something that takes connections where the gateway would, or on another port of the bot's address."""

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    port = free_port(GATEWAY, first, first + 99)
    async with await asyncio.start_server(hang_up, GATEWAY, port):
        yield port


async def run(sandbox: PodSandbox, command: str, seconds: float = 20.0, most: int = 100_000) -> Ran:
    return await sandbox.run(command, KUBECONFIG, timeout_seconds=seconds, max_output_bytes=most)


async def list_processes(connection: KubeConnection, sandbox: PodSandbox) -> list[str]:
    """What runs in the sandbox, seen by an exec that is not the runner's and so ends nothing."""
    stdout = Output(100_000)
    look = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done 2>/dev/null"
    await execute(
        connection,
        Target(NAMESPACE, sandbox.pod, "sandbox"),
        ("/bin/bash", "-c", look),
        b"",
        close_stdin=True,
        stdout=stdout,
        stderr=Output(1000),
        most_bytes=10**6,
    )
    return [line for line in stdout.render().splitlines() if line.strip() and "/proc/" not in line and "tr " not in line]


async def runs(connection: KubeConnection, sandbox: PodSandbox, command: str) -> bool:
    return any(command in line for line in await list_processes(connection, sandbox))


@asynccontextmanager
async def other_template(cluster: Cluster, change: Any) -> AsyncIterator[str]:
    """A pool of no warm sandboxes with the installed template, changed."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    template = yaml.safe_load(cluster.kubectl("-n", NAMESPACE, "get", "sandboxtemplate", "kubectl-ai", "-o", "yaml"))
    template["metadata"] = {"name": name, "namespace": NAMESPACE}
    change(template["spec"])
    warm = {
        "apiVersion": template["apiVersion"],
        "kind": "SandboxWarmPool",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"replicas": 0, "sandboxTemplateRef": {"name": name}},
    }
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([template, warm]))
    try:
        yield name
    finally:
        cluster.kubectl("-n", NAMESPACE, "delete", f"sandboxwarmpool/{name}", f"sandboxtemplate/{name}")


async def refuse(connection: KubeConnection, thread: str, **settings: Any) -> str:
    async with listening() as port:
        pool = PooledSandboxes(connection, SandboxSettings(**settings), (GATEWAY, port))
        try:
            with pytest.raises(SandboxError) as raised:
                await pool.acquire(thread)
        finally:
            await pool.release(thread)
    return str(raised.value)
