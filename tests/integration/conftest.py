"""A real API server for every test that is marked `apiserver`: etcd, kube-apiserver and controllers on loopback, one for the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.apiserver import ApiServer, start_apiserver
from tests.cluster.errors import ClusterError


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The server that tests share, wiped at the end."""
    yield from serve(tmp_path_factory.mktemp("apiserver") / "state")


def serve(state: Path) -> Iterator[ApiServer]:
    """A server with its data in `state`. Skips the test, saying why, where it cannot be built."""
    try:
        server = start_apiserver(state, with_controllers=True)
    except ClusterError as error:
        pytest.skip(f"no API server on this machine: {error}")
    yield server
    server.stop(wipe=True)
