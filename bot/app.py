"""The one place that knows every part: checks that the bot may start, builds it in order, closes it in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from bot import health
from bot.agent import custom_tools, runbook_maps, runbooks
from bot.agent.calls import TOOL_NAMES
from bot.agent.custom_tools import CustomTool
from bot.agent.models.opening import open_models
from bot.agent.runbooks import Runbook
from bot.changes.ports import ClusterApi
from bot.errors import BotError, ConfigError
from bot.gateway import limits
from bot.gateway.clusters import GatewayCluster, open_clusters
from bot.gateway.server import Gateway
from bot.kube.connection import connect
from bot.sandbox.preflight import check_cluster
from bot.sandbox.sandboxes import PooledSandboxes
from bot.settings import Settings
from bot.slack.connect import Connections
from bot.slack.endpoint import Endpoint
from bot.slack.listeners import Listeners
from bot.slack.signin import SignedIn, sign_in
from bot.slack.surface import SlackSurface
from bot.store.opening import open_store
from bot.threads.intake import Intake
from bot.threads.reaper import reap
from bot.threads.signals import Signals
from bot.threads.worker import Worker
from bot.threads.world import World
from bot.toolservers.opening import open_served
from bot.values.requests import ApiRequest, Identity

log = structlog.get_logger()

_UNSEEN = (
    "Slack tells no app its event subscriptions, shortcuts and commands: where something does not arrive, compare them with "
    "manifests/slack-app.yaml."
)


@dataclass(frozen=True, slots=True)
class Bot:
    """Everything that runs, built and checked but not yet connected to Slack."""

    world: World
    connections: Connections | Endpoint
    sandboxes: PooledSandboxes


async def serve(settings: Settings) -> int:
    """Runs the bot until SIGTERM or SIGINT. Raises ConfigError, with every problem, before anything is served."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with _build(settings, []) as bot:
        await bot.connections.open()
        runner = await health.start(settings.health, lambda: _probe(bot))
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
    """Makes every check of a start and prints what it finds. 0 if the bot could start; raises ConfigError with the problems if not."""
    added: list[str] = []
    try:
        async with _build(settings, added) as bot:
            await bot.connections.open()
            await bot.connections.close()
            found = [*await bot.world.surface.find_problems(), *runbooks.find_odd(settings.runbooks.path)]
    finally:
        for line in added:
            print(line)  # noqa: T201 – its output
    for problem in found:
        print(f"The bot can start, but: {problem}")  # noqa: T201 – its output
    if not found:
        print("All is well: the settings, the database, Slack, the clusters, the sandboxes, the model and what was added.")  # noqa: T201 – its output
    print(_UNSEEN)  # noqa: T201 – its output
    return 0


async def verify_audit(settings: Settings) -> int:
    """Checks the audit log's chain. 0 if it is whole, 1 if not."""
    async with open_store(settings.store) as store:
        lines, fault = await store.stores.audit.verify()
    print(fault or f"The chain of {lines} audit lines is whole.")  # noqa: T201 – its output
    return 1 if fault else 0


@asynccontextmanager
async def _build(settings: Settings, added: list[str]) -> AsyncIterator[Bot]:
    """What the installer added, and works, goes to `added` in words, also if the bot cannot start."""
    async with AsyncExitStack() as stack:
        problems: list[str] = []
        store = await stack.enter_async_context(open_store(settings.store))
        tools = custom_tools.load(settings.tools.path, problems)
        books = runbooks.load(settings.runbooks.path, problems)
        served = await stack.enter_async_context(open_served(settings.mcp, [*TOOL_NAMES, *(tool.name for tool in tools)], problems))
        added += [*_describe(settings, tools, books), *served.found]
        models = await open_models(settings.model, stack, problems)
        slack = await _sign_in(settings, stack, problems)
        gateway = Gateway(settings.gateway, limits.from_settings(settings.gateway))
        try:
            clusters = await open_clusters(settings.clusters, gateway, store.derive_key("redaction"))
            for cluster in clusters.values():
                stack.push_async_callback(cluster.close)
            home = await stack.enter_async_context(await connect(settings.sandbox.kubeconfig, settings.sandbox.context))
        except ConfigError as exc:
            raise _cannot_start([str(exc), *problems]) from exc
        problems = [*await _check_clusters(clusters), *await check_cluster(home, settings.sandbox), *problems]
        maps = await _read_maps(settings, next(iter(clusters.values())).api, problems)
        if maps:
            added.append(f"{_count(len(maps), 'runbook')} in the ConfigMaps {settings.runbooks.config_maps}.")
        if problems or slack is None:
            raise _cannot_start(problems)
        await gateway.start()
        stack.push_async_callback(gateway.close)
        surface = SlackSurface(slack.web, slack.bot, settings.slack, settings.changes, store.stores.messages)
        stack.push_async_callback(surface.close)
        sandboxes = PooledSandboxes(home, settings.sandbox, gateway=(gateway.host, gateway.port))
        signals = Signals()
        world = World(
            settings=settings,
            stores=store.stores,
            surface=surface,
            sandboxes=sandboxes,
            clusters=clusters,
            models=models.asked,
            more_models=models.others,
            signals=signals,
            runbooks=(*books, *maps),
            custom_tools=tools,
            served_tools=served.tools,
            call_tool=served.call,
            kubectl_version=lambda: sandboxes.kubectl_version,
            kubernetes_versions={name: await _version(cluster.api) for name, cluster in clusters.items()},
        )
        listeners = Listeners(slack.bare, slack.web, slack.bot, store.stores.inbox, signals.inbox.set)
        is_http = settings.slack.mode == "http"
        connections = Endpoint(settings.slack, listeners) if is_http else Connections(slack, settings.slack, listeners)
        yield Bot(world, connections, sandboxes)


async def _sign_in(settings: Settings, stack: AsyncExitStack, problems: list[str]) -> SignedIn | None:
    try:
        slack = await sign_in(settings.slack)
    except ConfigError as exc:
        problems.append(str(exc))
        return None
    stack.push_async_callback(slack.close)
    return slack


async def _check_clusters(clusters: Mapping[str, GatewayCluster]) -> list[str]:
    problems = []
    for name, cluster in clusters.items():
        try:
            problems += await cluster.find_problems()
        except BotError as exc:
            problems.append(f"Cluster {name}: {exc}")
    return problems


async def _read_maps(settings: Settings, api: ClusterApi, problems: list[str]) -> tuple[Runbook, ...]:
    first = settings.clusters[0]
    reader = Identity(first.reader) if first.reader else None
    try:
        return await runbook_maps.fetch(settings.runbooks.config_maps, api, reader)
    except ConfigError as exc:
        problems.append(str(exc))
        return ()


def _describe(settings: Settings, tools: Sequence[CustomTool], books: Sequence[Runbook]) -> Iterator[str]:
    if tools:
        yield f"{_count(len(tools), 'tool')} in {settings.tools.path}: {', '.join(tool.name for tool in tools)}."
    if books:
        yield f"{_count(len(books), 'runbook')} in {settings.runbooks.path}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _cannot_start(problems: Sequence[str]) -> ConfigError:
    return ConfigError("kubectl-ai-slack cannot start yet:\n" + "\n".join(f"  - {problem}" for problem in problems))


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
