"""Fakes at the ports: a chat, sandboxes, a cluster and a model that live in memory and outlive the program under test."""

from tests.fakes.clock import Time
from tests.fakes.cluster import PASSWORD, POD, WEB, FakeCluster, FakeRehearsal
from tests.fakes.model import FakeModel, say, use
from tests.fakes.sandboxes import FakeSandbox, FakeSandboxes, Program, execs, hangs, prints, scales
from tests.fakes.surface import FakeSurface

__all__ = [
    "PASSWORD",
    "POD",
    "WEB",
    "FakeCluster",
    "FakeModel",
    "FakeRehearsal",
    "FakeSandbox",
    "FakeSandboxes",
    "FakeSurface",
    "Program",
    "Time",
    "execs",
    "hangs",
    "prints",
    "say",
    "scales",
    "use",
]
