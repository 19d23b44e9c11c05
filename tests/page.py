"""People at the local Slack's page, in a real browser: what they do there and what they see."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, Page, async_playwright, expect

CHROMIUM = Path("/usr/bin/chromium")
WHY_SKIPPED = "needs Debian's chromium: apt-get install chromium"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
SOON = 60_000
"""Milliseconds: a claim, a rehearsal and a few model replies on a busy machine."""
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=SOON)


def choose_pictures(folder: Path) -> Path:
    """Where pictures are kept: where KUBECTL_AI_SLACK_ARTEFACTS says, else in this folder, which goes with the test."""
    artefacts = os.environ.get("KUBECTL_AI_SLACK_ARTEFACTS")
    return Path(artefacts) if artefacts else folder


class Person:
    """Somebody at the page."""

    def __init__(self, page: Page, pictures: Path) -> None:
        self.page = page
        self._pictures = pictures
        self._place = page.get_by_role("main")
        self.channel = self._place.get_by_role("list", name="Messages in ")
        """What is written in the channel or direct message, outside threads."""
        self.thread = page.get_by_role("region", name="Thread")

    async def write(self, text: str) -> None:
        """Sends a message, or a slash command, in the channel or direct message."""
        await _send(self._place.get_by_role("textbox", name="Message "), text)

    async def reply(self, text: str) -> None:
        await _send(self.thread.get_by_role("textbox", name="Reply in thread"), text)

    async def open_thread(self, of: str = "") -> None:
        """Opens the newest thread of the channel whose first message holds this text."""
        await self.channel.locator("li.message").filter(has_text=of).locator("button.replies").last.click(timeout=SOON)
        await expect(self.thread.locator("li.message").first).to_contain_text(of, timeout=SOON)  # another one may have been open

    async def sees(self, text: str, where: Locator | None = None) -> None:
        shown = (where or self.thread).get_by_text(text).filter(visible=True)  # a closed menu holds commands as well
        await expect(shown.last).to_be_visible(timeout=SOON)

    async def press(self, button: str) -> None:
        await self.thread.get_by_role("button", name=button).last.click(timeout=SOON)

    async def switch_to(self, name: str) -> None:
        """Becomes somebody else on the same page."""
        await self.page.get_by_role("button", name="You are").click()
        await self.page.get_by_role("menuitemradio", name=name).click()
        await expect(self.page.get_by_role("button", name=f"You are {name}")).to_be_visible()

    @property
    def card(self) -> Locator:
        """The thread's last message that is a change's card."""
        return self.thread.locator("li.message").filter(has_text="asked by").last

    async def picture(self, name: str) -> None:
        await self.page.screenshot(path=self._pictures / f"{name}.png")


class Room:
    """Opens the page for people, each in a browser context of their own."""

    def __init__(self, browser: Browser, url: str, pictures: Path, stack: AsyncExitStack) -> None:
        self._browser, self._url, self._pictures, self._stack = browser, url, pictures, stack
        self.problems: list[str] = []
        """Errors of scripts on any of the pages."""

    async def enter(self, handle: str, place: str = "C01ONCALL", **options: Any) -> Person:
        """The page of that person; `place` is a channel's id, or with a thread's ts, `C01ONCALL/1.000001`."""
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = await self._browser.new_context(**options)
        self._stack.push_async_callback(context.close)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self._note(line.text) if line.type == "error" else None)
        await page.goto(f"{self._url}/?as={handle}#{place}")
        await expect(page.get_by_role("textbox").first).to_be_visible(timeout=SOON)
        return Person(page, self._pictures)

    def _note(self, error: str) -> None:
        if "ERR_NETWORK_CHANGED" not in error:  # a sandbox's network interface came or went: the page copes with it by itself
            self.problems.append(error)


@asynccontextmanager
async def open_room(url: str, pictures: Path) -> AsyncIterator[Room]:
    """A browser at the local Slack of this address."""
    async with async_playwright() as playwright, AsyncExitStack() as stack:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        stack.push_async_callback(browser.close)
        yield Room(browser, url, pictures, stack)


async def _send(composer: Locator, text: str) -> None:
    await composer.fill(text)
    await composer.press("Enter")
