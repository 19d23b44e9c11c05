"""What the page tells of what goes on: what the app is doing, which threads have news, and all of it to who does not see it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from bot.devslack.config import Config
from tests.integration.devslack.conftest import CHROMIUM

expect.set_options(timeout=20_000)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt-get install chromium"),
]

PHONE: dict[str, Any] = {"is_mobile": True, "has_touch": True}
SMALL = {"width": 390, "height": 844}
LOOKS = [
    pytest.param({}, None, id="light"),
    pytest.param({"color_scheme": "dark"}, None, id="dark"),
    pytest.param(PHONE, SMALL, id="phone"),
]
CONTROLS = {
    *("button", "link", "textbox", "searchbox", "combobox", "listbox", "option", "checkbox", "tab", "menuitemradio", "spinbutton"),
    *("dialog", "log", "region", "tabpanel", "progressbar", "DisclosureTriangle"),
}
"""Roles as Chromium calls them."""


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def option(text: str) -> dict[str, Any]:
    return {"text": plain(text), "value": text}


def field(block_id: str, **element: Any) -> dict[str, Any]:
    return {"type": "input", "block_id": block_id, "label": plain(f"The {block_id}"), "element": {"action_id": block_id, **element}}


EVERYTHING = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "<https://example.com/pods|the pods>"}},
    {
        "type": "actions",
        "elements": [
            {"type": "button", "action_id": "approve", "text": plain("Approve")},
            {"type": "static_select", "action_id": "choose", "placeholder": plain("Choose one"), "options": [option("a"), option("b")]},
            {"type": "overflow", "action_id": "more", "options": [option("c"), option("d")]},
        ],
    },
]
WINDOW = {
    "type": "modal",
    "title": plain("All inputs"),
    "submit": plain("Send"),
    "blocks": [
        field("reason", type="plain_text_input", multiline=True),
        field("name", type="plain_text_input"),
        field("kind", type="static_select", options=[option("a"), option("b")]),
    ],
}


async def list_controls(page: Page) -> list[tuple[str, str]]:
    """Role and accessible name of everything that can be used or jumped to, as Chromium tells them to a screen reader."""
    session = await page.context.new_cdp_session(page)
    nodes = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    await session.detach()
    shown = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"] and "role" in node]
    return [(role, name) for role, name in shown if role in CONTROLS]


async def assert_named(page: Page, *expected: str) -> None:
    """Every control has a name that has letters in it; among them are those that the test means to judge."""
    controls = await list_controls(page)
    assert [control for control in controls if not re.search(r"[^\W_]", control[1])] == []
    assert set(expected) <= {role for role, _ in controls}


async def test_what_the_app_is_doing_is_said_under_the_thread_until_it_writes(slack, bolt, open_page, pictures):
    root = await slack.say("ana", "dm", "why?")
    place = {"channel_id": root["channel"], "thread_ts": root["ts"]}
    page = await open_page(slack.base_url, "ana", f"{root['channel']}/{root['ts']}")
    line = page.get_by_role("region", name="Thread").get_by_role("status")
    await expect(line).to_have_text("")

    await bolt.client.assistant_threads_setStatus(**place, status="is looking at shop…")
    await expect(line).to_have_text("kubectl-ai is looking at shop…")
    await page.screenshot(path=pictures / "page-status.png")
    await bolt.client.chat_postMessage(channel=root["channel"], thread_ts=root["ts"], text="It restarts.")
    await expect(line).to_have_text("")

    await bolt.client.assistant_threads_setStatus(**place, status="is writing…")
    await expect(line).to_have_text("kubectl-ai is writing…")
    await bolt.client.assistant_threads_setStatus(**place, status="")
    await expect(line).to_have_text("")


async def test_what_an_app_was_doing_is_not_said_for_ever(start_slack, build_app, open_page):
    slack = await start_slack(Config(status_seconds=3_600.0))
    bolt, root = await build_app(slack), await slack.say("ana", "dm", "why?")
    page = await open_page(slack.base_url, "ana", f"{root['channel']}/{root['ts']}")
    line = page.get_by_role("region", name="Thread").get_by_role("status")
    await expect(line).to_have_text("")
    await page.clock.install()

    await bolt.client.assistant_threads_setStatus(channel_id=root["channel"], thread_ts=root["ts"], status="is looking…")
    await expect(line).to_have_text("kubectl-ai is looking…")
    await page.clock.fast_forward(3_599_000 // 2)
    await expect(line).to_have_text("kubectl-ai is looking…")
    await page.clock.fast_forward(3_600_000)

    await expect(line).to_have_text("")


async def test_a_thread_with_replies_that_the_person_has_not_seen_is_marked_until_they_look(slack, open_page, pictures):
    old = await slack.say("ana", "oncall", "an old thread")
    await slack.say("ben", "oncall", "answered before the page opened", old["ts"])
    root = await slack.say("ana", "oncall", "the shop is down")
    page = await open_page(slack.base_url, "ana")
    threads = page.get_by_role("main").locator("button.replies")
    await expect(threads).to_have_count(1)

    await slack.say("ben", "oncall", "I look", root["ts"])
    marked = page.get_by_role("main").get_by_role("button", name="1 reply, new")
    await expect(marked).to_be_visible()
    await expect(page.locator(".new-replies")).to_have_count(1)  # the old one is not new
    await page.screenshot(path=pictures / "page-new-replies.png")
    await marked.click()
    await expect(page.get_by_role("region", name="Thread").get_by_text("I look")).to_be_visible()
    await page.get_by_role("button", name="Close thread").click()
    await expect(page.locator(".new-replies")).to_have_count(0)

    await slack.say("ana", "oncall", "thank you", root["ts"])
    await expect(threads.last).to_contain_text("2 replies")
    await expect(page.locator(".new-replies")).to_have_count(0)
    await slack.say("ben", "oncall", "it was the quota", root["ts"])
    await expect(page.get_by_role("main").get_by_role("button", name="3 replies, new")).to_be_visible()


async def test_messages_of_others_are_announced_once_and_progress_is_not_read_again(slack, bolt, open_page):
    await slack.say("ben", "oncall", "before the page opened")
    page = await open_page(slack.base_url, "ana")
    heard = page.get_by_role("log", name="New messages")
    await expect(page.get_by_role("textbox", name="Message #oncall")).to_be_visible()
    await expect(page.get_by_role("main").get_by_text("before the page opened")).to_be_visible()
    await expect(heard).to_have_text("")

    progress = await bolt.client.chat_postMessage(channel="C01ONCALL", text="step 1")
    await expect(heard).to_have_text("kubectl-ai: step 1")
    await slack.say("ana", "oncall", "my own words")
    await bolt.client.chat_update(channel="C01ONCALL", ts=progress["ts"], text="step 2")
    await expect(page.get_by_role("main").get_by_text("step 2")).to_be_visible()
    await expect(heard).to_have_text("kubectl-ai: step 1")
    await slack.say("ben", "oncall", "`web` *restarts*")
    await expect(heard).to_have_text("Ben Oncall: web restarts")
    await bolt.client.chat_postEphemeral(channel="C01ONCALL", user="U01ANA", text="You may not.")
    await expect(heard).to_have_text("kubectl-ai, only visible to you: You may not.")
    await slack.say("ben", "random", "elsewhere")
    await expect(page.get_by_role("link", name="random, unread")).to_be_visible()
    await expect(heard).to_have_text("kubectl-ai, only visible to you: You may not.")


async def test_an_answer_that_grows_is_announced_when_it_is_whole(slack, bolt, open_page):
    root = await slack.say("ana", "dm", "why?")
    page = await open_page(slack.base_url, "ana", f"{root['channel']}/{root['ts']}")
    thread, heard = page.get_by_role("region", name="Thread"), page.get_by_role("log", name="New messages")
    await expect(thread.get_by_text("why?")).to_be_visible()
    stream = {"channel": root["channel"], "ts": ""}

    stream["ts"] = (await bolt.client.chat_startStream(channel=root["channel"], thread_ts=root["ts"], markdown_text="It "))["ts"]
    await expect(thread.locator("li.message")).to_have_count(2)
    await expect(heard).to_have_text("")
    await bolt.client.chat_appendStream(**stream, markdown_text="restarts.")
    await bolt.client.chat_stopStream(**stream)

    await expect(heard).to_have_text("kubectl-ai: It restarts.")


@pytest.mark.parametrize(("look", "size"), LOOKS)
async def test_every_control_has_a_name(slack, bolt, open_page, look, size):
    root = await slack.say("mia", "oncall", "the shop is down")
    await bolt.client.chat_postMessage(channel="C01ONCALL", text="all", blocks=EVERYTHING)
    await bolt.client.chat_postEphemeral(channel="C01ONCALL", user="U01ANA", text="You may not.")
    await bolt.client.chat_postMessage(channel="C01ONCALL", thread_ts=root["ts"], text="It restarts.", blocks=EVERYTHING)
    await bolt.client.files_upload_v2(channel="C01ONCALL", thread_ts=root["ts"], content="log", filename="web.log", title="The log")
    await bolt.client.views_publish(user_id="U01ANA", view={"type": "home", "blocks": EVERYTHING})
    direct = await slack.say("ana", "dm", "why?")
    session = {"channel_id": direct["channel"], "thread_ts": direct["ts"], "status": "processing", "title": "The shop"}
    await bolt.client.agents_sessions_setStatus(**session)
    page = await open_page(slack.base_url, "ana", **look)
    if size:
        await page.set_viewport_size(size)
    base = page.url.partition("#")[0]

    await expect(page.get_by_role("button", name="Approve")).to_be_visible()
    await assert_named(page, "button", "link", "textbox", "combobox")
    await page.get_by_role("textbox", name="Message #oncall").press_sequentially("@")
    await expect(page.get_by_role("option", name="kubectl-ai")).to_be_visible()
    await assert_named(page, "listbox", "option")
    await page.get_by_role("textbox", name="Message #oncall").fill("")
    await page.goto(f"{base}#C01ONCALL/{root['ts']}")
    await expect(page.get_by_role("region", name="Thread").get_by_role("link", name="The log")).to_be_visible()
    await assert_named(page, "button", "link", "textbox", "combobox", "region")
    await page.goto(f"{base}#{direct['channel']}/{direct['ts']}")
    await expect(page.get_by_role("button", name="Stop kubectl-ai")).to_be_visible()
    await assert_named(page, "button", "textbox")
    await page.goto(f"{base}#{direct['channel']}")
    await page.get_by_role("tab", name="Home").click()
    await expect(page.get_by_role("tabpanel", name="Home").get_by_role("button", name="Approve")).to_be_visible()
    await assert_named(page, "tab", "tabpanel", "button", "combobox")
    await page.get_by_role("tab", name="History").click()
    await expect(page.get_by_role("button", name="The shop")).to_be_visible()
    await assert_named(page, "tab", "tabpanel", "button")
    if size:
        await page.get_by_role("button", name="Back to channels").click()
    await page.get_by_role("button", name="You are Ana Ops").click()
    await expect(page.get_by_role("menuitemradio", name="Ben Oncall")).to_be_visible()
    await assert_named(page, "menuitemradio", "link")


@pytest.mark.parametrize(("look", "size"), LOOKS)
async def test_every_control_of_a_window_and_of_the_inspector_has_a_name(slack, bolt, open_page, look, size):
    @bolt.app.action("approve")
    async def on_press(ack, body, client):
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=WINDOW)

    await bolt.connect()
    await bolt.client.chat_postMessage(channel="C01ONCALL", text="all", blocks=EVERYTHING)
    page = await open_page(slack.base_url, "ana", **look)
    if size:
        await page.set_viewport_size(size)

    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("dialog", name="All inputs")).to_be_visible()
    await assert_named(page, "dialog", "button", "textbox", "combobox")
    await page.goto(f"{slack.base_url}/traffic")
    await expect(page.locator("summary").first).to_be_visible()
    await assert_named(page, "searchbox", "checkbox", "link", "DisclosureTriangle")
