from __future__ import annotations

import pytest

from tests.unit.changes.bench import POD, WEB, Bench
from tests.unit.changes.builders import deployment


@pytest.fixture
def bench() -> Bench:
    """A cluster with one Deployment and one pod."""
    found = Bench()
    found.cluster.put(WEB, deployment())
    found.cluster.put(POD, {"spec": {"nodeName": "n1"}})
    return found
