"""What threads need where there is no Slack: the person at this machine, their database, their cluster."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.agent import custom_tools, runbook_maps, runbooks
from bot.agent.calls import TOOL_NAMES
from bot.agent.models.opening import OpenModels
from bot.errors import ConfigError
from bot.kube.connection import connect
from bot.local import covering
from bot.local.cluster import Context, LocalCluster, name_with_server, open_cluster
from bot.local.sandbox import LocalSandboxes
from bot.local.surface import ME, RULE, TEAM
from bot.sandbox.preflight import check_cluster
from bot.sandbox.sandboxes import PooledSandboxes
from bot.settings import Settings, StoreSettings
from bot.store.opening import Store, open_store
from bot.threads import reaper
from bot.threads.inbound.places import new_thread
from bot.threads.ports import Sandboxes, Surface
from bot.threads.stores import Stores, Thread
from bot.threads.world import World
from bot.toolservers.opening import open_served
from bot.values.people import ThreadKey

NO_MODELS = OpenModels()
STATE = Path("~/.local/state/kubectl-ai-slack/local")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to work."""

    context: Context
    state: Path = STATE
    """Folder of the database."""
    is_sandboxed: bool = False
    """Whether commands run in a Sandbox of the cluster that the settings name, as the Slack bot's do."""


@asynccontextmanager
async def open_world(
    place: Place, settings: Settings, make_surface: Callable[[Stores], Surface], models: OpenModels = NO_MODELS
) -> AsyncIterator[World]:
    """Opens everything, and closes it at the end; the models stay open. Raises ConfigError."""
    name = await name_with_server(place.context)
    async with open_state(place.state) as store:
        loopback = {"host": "127.0.0.1", "port": 0, "advertise": ""}
        network = settings.gateway if place.is_sandboxed else settings.gateway.model_copy(update=loopback)
        salt = store.derive_key("redaction")
        problems: list[str] = []
        tools = custom_tools.load(settings.tools.path, problems)
        books = runbooks.load(settings.runbooks.path, problems)
        async with (
            open_cluster(place.context, name=name, network=network, salt=salt) as local,
            _open_sandboxes(place, settings, local) as sandboxes,
            open_served(settings.mcp, [*TOOL_NAMES, *(tool.name for tool in tools)], problems) as served,
        ):
            if problems:
                raise ConfigError(" ".join(problems))
            world = World(
                settings=_localize(settings, place, name),
                stores=store.stores,
                surface=make_surface(store.stores),
                sandboxes=sandboxes,
                clusters={name: local.cluster},
                models=models.asked,
                more_models=models.others,
                runbooks=(*books, *await runbook_maps.fetch(settings.runbooks.config_maps, local.cluster.api, None)),
                custom_tools=tools,
                served_tools=served.tools,
                call_tool=served.call,
                kubernetes_versions={name: local.version},
                is_sandboxed=place.is_sandboxed,
            )
            await reaper.reap_once(world, f"reaper-{uuid.uuid4().hex[:12]}")
            yield world


def open_state(state: Path) -> AbstractAsyncContextManager[Store]:
    """The database of this folder, which is made if it is not there. Raises ConfigError."""
    return open_store(StoreSettings(url=address_of(_make_state(state))))


def address_of(state: Path) -> str:
    """Of the database of this folder."""
    return f"sqlite+aiosqlite:///{state.expanduser().resolve() / 'local.db'}"


async def begin_thread(world: World, channel: str) -> Thread:
    """A new conversation of the person at this machine."""
    began = time.strftime("%Y%m%d-%H%M%S", time.localtime(world.clock()))
    return await world.stores.threads.open(new_thread(world, ThreadKey(TEAM, channel, f"{began}-{uuid.uuid4().hex[:6]}"), ME))


def _make_state(state: Path) -> Path:
    folder = state.expanduser()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"Cannot make the folder {folder}: {exc.strerror}; name another with --state.") from exc
    return folder


@asynccontextmanager
async def _open_sandboxes(place: Place, settings: Settings, local: LocalCluster) -> AsyncIterator[Sandboxes]:
    if not place.is_sandboxed:
        here = LocalSandboxes(local.name_like_theirs, covering.find_files(local.context.path))
        try:
            yield here
        finally:
            await here.close()
        return
    wanted = settings.sandbox
    async with await connect(wanted.kubeconfig or place.context.path, wanted.context) as home:
        if problems := await check_cluster(home, wanted):
            raise ConfigError("There are no sandboxes to use; leave out --sandbox, or:\n" + "\n".join(f"  - {one}" for one in problems))
        yield PooledSandboxes(home, wanted, gateway=(local.gateway.host, local.gateway.port))


def _localize(settings: Settings, place: Place, name: str) -> Settings:
    """The person decides by themselves, also about what they asked for."""
    changes = settings.changes.model_copy(update={"approvers": (ME, RULE), "self_approval": True})
    told = (settings.instructions.everywhere, _TERMINAL, "" if place.is_sandboxed else _NO_SANDBOX.format(folder=Path.cwd()))
    instructions = settings.instructions.model_copy(update={"everywhere": "\n".join(part for part in told if part.strip())})
    cluster = settings.clusters[0].model_copy(update={"name": name, "namespace": place.context.namespace, "people": {}})
    return settings.model_copy(update={"changes": changes, "instructions": instructions, "clusters": (cluster,)})


_TERMINAL = "- You work in a terminal with one person, who decides about each change at its prompt."
_NO_SANDBOX = """\
- Commands run on this person's machine and not in a sandbox: requests to the cluster are rehearsed, everything else is real. Use only \
kubectl and what reads and filters text, change no file outside the working directory, and fetch nothing from a network.
- They start in a folder of their own. The person called you from {folder}: name files there by their whole path."""
