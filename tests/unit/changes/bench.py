"""A replay between a cluster, a store and a clock that are all in memory, and the writes that it is tried with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.changes.change import Change, Send, SendState, State
from bot.changes.preconditions import with_precondition
from bot.changes.replay import replay
from bot.changes.sending import Limits
from bot.values.requests import RecordedWrite
from tests.fakes import Time
from tests.unit.changes.builders import JSON, NOW, RULES, STRATEGIC, change_of, path_of, rehearse, write
from tests.unit.changes.cluster import FakeCluster
from tests.unit.changes.memory import MemoryChanges

WEB = path_of("deployments", "web")
POD = path_of("pods", "p1")


@dataclass
class Bench:
    """One cluster, one store, one clock that pauses move."""

    cluster: FakeCluster = field(default_factory=FakeCluster)
    changes: MemoryChanges = field(default_factory=MemoryChanges)
    time: Time = field(default_factory=lambda: Time(NOW))
    why_held: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time.now += seconds

    async def held(self) -> str:
        return self.why_held.pop(0) if self.why_held else ""

    async def approve(self, *writes: RecordedWrite, preview: bool = True) -> Change:
        rehearsed = [await rehearse(self.cluster, one) if preview else one for one in writes]
        change = self.changes.add(change_of(rehearsed))
        self.changes.approve(change.id, NOW)
        self.cluster.asked.clear()
        return change

    async def replay(self, change: Change, limits: Limits | None = None) -> Change:
        return await replay(
            change.id,
            api=self.cluster,
            changes=self.changes,
            settings=RULES,
            clock=self.time,
            pause=self.pause,
            held=self.held,
            limits=limits,
        )

    def actions(self) -> list[str]:
        return [line.action for line in self.changes.lines]

    def ledger(self, change: Change, sends: Sequence[Send], state: State = State.REPLAYING) -> Change:
        """Puts the change where a process left it that died."""
        self.changes.rows[change.id] = replace(self.changes.rows[change.id], state=state, sends=tuple(sends))
        return self.changes.rows[change.id]

    async def sent_before(self, written: RecordedWrite, *, happened: bool, **send: Any) -> int:
        """A change whose first process died after `sent` was stored; its request arrived or not."""
        change = await self.approve(written)
        rehearsed = self.changes.rows[change.id].writes[0]
        tied, precondition = with_precondition(rehearsed, rehearsed.before)
        if happened:
            await self.cluster.send(tied, None, dry_run=False)
        self.ledger(change, [Send(0, SendState.SENT, **{"precondition": precondition, **send})])
        return change.id


def scale(replicas: int = 5) -> RecordedWrite:
    return write("patch", "deployments", "web", {"spec": {"replicas": replicas}}, subresource="scale")


def image(name: str = "nginx:2", **more: Any) -> RecordedWrite:
    body = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": name}]}}}}
    return write("patch", "deployments", "web", body, kind=STRATEGIC, **more)


def config(name: str = "c", value: str = "1") -> RecordedWrite:
    return write("create", "configmaps", "", {"kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": value}}, kind=JSON)


def delete(resource: str = "pods", name: str = "p1") -> RecordedWrite:
    return write("delete", resource, name, {"kind": "DeleteOptions", "propagationPolicy": "Background"}, kind=JSON)


def evict(name: str = "p1") -> RecordedWrite:
    return write("create", "pods", name, {"kind": "Eviction", "metadata": {"name": name}}, kind=JSON, subresource="eviction")
