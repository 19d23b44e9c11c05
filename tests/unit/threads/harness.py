"""A whole bot between the fakes: the real store, intake and workers, on a clock that is set by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from pydantic import SecretStr

from bot.agent.custom_tools import CustomTool
from bot.agent.ports import Model, ServedTool
from bot.agent.runbooks import Runbook
from bot.changes.sending import Call, call_nothing
from bot.settings import ChangeSettings, ClusterSettings, ModelSettings, Settings, StoreSettings
from bot.store.opening import open_store
from bot.threads.inbound.incoming import Click, Edit, Incoming, Message
from bot.threads.inbound.intake import Intake
from bot.threads.stores import Delivery, Inbox, Stores
from bot.threads.worker import Worker
from bot.threads.world import World
from bot.values.transcript import Entry
from tests.fakes import FakeCluster, FakeSandboxes, FakeSurface, Time
from tests.unit.threads.crashing import Crash

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
THREAD = "T1:C1:100.1"
RULES = Settings(
    model=ModelSettings(max_steps=5),
    clusters=(ClusterSettings(name="prod", namespace="shop"),),
    changes=ChangeSettings(approvers=("S1",), rollout_seconds=0),
)


@dataclass
class Bench:
    """The outside world and the rows: what outlives a bot."""

    time: Time
    stores: Stores
    surface: FakeSurface
    cluster: FakeCluster
    sandboxes: FakeSandboxes
    model: Model | None = None
    fallback: Model | None = None
    choices: tuple[Model, ...] = ()
    rules: Settings = RULES
    custom_tools: tuple[CustomTool, ...] = ()
    runbooks: tuple[Runbook, ...] = ()
    served_tools: tuple[ServedTool, ...] = ()
    call_tool: Call = call_nothing
    kubectl_version: str = ""
    cluster_name: str = "prod"
    sent: int = 0

    def world(self, crash: Crash | None = None) -> World:
        wrap = crash.wrap if crash else (lambda port: port)
        faces = {name: wrap(getattr(self.stores, name)) for name in Stores.__dataclass_fields__}
        return World(
            settings=self.rules,
            stores=Stores(**faces),
            surface=wrap(self.surface),
            sandboxes=wrap(self.sandboxes),
            clusters={self.cluster_name: wrap(self.cluster)},
            models=tuple(wrap(model) for model in (self.model, self.fallback) if model),
            more_models=tuple(wrap(model) for model in self.choices),
            clock=self.time,
            pace=0.01,
            custom_tools=self.custom_tools,
            runbooks=self.runbooks,
            served_tools=self.served_tools,
            call_tool=self.call_tool,
            kubectl_version=lambda: self.kubectl_version,
        )

    async def put(self, incoming: Incoming) -> None:
        """As the listener does: store, then acknowledge."""
        self.sent += 1
        await self.stores.inbox.put(f"Ev{self.sent}", incoming)

    async def write(self, text: str, *, user: str = "U1", ts: str = "100.1", mention: bool = True) -> None:
        await self.put(Message("T1", "C1", user, ts, "100.1", text, is_mention=mention, is_direct=False))

    async def click(self, action: str, change_id: int = 0, *, user: str = "U2", digest: str | None = None) -> None:
        change = await self.stores.changes.get(change_id)
        known = change.digest if change else ""
        await self.put(Click("T1", "C1", user, action, "100.1", "100.5", "trigger", change_id, known if digest is None else digest))

    async def edit(self, command: str, change_id: int, *, user: str = "U1", digest: str | None = None) -> None:
        change = await self.stores.changes.get(change_id)
        known = change.digest if change else ""
        await self.put(Edit("T1", user, change_id, known if digest is None else digest, command, f"view-{self.sent}"))

    async def entries(self, thread_id: str = THREAD) -> Sequence[Entry]:
        return await self.stores.threads.transcript(thread_id)

    async def rest(self, crash: Crash | None = None) -> None:
        """Runs a bot until nothing is left to do now, or it crashes."""
        async with self.running(crash) as bot:
            await bot.settled()

    @asynccontextmanager
    async def running(self, crash: Crash | None = None) -> AsyncIterator[Running]:
        """A bot that runs; cut off at the end."""
        world = self.world(crash)
        inbox = WatchedInbox(world.stores.inbox)
        world = replace(world, stores=replace(world.stores, inbox=inbox))
        bot = Running(self, world, Worker(world), Intake(world), inbox, crash)
        tasks = [asyncio.create_task(bot.worker.run()), asyncio.create_task(bot.intake.run())]
        try:
            yield bot
        finally:
            if crash:
                crash.bury()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class WatchedInbox:
    """An inbox that counts how often it was found empty."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.empty = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inbox, name)

    async def take(self, lease_seconds: float, limit: int = 20) -> Sequence[Delivery]:
        taken = await self._inbox.take(lease_seconds, limit)
        self.empty += not taken
        return taken


@dataclass
class Running:
    """A bot while it runs."""

    bench: Bench
    world: World
    worker: Worker
    intake: Intake
    inbox: WatchedInbox
    crash: Crash | None

    async def settled(self) -> None:
        """Waits until no event is handled and no thread has anything to do now."""
        threads = self.bench.stores.threads
        while not (self.crash and self.crash.is_dead):
            seen = self.inbox.empty
            self.world.signals.inbox.set()
            self.world.signals.threads.set()
            await asyncio.sleep(0.01)
            if self.worker.active or self.intake.active or await threads.due(self.bench.time.now) or await threads.watched():
                continue
            if self.inbox.empty > seen and not self.intake.active and not self.worker.active:
                return

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Waits until the world looks like that."""
        while not is_so():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def bench(url: str = "sqlite+aiosqlite://") -> AsyncIterator[Bench]:
    time = Time(1000.0)
    async with open_store(StoreSettings(url=url, key=SecretStr(KEY)), time) as store:
        cluster = FakeCluster()
        yield Bench(time, store.stores, FakeSurface(), cluster, FakeSandboxes(cluster))
