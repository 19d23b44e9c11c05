"""What a start needs, looked at without changing anything: `serve` goes on with what is found here, `doctor` only tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bot.agent import custom_tools, runbook_maps, runbooks
from bot.agent.calls import TOOL_NAMES
from bot.agent.custom_tools import CustomTool
from bot.agent.models.opening import OpenModels, open_models
from bot.agent.runbooks import Runbook
from bot.changes.ports import ClusterApi
from bot.errors import BotError, ConfigError
from bot.gateway import limits
from bot.gateway.clusters import GatewayCluster, open_clusters
from bot.gateway.server import Gateway
from bot.kube.connection import KubeConnection, connect
from bot.sandbox.preflight import check_cluster
from bot.settings import Settings
from bot.slack.door.signin import SignedIn, sign_in
from bot.toolservers.opening import Served, open_served
from bot.values.requests import Identity


@dataclass(frozen=True, slots=True)
class Parts:
    """All that is open and well, and nothing that was begun: no database, no program, no port, no connection that takes events."""

    slack: SignedIn
    models: OpenModels
    gateway: Gateway
    """Not started."""
    clusters: Mapping[str, GatewayCluster]
    home: KubeConnection
    """The cluster of the sandboxes."""
    maps: tuple[Runbook, ...]
    """Runbooks of the cluster's ConfigMaps."""


@dataclass(frozen=True, slots=True)
class Added:
    """What the installer put into folders."""

    tools: tuple[CustomTool, ...]
    books: tuple[Runbook, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a start, in sentences."""

    found: list[str] = field(default_factory=list)
    """What the installer added, and works."""
    problems: list[str] = field(default_factory=list)

    def refuse(self) -> ConfigError:
        """The one error of a start that cannot be."""
        return ConfigError("kubectl-ai-slack cannot start yet:\n" + "\n".join(f"  - {problem}" for problem in self.problems))


def load_added(settings: Settings, told: Told) -> Added:
    """Reads the folders."""
    tools = custom_tools.load(settings.tools.path, told.problems)
    books = runbooks.load(settings.runbooks.path, told.problems)
    told.found.extend(_describe(settings, tools, books))
    return Added(tuple(tools), tuple(books))


async def open_servers(settings: Settings, added: Added, stack: AsyncExitStack, told: Told) -> Served:
    """Starts the MCP servers, which are programs of others, until the stack is closed."""
    taken = [*TOOL_NAMES, *(tool.name for tool in added.tools)]
    served = await stack.enter_async_context(open_served(settings.mcp, taken, told.problems))
    told.found.extend(served.found)
    return served


async def open_parts(settings: Settings, stack: AsyncExitStack, told: Told) -> Parts:
    """Opens them until the stack is closed. Raises ConfigError with every problem, those that were told before too."""
    problems = told.problems
    models = await open_models(settings.model, stack, problems)
    slack = await _sign_in(settings, stack, problems)
    gateway = Gateway(settings.gateway, limits.from_settings(settings.gateway))
    try:
        clusters = await open_clusters(settings.clusters, gateway)
        for cluster in clusters.values():
            stack.push_async_callback(cluster.close)
        home = await stack.enter_async_context(await connect(settings.sandbox.kubeconfig, settings.sandbox.context))
    except ConfigError as exc:
        problems.insert(0, str(exc))
        raise told.refuse() from exc
    problems[:0] = [*await _check_clusters(clusters), *await check_cluster(home, settings.sandbox)]
    maps = await _read_maps(settings, next(iter(clusters.values())).api, problems)
    if maps:
        told.found.append(f"{_count(len(maps), 'runbook')} in the ConfigMaps {settings.runbooks.config_maps}.")
    if problems or slack is None:
        raise told.refuse()
    return Parts(slack, models, gateway, clusters, home, maps)


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
