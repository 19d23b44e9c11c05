"""What people see of the surface in a real browser: long outputs with their window, the Home tab, suggested questions."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from bot.devslack.driver import wait_until
from bot.threads.inbound.incoming import Glance, Opened
from bot.threads.inbound.overview import Health, Overview, ThreadLine
from bot.threads.ports import ProgressView
from tests.page import choose_pictures
from tests.unit.slack.rows import make_change, make_thread

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
OUTPUT = "\n".join(f"pod-{number}  {'CrashLoopBackOff' if number % 1000 == 0 else 'Running'}" for number in range(3_000))
WIDE = "\n".join(
    f"{name:<34}{ready:<8}{status:<19}{age:<8}{node}"
    for name, ready, status, age, node in [
        ("NAME", "READY", "STATUS", "AGE", "NODE"),
        ("web-7c9f5d4b8-abcde", "1/1", "Running", "5d", "node-1.eu-central.compute.internal"),
    ]
)

expect.set_options(timeout=20_000)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt-get install chromium"),
]


@pytest.fixture
async def page():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        yield page
        await browser.close()


@pytest.fixture
def pictures(tmp_path) -> Path:
    return choose_pictures(tmp_path)


async def latest(desk, kind: type, count: int = 1):
    async def look():
        found = [value for value in desk.inbox.values if isinstance(value, kind)]
        return found if len(found) >= count else None

    return (await wait_until(look))[-1]


async def test_long_output_is_read_in_its_window(desk, page, pictures):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "kubectl get pods -A"))
    await running.surface.show_text(thread, "answer:1", "", code=OUTPUT)
    await running.surface.show_text(thread, "answer:2", "", code=WIDE)
    await page.goto(f"{desk.driver.base_url}/?as=ana#C01ONCALL/{thread.thread_ts}")
    pane = page.get_by_role("region", name="Thread")
    await expect(pane.get_by_role("cell", name="node-1.eu-central.compute.internal")).to_be_visible()
    await page.screenshot(path=pictures / "long-output.png")

    await pane.get_by_role("button", name="Show output").click()
    await running.surface.show_output(await latest(desk, Glance), "", OUTPUT)
    window = page.get_by_role("dialog")
    await window.get_by_role("button", name="Next").click()
    await running.surface.show_output(await latest(desk, Glance, 2), "", OUTPUT)
    await expect(window).to_contain_text("Lines 101–200 of 3,000 lines.")
    await window.get_by_label("Only lines with").fill("crash")
    await window.get_by_role("button", name="Filter").click()
    await running.surface.show_output(await latest(desk, Glance, 3), "", OUTPUT)

    await expect(window).to_contain_text("3 of 3,000 lines hold crash")
    await page.screenshot(path=pictures / "output-window.png")


async def test_direct_messages_suggest_questions_and_the_home_tab_shows_what_waits(desk, page, pictures):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "oncall", "scale web"))
    await page.goto(f"{desk.driver.base_url}/?as=ben#D01BEN")
    assert (await latest(desk, Opened)).tab == "messages"
    await running.surface.suggest("D01BEN")
    await expect(page.get_by_role("group", name="Suggested questions").get_by_role("button")).to_have_count(4)

    await page.get_by_role("tab", name="Home").click()
    assert (await latest(desk, Opened, 2)).tab == "home"
    lines = (ThreadLine(thread.id, "why is the shop down?", "working", time.time()),)
    overview = Overview(time.time(), deciding=(make_change(thread),), threads=lines, clusters=(Health("prod-eu", "v1.31.2"),))
    await running.surface.show_home("U01BEN", overview)

    home = page.get_by_role("tabpanel", name="Home")
    await expect(home).to_contain_text("why is the shop down?")
    await expect(home).to_contain_text("prod-eu answers · v1.31.2")
    await page.screenshot(path=pictures / "home.png")
    await home.get_by_role("link", name="Change 42").click()
    await expect(page.get_by_role("region", name="Thread")).to_be_visible()


async def test_threads_of_direct_messages_are_found_again_by_their_first_question(desk, page, pictures):
    running = await desk.start(connect=True)
    threads = []
    for question in ("why is the shop down?", "how many pods has the database, and which of them restarted within the last hour?"):
        thread = make_thread(await desk.driver.say("ana", "dm", question))
        await running.surface.show_progress(thread, 1, ProgressView("done", "done", question=question))
        await running.surface.show_text(thread, "answer:1", "The log names the setting `X`.")
        threads.append(thread)
    await running.surface.show_progress(threads[0], 2, ProgressView("waiting", "waiting for a decision", question="why is the shop down?"))
    await page.goto(f"{desk.driver.base_url}/?as=ana#D01ANA")

    await page.get_by_role("tab", name="History").click()
    history = page.get_by_role("list", name="Threads")
    lines = history.get_by_role("button")
    await expect(lines).to_have_count(2)
    await expect(history.get_by_role("button", name="why is the shop down? waits for an answer")).to_be_visible()
    await lines.nth(1).click()
    pane = page.get_by_role("region", name="Thread")
    await expect(pane.get_by_role("heading")).to_contain_text("how many pods has the database")
    await page.screenshot(path=pictures / "history.png")

    await desk.driver.act("rename-session", channel="dm", thread_ts=threads[1].thread_ts, title="Database", **{"as": "ana"})
    await expect(lines.nth(1)).to_contain_text("Database")
    await expect(pane.get_by_role("heading")).to_have_text("Database")
