"""The gateway's laboratory on an API server of its own: what is replayed here stays, and must not be in the way of other tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.apiserver import ApiServer
from tests.integration.changes.undoing import prepared
from tests.integration.conftest import serve
from tests.integration.gateway.conftest import lab, seeded

__all__ = ["lab", "prepared", "seeded"]


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Instead of the one that all other tests share."""
    yield from serve(tmp_path_factory.mktemp("apiserver-of-changes") / "state")
