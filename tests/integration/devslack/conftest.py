"""A running local Slack with short deadlines, people at it, and real Slack apps connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.devslack.config import Config
from bot.devslack.driver import Driver
from bot.devslack.server import run_server

QUICK = Config(ack_seconds=0.3, retry_delays_seconds=(0.0, 0.05, 0.1))


class ConnectedApp:
    """An unmodified Bolt app and its sockets."""

    def __init__(self, app: AsyncApp, driver: Driver) -> None:
        self.app = app
        self.client: AsyncWebClient = app.client
        self._driver = driver
        self._handlers: list[AsyncSocketModeHandler] = []

    async def connect(self, sockets: int = 1) -> None:
        for _ in range(sockets):
            handler = AsyncSocketModeHandler(self.app, "xapp-local", ping_interval=1)
            self._handlers.append(handler)
            await handler.connect_async()
        await self._driver.wait_for_connections(len(self._handlers))

    async def close(self) -> None:
        for handler in self._handlers:
            await handler.close_async()
        self._handlers.clear()


@pytest.fixture
async def start_slack() -> AsyncIterator[Callable]:
    async with AsyncExitStack() as stack:

        async def start(config: Config = QUICK) -> Driver:
            url = await stack.enter_async_context(run_server(config))
            return await stack.enter_async_context(Driver(url))

        yield start


@pytest.fixture
async def slack(start_slack) -> Driver:
    return await start_slack()


@pytest.fixture
async def build_app() -> AsyncIterator[Callable]:
    async with AsyncExitStack() as stack:

        async def build(driver: Driver, **options) -> ConnectedApp:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            client = AsyncWebClient(token="xoxb-local", base_url=driver.api_url, session=session)
            connected = ConnectedApp(AsyncApp(client=client, **options), driver)
            stack.push_async_callback(connected.close)
            return connected

        yield build


@pytest.fixture
async def bolt(slack, build_app) -> ConnectedApp:
    return await build_app(slack)
