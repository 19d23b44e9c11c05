"""A running local Slack with short deadlines, people at it, and real Slack apps connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, Page, async_playwright
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.devslack.config import Config
from bot.devslack.driver import Driver
from bot.devslack.server import run_server
from tests.page import CHROMIUM, choose_pictures

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of the page are kept."""
    return choose_pictures(tmp_path)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser) -> AsyncIterator[Callable]:
    """Opens pages, each a tab of its own person; a script error on any of them fails the test."""
    problems: list[str] = []

    def note(error: str) -> None:
        if "ERR_NETWORK_CHANGED" not in error:  # a network interface of this machine came or went: the page copes with it by itself
            problems.append(error)

    async with AsyncExitStack() as stack:

        async def open_for(url: str, person: str, place: str = "C01ONCALL", **options) -> Page:
            """`person` "" opens the plain address, as a first visitor does."""
            context = await browser.new_context(viewport={"width": 1280, "height": 860}, **options)
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda line: note(line.text) if line.type == "error" else None)
            await page.goto(f"{url}/?as={person}#{place}" if person else f"{url}/")
            return page

        yield open_for
    assert problems == []
