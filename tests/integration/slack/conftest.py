"""The Slack adapter against the local Slack, with stores that outlive the adapter as a database would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.devslack.config import Config
from bot.devslack.driver import Driver
from bot.devslack.server import run_server
from bot.errors import StoreError
from bot.settings import ChangeSettings, SlackHttpSettings, SlackSettings
from bot.slack.delivery.drafts import Pace
from bot.slack.door.connect import Connections
from bot.slack.door.endpoint import Endpoint
from bot.slack.door.listeners import Listeners
from bot.slack.door.signin import SignedIn, sign_in
from bot.slack.surface import SlackSurface
from bot.threads.inbound.incoming import Incoming
from bot.threads.stores import Shown
from tests.integration.slack.whole import Whole, run_whole
from tests.page import Room, choose_pictures, open_room

QUICK = Config(ack_seconds=0.5, retry_delays_seconds=(0.05, 0.1, 0.2))
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
QUICK_PACE = Pace(progress=0.05, stream=0.05, settle=0.05, backoff=0.05, give_up=10.0)


@dataclass
class RememberedInbox:
    """An inbox in memory; `refuse` makes it fail, `hold` makes it wait."""

    stored: dict[str, Incoming] = field(default_factory=dict)
    refuse: bool = False
    hold: asyncio.Event | None = None
    puts: int = 0

    async def put(self, key: str, incoming: Incoming) -> bool:
        self.puts += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.refuse:
            raise StoreError("The database is away; start it.")
        is_new = key not in self.stored
        self.stored.setdefault(key, incoming)
        return is_new

    @property
    def values(self) -> list[Incoming]:
        return list(self.stored.values())


@dataclass
class RememberedMessages:
    """The messages table in memory."""

    rows: dict[str, Shown] = field(default_factory=dict)

    async def get(self, key: str) -> Shown | None:
        await asyncio.sleep(0)
        return self.rows.get(key)

    async def claim(self, key: str, thread_id: str) -> None:
        self.rows.setdefault(key, Shown(key, "", "", "", attempted=True))

    async def posted(self, key: str, channel: str, ts: str, digest: str) -> None:
        self.rows[key] = Shown(key, channel, ts, digest, attempted=True)

    async def redrawn(self, key: str, digest: str) -> None:
        self.rows[key] = replace(self.rows[key], digest=digest)


@dataclass
class Running:
    """One life of the adapter."""

    signed_in: SignedIn
    surface: SlackSurface
    listeners: Listeners
    connections: Connections | Endpoint
    woken: asyncio.Event


@dataclass
class Desk:
    """A local Slack and what survives the adapter."""

    driver: Driver
    inbox: RememberedInbox
    messages: RememberedMessages
    stack: AsyncExitStack
    config: Config = QUICK

    def settings(self, **changes: object) -> SlackSettings:
        base = SlackSettings(
            bot_token=SecretStr("xoxb-local"),
            app_token=SecretStr("xapp-local"),
            signing_secret=SecretStr(SIGNING_SECRET),
            http=SlackHttpSettings(port=0),
            api_url=self.driver.api_url,
        )
        return base.model_copy(update=changes)

    async def start(
        self,
        *,
        connect: bool = False,
        pace: Pace = QUICK_PACE,
        ping_seconds: float = 0.5,
        clock: Callable[[], float] = time.time,
        **changes: object,
    ) -> Running:
        settings = self.settings(**changes)
        signed_in = await sign_in(settings)
        self.stack.push_async_callback(signed_in.close)
        rules = ChangeSettings(approvers=("S01ONCALL", "U01BEN"))
        surface = SlackSurface(signed_in.web, signed_in.bot, settings, rules, self.messages, pace=pace)
        self.stack.push_async_callback(surface.close)
        woken = asyncio.Event()
        listeners = Listeners(signed_in.bare, signed_in.web, signed_in.bot, self.inbox, woken.set)
        connections: Connections | Endpoint
        if settings.mode == "http":
            connections = Endpoint(settings, listeners, clock)
        else:
            connections = Connections(signed_in, settings, listeners, ping_seconds=ping_seconds)
        if connect:
            await connections.open()
            self.stack.push_async_callback(connections.close)
            await self._lead_to(connections, settings)
        return Running(signed_in, surface, listeners, connections, woken)

    async def _lead_to(self, connections: Connections | Endpoint, settings: SlackSettings) -> None:
        """Returns when this Slack delivers to the adapter."""
        if isinstance(connections, Endpoint):
            url = f"http://127.0.0.1:{connections.port}/slack/events"
            await self.driver.act("deliver", url=url, signing_secret=SIGNING_SECRET)
        else:
            await self.driver.wait_for_connections(settings.connections)


@pytest.fixture
async def start_desk() -> AsyncIterator[Callable]:
    async with AsyncExitStack() as stack:

        async def start(config: Config = QUICK) -> Desk:
            url = await stack.enter_async_context(run_server(config))
            driver = await stack.enter_async_context(Driver(url))
            return Desk(driver, RememberedInbox(), RememberedMessages(), stack, config)

        yield start


@pytest.fixture
async def desk(start_desk: Callable) -> Desk:
    return await start_desk()


@pytest.fixture
async def whole() -> AsyncIterator[Whole]:
    async with run_whole() as running:
        yield running


@pytest.fixture
async def room(whole: Whole, tmp_path: Path) -> AsyncIterator[Room]:
    """A script error on any page fails the test."""
    async with open_room(whole.driver.base_url, choose_pictures(tmp_path)) as opened:
        yield opened
    assert opened.problems == []
