"""Sandboxes in memory, and programs that run in them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.errors import SandboxError
from bot.values.sandbox import Ran
from tests.fakes.cluster import FakeCluster, FakeRehearsal

Program = Callable[[FakeRehearsal], Awaitable[Ran]]


@dataclass
class FakeSandbox:
    """A shell that knows the programs it was given."""

    identity: str
    cluster: FakeCluster
    programs: dict[str, Program]
    ran: list[str]
    files: dict[str, bytes]
    address: str = "10.0.0.1"

    async def put(self, name: str, data: bytes) -> str:
        await asyncio.sleep(0)
        self.files[name] = data
        return f"/home/agent/{name}"

    async def run(self, command: str, kubeconfig: str, *, timeout_seconds: float, max_output_bytes: int) -> Ran:
        await asyncio.sleep(0)
        self.ran.append(command)
        program = self.programs.get(command)
        if program is None:
            return Ran(127, "", f"bash: {command}: command not found\n", 0.01)
        return await program(self.cluster.rehearsals[kubeconfig] if kubeconfig else FakeRehearsal(""))


@dataclass
class FakeSandboxes:
    """One sandbox per thread, until it is released."""

    cluster: FakeCluster
    programs: dict[str, Program] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    made: int = 0
    errors: list[SandboxError] = field(default_factory=list)

    async def acquire(self, thread_id: str) -> FakeSandbox:
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        if thread_id not in self.claims:
            self.made += 1
            self.claims[thread_id] = f"pod-{self.made}"
        return FakeSandbox(self.claims[thread_id], self.cluster, self.programs, self.ran, self.files)

    async def release(self, thread_id: str) -> None:
        await asyncio.sleep(0)
        self.claims.pop(thread_id, None)


def prints(output: str, exit_code: int = 0) -> Program:
    """A program that reads and prints."""

    async def run(_: FakeRehearsal) -> Ran:
        return Ran(exit_code, output, "", 0.1)

    return run


def scales(cluster: FakeCluster, replicas: int) -> Program:
    """`kubectl scale deploy/web`"""

    async def run(rehearsal: FakeRehearsal) -> Ran:
        rehearsal.record(cluster.scale(replicas))
        return Ran(0, "deployment.apps/web scaled\n", "", 0.1)

    return run


def execs(cluster: FakeCluster, *argv: str, stdin: bytes = b"") -> Program:
    """`kubectl exec web-1 -- …`"""

    async def run(rehearsal: FakeRehearsal) -> Ran:
        rehearsal.record(cluster.execing(*argv, stdin=stdin))
        words = "error: recorded for approval, not run yet: exec in container web of pod shop/web-1\n"
        return Ran(1, "", words, 0.1)

    return run


async def hangs(_: FakeRehearsal) -> Ran:
    """A program that never ends."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
