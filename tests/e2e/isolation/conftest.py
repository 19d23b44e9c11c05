"""The scene of these tests: two sandboxes, one gateway, and proof that nothing came of what was tried."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.e2e.conftest import Cluster, make_namespace
from tests.e2e.isolation.rehearsals import CANARY, Scene, is_bots, open_parts, persists
from tests.e2e.parts import AuditLog


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def scene(cluster: Cluster) -> AsyncIterator[Scene]:
    threads = [f"T1/C1/{uuid.uuid4()}" for _ in range(2)]
    with make_namespace(cluster) as namespace:
        for name in ("kept", "named.with.dots"):
            cluster.kubectl("-n", namespace, "create", "configmap", name, f"--from-literal=value={CANARY}")
        async with open_parts(cluster, namespace) as parts:
            try:
                sandbox, other = [await parts.sandboxes.acquire(thread) for thread in threads]
                yield Scene(parts, sandbox, other, namespace, cluster)
            finally:
                for thread in threads:
                    await parts.sandboxes.release(thread)


@pytest.fixture
def nothing_lands(scene: Scene) -> Iterator[AuditLog]:
    """Fails a test in whose course the cluster changed: by its objects, and by the API server's own log."""
    before, audit = scene.objects(), scene.cluster.audit()
    yield audit
    assert _fields(scene.objects()) == _fields(before)
    ours = [e for e in audit.events() if is_bots(e) and (e.get("objectRef") or {}).get("namespace", "") in ("", scene.namespace)]
    assert [e["requestURI"] for e in ours if persists(e) and "accessreviews" not in e["requestURI"]] == []


def _fields(objects: str) -> dict[str, object]:
    """By kind and name what a write would change, whatever controllers do to a Deployment's status meanwhile."""
    return {
        f"{o['kind']}/{o['metadata']['name']}": [o["metadata"]["uid"], o.get("spec"), o.get("data")] for o in json.loads(objects)["items"]
    }
