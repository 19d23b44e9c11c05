"""The page without a mouse, and with one that is slower than the app: what is drawn anew keeps the place of who is at it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.integration.devslack.conftest import CHROMIUM

expect.set_options(timeout=20_000)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt-get install chromium"),
]


def draw(step: int) -> dict:
    """A message as progress draws it again and again."""
    text = {"type": "mrkdwn", "text": f"step {step}"}
    stop = {"type": "button", "action_id": "stop", "text": {"type": "plain_text", "text": "Stop"}}
    return {"text": f"step {step}", "blocks": [{"type": "section", "text": text, "accessory": stop}]}


def draw_home(*changes: int) -> dict:
    def button(change: int) -> dict:
        text = {"type": "plain_text", "text": "Deny"}
        return {"type": "button", "action_id": "deny", "text": text, "accessibility_label": f"Deny change {change}"}

    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": f"{len(changes)} wait"}}]
    return {"type": "home", "blocks": [*blocks, *({"type": "actions", "elements": [button(change)]} for change in changes)]}


async def test_who_is_at_a_button_stays_there_while_its_message_changes(slack, bolt, open_page):
    posted = await bolt.client.chat_postMessage(channel="C01ONCALL", **draw(1))
    page = await open_page(slack.base_url, "ana")
    stop = page.get_by_role("button", name="Stop")
    await stop.focus()

    await bolt.client.chat_update(channel="C01ONCALL", ts=posted["ts"], **draw(2))

    await expect(page.get_by_text("step 2")).to_be_visible()
    await expect(stop).to_be_focused()


async def test_a_press_counts_though_its_message_changes_before_the_release(slack, bolt, open_page):
    pressed = []

    @bolt.app.action("stop")
    async def on_stop(ack, body):
        pressed.append(body["user"]["id"])
        await ack()

    await bolt.connect()
    posted = await bolt.client.chat_postMessage(channel="C01ONCALL", **draw(1))
    page = await open_page(slack.base_url, "ana")
    await page.get_by_role("button", name="Stop").hover()
    await page.mouse.down()
    await bolt.client.chat_update(channel="C01ONCALL", ts=posted["ts"], **draw(2))
    await page.wait_for_function(
        "import('/static/js/store.js').then(({store}) => JSON.stringify([...store.channels.get('C01ONCALL').messages]).includes('step 2'))"
    )
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it could be drawn by now
    await page.mouse.up()

    await expect(page.get_by_text("step 2")).to_be_visible()
    await slack.wait_until_settled()
    assert pressed == ["U01ANA"]


async def test_the_home_keeps_the_focus_and_its_tabs_are_reached_by_arrow_keys(slack, bolt, open_page):
    await bolt.client.views_publish(user_id="U01ANA", view=draw_home(1, 2))
    page = await open_page(slack.base_url, "ana", "D01ANA")
    await page.get_by_role("tab", name="Messages").focus()
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("tab", name="Home", selected=True)).to_be_focused()
    home = page.get_by_role("tabpanel", name="Home")
    deny = home.get_by_role("button", name="Deny change 2")
    await deny.focus()

    await slack.say("ben", "random", "@ana lunch?")
    await expect(page.get_by_role("link", name="random, unread, 1 for you")).to_be_visible()
    await expect(deny).to_be_focused()
    await bolt.client.views_publish(user_id="U01ANA", view=draw_home(2, 3, 4))
    await expect(home.get_by_text("3 wait")).to_be_visible()
    await expect(deny).to_be_focused()
    await bolt.client.views_publish(user_id="U01ANA", view=draw_home(3))
    await expect(home.get_by_text("1 wait")).to_be_visible()
    await expect(home).to_be_focused()


async def test_people_are_switched_with_arrow_keys(slack, open_page):
    page = await open_page(slack.base_url, "ana")
    await page.get_by_role("button", name="You are Ana Ops").press("Enter")
    await expect(page.get_by_role("menuitemradio", name="Ana Ops")).to_be_focused()

    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("button", name="You are Ana Ops")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_emoji_are_completed_while_writing(slack, open_page, pictures, scheme):
    page = await open_page(slack.base_url, "ana", color_scheme=scheme)
    composer = page.get_by_role("textbox", name="Message #oncall")
    await composer.press_sequentially("it is :fir")
    await expect(page.get_by_role("option", name=":fire:")).to_be_visible()
    await page.screenshot(path=pictures / f"page-emoji-{scheme}.png")

    await composer.press("Enter")
    await composer.press_sequentially("10:30 tomorrow")
    await composer.press("Enter")

    assert (await slack.wait_for_message("oncall", "tomorrow"))["text"] == "it is :fire: 10:30 tomorrow"
    await expect(page.get_by_role("list", name="Messages in #oncall")).to_contain_text("it is 🔥 10:30 tomorrow")
