"""Fixtures: the bot's connection, its sandboxes, one sandbox."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.kube.connection import KubeConnection, connect
from bot.sandbox.pod_sandbox import PodSandbox
from bot.sandbox.sandboxes import PooledSandboxes
from bot.settings import SandboxSettings
from tests.e2e.conftest import GATEWAY, Cluster
from tests.e2e.sandbox.parts import listening


@pytest_asyncio.fixture
async def connection(cluster: Cluster) -> AsyncIterator[KubeConnection]:
    """As the installed bot, with its rights and no more."""
    async with await connect(cluster.bot_kubeconfig) as opened:
        yield opened


@pytest_asyncio.fixture
async def gateway_port() -> AsyncIterator[int]:
    async with listening() as port:
        yield port


@pytest.fixture
def pool(connection: KubeConnection, gateway_port: int) -> PooledSandboxes:
    return PooledSandboxes(connection, SandboxSettings(), (GATEWAY, gateway_port))


@pytest.fixture
def thread() -> str:
    return f"T1/C1/{uuid.uuid4()}"


@pytest_asyncio.fixture
async def sandbox(pool: PooledSandboxes, thread: str) -> AsyncIterator[PodSandbox]:
    yield await pool.acquire(thread)
    await pool.release(thread)
