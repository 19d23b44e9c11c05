"""The one place that knows every part: checks that the bot may start, builds it in order, closes it in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from bot import health, starting
from bot.agent import runbooks
from bot.changes.ports import ClusterApi
from bot.errors import BotError
from bot.sandbox.sandboxes import PooledSandboxes
from bot.settings import Settings
from bot.slack.door.connect import Connections, fetch_address
from bot.slack.door.endpoint import Endpoint
from bot.slack.door.listeners import Listeners
from bot.slack.door.manifest import UNCOMPARED, check_manifest
from bot.slack.door.scopes import find_scope_problems
from bot.slack.surface import SlackSurface
from bot.store.inspecting import find_problems as find_store_problems
from bot.store.opening import Store, open_store, open_to_read
from bot.threads.inbound.intake import Intake
from bot.threads.reaper import reap
from bot.threads.signals import Signals
from bot.threads.worker import Worker
from bot.threads.world import World
from bot.values.requests import ApiRequest

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bot:
    """Everything that runs, built and checked but not yet connected to Slack."""

    world: World
    connections: Connections | Endpoint
    sandboxes: PooledSandboxes
    store: Store


async def serve(settings: Settings) -> int:
    """Runs the bot until SIGTERM or SIGINT. Raises ConfigError, with every problem, before anything is served."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with _build(settings) as bot:
        await bot.connections.open()
        runner = await health.start(settings.health, lambda: _probe(bot), bot.store.count_backlog)
        tasks = [
            asyncio.create_task(Intake(bot.world).run(), name="intake"),
            asyncio.create_task(Worker(bot.world).run(), name="worker"),
            asyncio.create_task(reap(bot.world), name="reaper"),
            asyncio.create_task(bot.sandboxes.keep_proven(), name="proofs"),
        ]
        log.info("serving", clusters=list(bot.world.clusters), models=[model.name for model in bot.world.models])
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # none of them ends by itself: this raises why
        finally:
            await bot.connections.close()  # first, so that nothing is taken that is not worked on
            for task in (stopping, *tasks):
                task.cancel()
            await asyncio.gather(stopping, *tasks, return_exceptions=True)
            if runner is not None:
                await runner.cleanup()
    log.info("stopped")
    return 0


async def doctor(settings: Settings) -> int:
    """Makes every check of a start and prints what it finds. Nothing is begun that could be in the way of a bot that runs: no port is
    taken, no event, and the database is only read. 0 if the bot could start; raises ConfigError with the problems if not."""
    told = starting.Told()
    try:
        async with AsyncExitStack() as stack:
            added = starting.load_added(settings, told)
            await starting.open_servers(settings, added, stack, told)
            told.problems.extend(await find_store_problems(settings.store))
            parts = await starting.open_parts(settings, stack, told)
            if settings.slack.mode == "socket":
                await fetch_address(parts.slack, settings.slack)
            granted = (await parts.slack.web.ask_headers("auth.test")).get("x-oauth-scopes")
            can_compare = bool(settings.slack.config_token.get_secret_value().strip())
            manifest = await check_manifest(parts.slack, settings.slack) if can_compare else []
            odd = [*find_scope_problems(granted), *manifest, *runbooks.find_odd(settings.runbooks.path)]
    finally:
        for line in told.found:
            print(line)  # noqa: T201 – its output
    for problem in odd:
        print(f"The bot can start, but: {problem}")  # noqa: T201 – its output
    if not odd:
        print("All is well: the settings, the database, Slack, the clusters, the sandboxes, the model and what was added.")  # noqa: T201 – its output
    if not can_compare:
        print(UNCOMPARED)  # noqa: T201 – its output
    return 0


async def verify_audit(settings: Settings) -> int:
    """Checks the audit log's chain, of a database that is there. 0 if it is whole, 1 if not."""
    async with open_to_read(settings.store) as stores:
        lines, fault = await stores.audit.verify()
    print(fault or f"The chain of {lines} audit lines is whole.")  # noqa: T201 – its output
    return 1 if fault else 0


@asynccontextmanager
async def _build(settings: Settings) -> AsyncIterator[Bot]:
    async with AsyncExitStack() as stack:
        told = starting.Told()
        added = starting.load_added(settings, told)
        parts = await starting.open_parts(settings, stack, told)
        served = await starting.open_servers(settings, added, stack, told)
        if told.problems:
            raise told.refuse()
        # From here on things are begun: whatever can be wrong with the settings has been told.
        store = await stack.enter_async_context(open_store(settings.store))
        for cluster in parts.clusters.values():
            cluster.mark_with(store.derive_key("redaction"))
        await parts.gateway.start()
        stack.push_async_callback(parts.gateway.close)
        slack = parts.slack
        surface = SlackSurface(slack.web, slack.bot, settings.slack, settings.changes, store.stores.messages)
        stack.push_async_callback(surface.close)
        sandboxes = PooledSandboxes(parts.home, settings.sandbox, gateway=(parts.gateway.host, parts.gateway.port))
        signals = Signals()
        world = World(
            settings=settings,
            stores=store.stores,
            surface=surface,
            sandboxes=sandboxes,
            clusters=parts.clusters,
            models=parts.models.asked,
            more_models=parts.models.others,
            signals=signals,
            runbooks=(*added.books, *parts.maps),
            custom_tools=added.tools,
            served_tools=served.tools,
            call_tool=served.call,
            kubectl_version=lambda: sandboxes.kubectl_version,
            kubernetes_versions={name: await _version(cluster.api) for name, cluster in parts.clusters.items()},
        )
        listeners = Listeners(slack.bare, slack.web, slack.bot, store.stores.inbox, signals.inbox.set)
        is_http = settings.slack.mode == "http"
        connections = Endpoint(settings.slack, listeners) if is_http else Connections(slack, settings.slack, listeners)
        yield Bot(world, connections, sandboxes, store)


async def _version(api: ClusterApi) -> str:
    with contextlib.suppress(BotError):
        answer = await api.send(ApiRequest("GET", "/version"), None, dry_run=False)
        if answer.is_success and isinstance(answer.object, dict):
            return str(answer.object.get("gitVersion", ""))
    return ""


async def _probe(bot: Bot) -> str:
    try:
        await bot.world.stores.threads.due(0.0, 1)
    except BotError as exc:
        return str(exc)
    return bot.connections.find_trouble()
