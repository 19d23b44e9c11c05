"""A whole bot at the local Slack: the real adapter, intake, workers and database; only the cluster and its sandboxes are fakes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from bot.agent.ports import ModelReply
from bot.devslack.config import Config
from bot.devslack.driver import Driver
from bot.devslack.server import run_server
from bot.settings import ChangeSettings, ClusterSettings, ModelSettings, Settings, SlackSettings, StoreSettings
from bot.settings_channels import ChannelSettings
from bot.slack.delivery.drafts import Pace
from bot.slack.door.connect import Connections
from bot.slack.door.listeners import Listeners
from bot.slack.door.signin import sign_in
from bot.slack.surface import SlackSurface
from bot.store.opening import open_store
from bot.threads.inbound.incoming import Incoming
from bot.threads.inbound.intake import Intake
from bot.threads.signals import Signals
from bot.threads.stores import Inbox, Stores
from bot.threads.worker import Worker
from bot.threads.world import World
from bot.values.transcript import Answered, Asked, Entry, Happened
from tests.fakes import FakeCluster, FakeModel, FakeSandboxes, prints, say, scales

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PODS = """\
NAME                   READY   STATUS             RESTARTS   AGE
web-7c9f5d4b8-abcde    0/1     CrashLoopBackOff   7          12m
"""
SCALE, SCALE_MORE, GET_PODS = "kubectl scale deploy/web --replicas=5", "kubectl scale deploy/web --replicas=7", "kubectl get pods"
PACE = Pace(progress=0.05, stream=0.05, settle=0.05, backoff=0.05, give_up=10.0)


class ShiftedClock:
    """The time, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def think(transcript: Sequence[Entry]) -> ModelReply:
    """Looks at the pods; if the question is to scale, it does; then it says what came of it."""
    started = [entry for entry in transcript if isinstance(entry, Asked | Happened)]
    if isinstance(started[-1], Happened):
        return say(f"I have heard it. {started[-1].text}")
    asked = started[-1]
    answers = [entry.result for entry in transcript if isinstance(entry, Answered) and entry.turn == asked.turn]
    if not answers:
        return say("I look first.", (f"c{asked.turn}", GET_PODS))
    if "scale" in asked.text and len(answers) == 1:
        return say("Too few pods.", (f"s{asked.turn}", SCALE))
    if "scale" in asked.text:
        return say(f"The change is **{answers[-1].status}**. {answers[-1].note}")
    return say("`web` restarts again and again:\n\n1. its container ends with code 1\n2. the log names a missing *setting*")


@dataclass
class Whole:
    """A running bot and its surroundings."""

    driver: Driver
    stores: Stores
    cluster: FakeCluster
    """The first of the clusters."""
    clusters: Mapping[str, FakeCluster]
    sandboxes: FakeSandboxes
    clock: ShiftedClock
    signals: Signals
    arrived: list[Incoming]
    """What was stored, in the order in which it came."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def move_time(self, seconds: float) -> None:
        self.clock.ahead += seconds
        self.signals.threads.set()


class WatchedInbox:
    """The real inbox; remembers what it took for new, in the order in which it came."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.arrived: list[Incoming] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inbox, name)

    async def put(self, key: str, incoming: Incoming) -> bool:
        is_new = await self._inbox.put(key, incoming)
        if is_new:
            self.arrived.append(incoming)
        return is_new


def build_clusters(channels: Mapping[str, ChannelSettings]) -> Mapping[str, FakeCluster]:
    """`prod`, and what channels name; one sandbox reaches the doors of all of them."""
    clusters = {name: FakeCluster(name) for name in ("prod", *(channel.cluster for channel in channels.values() if channel.cluster))}
    for cluster in clusters.values():
        cluster.rehearsals = clusters["prod"].rehearsals
    return clusters


@asynccontextmanager
async def run_whole(
    config: Config | None = None,
    *,
    channels: Mapping[str, ChannelSettings] | None = None,
    think: Callable[[Sequence[Entry]], ModelReply] = think,
    max_steps: int = 20,
    **rules: object,
) -> AsyncIterator[Whole]:
    """A bot with a model, at a local Slack of its own. `channels` are defaults by channel id: there is every cluster that they name,
    beside `prod`. `max_steps` is the model's setting, `rules` are settings of changes."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(run_server(config or Config()))
        driver = await stack.enter_async_context(Driver(url))
        clock, signals, clusters = ShiftedClock(), Signals(), build_clusters(channels or {})
        cluster = clusters["prod"]
        store = await stack.enter_async_context(open_store(StoreSettings(url="sqlite+aiosqlite://", key=SecretStr(KEY)), clock))
        slack = SlackSettings(bot_token=SecretStr("xoxb-local"), app_token=SecretStr("xapp-local"), api_url=driver.api_url)
        changes = ChangeSettings(approvers=("S01ONCALL",), rollout_seconds=0).model_copy(update=rules)
        named = tuple(ClusterSettings(name=name, namespace="shop") for name in clusters)
        model = ModelSettings(max_steps=max_steps)
        settings = Settings(slack=slack, changes=changes, clusters=named, channels=channels or {}, model=model)
        signed_in = await sign_in(slack)
        stack.push_async_callback(signed_in.close)
        surface = SlackSurface(signed_in.web, signed_in.bot, slack, changes, store.stores.messages, clock=clock, pace=PACE)
        stack.push_async_callback(surface.close)
        sandboxes = FakeSandboxes(cluster, {GET_PODS: prints(PODS), SCALE: scales(cluster, 5), SCALE_MORE: scales(cluster, 7)})
        world = World(
            settings=settings,
            stores=store.stores,
            surface=surface,
            sandboxes=sandboxes,
            clusters=clusters,
            models=(FakeModel(think),),
            clock=clock,
            signals=signals,
            pace=0.01,
        )
        inbox = WatchedInbox(store.stores.inbox)
        listeners = Listeners(signed_in.bare, signed_in.web, signed_in.bot, inbox, signals.inbox.set)
        connections = Connections(signed_in, slack, listeners)
        await connections.open()
        stack.push_async_callback(connections.close)
        await driver.wait_for_connections(slack.connections)
        tasks = [asyncio.create_task(Intake(world).run()), asyncio.create_task(Worker(world).run())]
        try:
            yield Whole(driver, store.stores, cluster, clusters, sandboxes, clock, signals, inbox.arrived, tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
