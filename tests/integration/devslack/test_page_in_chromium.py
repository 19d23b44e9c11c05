"""The page in a real browser: being people, threads, buttons, modals, and text that stays text."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import expect
from slack_sdk.errors import SlackApiError

from bot.devslack.config import Config
from tests.integration.devslack.conftest import CHROMIUM

expect.set_options(timeout=20_000)  # a browser starts slowly on a busy machine

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt-get install chromium"),
]


def button(action_id: str, text: str, **more) -> dict:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": text}, **more}


def section(text: str, **more) -> dict:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


CARD = [
    {"type": "header", "text": {"type": "plain_text", "text": "🟠 Change 42 · prod-eu · shop"}},
    section("```kubectl -n shop scale deploy/web --replicas=5```"),
    section("*Deployment* shop/web\n```spec.replicas                    3 → 5```"),
    {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": "may approve: <!subteam^S01ONCALL>, not <@U01ANA>"}],
    },
    {
        "type": "actions",
        "elements": [
            button("approve", "Approve", style="primary", value="42"),
            button("deny", "Deny…", style="danger"),
        ],
    },
]


async def test_two_people_use_a_thread_with_a_card_between_them(slack, bolt, open_page, pictures):
    @bolt.app.event("app_mention")
    async def on_mention(event, client):
        await client.chat_postMessage(channel=event["channel"], thread_ts=event["ts"], text="Change 42", blocks=CARD)

    @bolt.app.event("message")
    async def on_message():
        pass

    @bolt.app.action("approve")
    async def on_approve(ack, body, client):
        await ack()
        user = body["user"]["id"]
        where = {"channel": body["channel"]["id"], "ts": body["message"]["ts"]}
        await client.chat_update(**where, text="done", blocks=[section(f"🟢 *Change 42 · done* · approved by <@{user}>")])

    await bolt.connect()
    ana = await open_page(slack.base_url, "ana")
    ben = await open_page(slack.base_url, "ben")

    composer = ana.get_by_role("textbox", name="Message #oncall")
    await composer.press_sequentially("@kub")
    await expect(ana.get_by_role("option", name="kubectl-ai")).to_be_visible()
    await composer.press("Enter")
    await composer.press_sequentially("scale web to 5")
    await composer.press("Enter")
    await ana.get_by_role("button", name="1 reply").click()
    thread = ana.get_by_role("region", name="Thread")
    await expect(thread.get_by_text("spec.replicas 3 → 5")).to_be_visible()
    await thread.get_by_role("textbox", name="Reply in thread").fill("Ben, please look")
    await thread.get_by_role("textbox", name="Reply in thread").press("Enter")
    await ana.screenshot(path=pictures / "page-proposed.png")

    await ben.get_by_role("button", name="2 replies").click()
    await expect(ben.get_by_role("region", name="Thread").get_by_text("Ben, please look")).to_be_visible()
    await ben.get_by_role("button", name="Approve").click()

    await expect(thread.get_by_text("Change 42 · done")).to_be_visible()
    await expect(thread.get_by_role("button", name="Approve")).to_have_count(0)
    await ana.screenshot(path=pictures / "page-done.png")
    await ana.keyboard.press("Escape")
    await expect(thread).to_be_hidden()
    root = (await slack.messages("oncall"))[0]
    assert root["text"] == "<@U01KUBECTL> scale web to 5"
    assert (pictures / "page-proposed.png").stat().st_size > 10_000


async def test_a_modal_asks_for_what_is_missing_and_then_sends_it(slack, bolt, open_page):
    reasons: list[str] = []
    reason = {
        "type": "input",
        "block_id": "why",
        "label": {"type": "plain_text", "text": "Reason"},
        "element": {"type": "plain_text_input", "action_id": "reason", "multiline": True},
    }
    view = {
        "type": "modal",
        "callback_id": "deny",
        "title": {"type": "plain_text", "text": "Deny change 42"},
        "submit": {"type": "plain_text", "text": "Deny"},
        "blocks": [reason],
    }

    @bolt.app.action("deny")
    async def on_deny(ack, body, client):
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @bolt.app.view("deny")
    async def on_reason(ack, view):
        reasons.append(view["state"]["values"]["why"]["reason"]["value"])
        await ack()

    await bolt.connect()
    await bolt.client.chat_postMessage(channel="C01ONCALL", text="Change 42", blocks=CARD)
    page = await open_page(slack.base_url, "ben")

    await page.get_by_role("button", name="Deny…").click()
    dialog = page.get_by_role("dialog", name="Deny change 42")
    await dialog.get_by_role("button", name="Deny").click()
    await expect(dialog.get_by_text("Please complete this required field.")).to_be_visible()
    await dialog.get_by_role("textbox", name="Reason").fill("not now")
    await dialog.get_by_role("button", name="Deny").click()

    await expect(dialog).to_have_count(0)
    assert reasons == ["not now"]


async def test_a_private_refusal_is_seen_by_one_person_only(slack, bolt, open_page):
    @bolt.app.action("approve")
    async def on_approve(ack, body, client):
        await ack()
        user = body["user"]["id"]
        await client.chat_postEphemeral(channel="C01ONCALL", user=user, text="Guests cannot approve changes.")

    await bolt.connect()
    await bolt.client.chat_postMessage(channel="C01ONCALL", text="Change 42", blocks=CARD)
    guest = await open_page(slack.base_url, "gil")
    member = await open_page(slack.base_url, "mia")

    await guest.get_by_role("button", name="Approve").click()

    await expect(guest.get_by_role("main").get_by_text("Only visible to you")).to_be_visible()
    await expect(guest.get_by_role("main").get_by_text("Guests cannot approve changes.")).to_be_visible()
    await slack.say("ana", "oncall", "after it")
    await expect(member.get_by_role("main").get_by_text("after it")).to_be_visible()
    await expect(member.get_by_role("main").get_by_text("Guests cannot approve changes.")).to_have_count(0)
    await guest.get_by_role("button", name="Dismiss message").click()
    await expect(guest.get_by_role("main").get_by_text("Only visible to you")).to_have_count(0)


async def test_an_unanswered_command_and_a_command_in_a_thread_say_so(slack, bolt, open_page):
    await bolt.connect()
    root = await slack.say("ana", "oncall", "the shop is down")
    page = await open_page(slack.base_url, "ana", f"C01ONCALL/{root['ts']}")

    await page.get_by_role("textbox", name="Message #oncall").fill("/kubectl-ai why?")
    await page.get_by_role("textbox", name="Message #oncall").press("Enter")
    await page.get_by_role("textbox", name="Reply in thread").fill("/kubectl-ai why?")
    await page.get_by_role("textbox", name="Reply in thread").press("Enter")

    await expect(page.get_by_role("main").get_by_text('/kubectl-ai failed with the error "operation_timeout"')).to_be_visible()
    thread = page.get_by_role("region", name="Thread")
    await expect(thread.get_by_text("/kubectl-ai is not supported in threads. Sorry!")).to_be_visible()


async def test_a_channel_with_news_is_marked_until_it_is_opened(slack, open_page):
    page = await open_page(slack.base_url, "ana")
    await expect(page.get_by_role("textbox", name="Message #oncall")).to_be_visible()

    await slack.say("ben", "random", "@ana lunch?")

    marked = page.get_by_role("link", name="random, unread, 1 for you")
    await expect(marked).to_be_visible()
    await marked.click()
    await expect(page.get_by_role("list", name="Messages in #random").get_by_text("lunch?")).to_be_visible()
    await expect(page.get_by_role("link", name="random", exact=True)).to_be_visible()


async def test_the_switcher_makes_the_page_somebody_elses(slack, open_page):
    page = await open_page(slack.base_url, "ana")

    await page.get_by_role("button", name="You are Ana Ops").click()
    await page.get_by_role("menuitemradio", name="Ben Oncall").click()
    await page.get_by_role("button", name="You are Ben Oncall").wait_for()
    await page.get_by_role("textbox", name="Message #oncall").fill("I am Ben")
    await page.get_by_role("textbox", name="Message #oncall").press("Enter")

    said = await slack.wait_for_message("oncall", "I am Ben")
    assert said["user"] == "U01BEN"


@pytest.mark.parametrize(
    "content",
    [
        {"text": "<img src=x onerror=alert(1)> <javascript:alert(1)|free>"},
        {"text": "x", "blocks": [section("<script>alert(1)</script> <javascript:alert(1)|free>")]},
        {
            "text": "x",
            "blocks": [{"type": "markdown", "text": "[free](javascript:alert(1)) <b onclick=alert(1)>b</b>"}],
        },
        {
            "text": "x",
            "blocks": [
                {
                    "type": "rich_text",
                    "elements": [
                        {
                            "type": "rich_text_section",
                            "elements": [{"type": "link", "url": "javascript:alert(1)", "text": "free"}],
                        }
                    ],
                }
            ],
        },
    ],
    ids=["text", "section", "markdown", "rich_text"],
)
async def test_markup_in_messages_stays_text(slack, bolt, open_page, content):
    await bolt.client.chat_postMessage(channel="C01ONCALL", **content)
    await slack.say("ben", "oncall", "and that was it")

    page = await open_page(slack.base_url, "ana")
    messages = page.get_by_role("list", name="Messages in #oncall")
    await expect(messages.get_by_text("and that was it")).to_be_visible()

    inside = messages.locator("li.message").first.locator(".content")
    assert await inside.locator("script, img, a, [onclick]").count() == 0
    assert "alert(1)" in await inside.inner_text() or "free" in await inside.inner_text()


async def test_a_mention_that_slipped_through_is_loud(slack, bolt, open_page):
    await bolt.client.chat_postMessage(channel="C01ONCALL", text="x", blocks=[section("`pod <!here>` says <@U01BEN>")])

    page = await open_page(slack.base_url, "ana")

    await expect(page.locator("strong.broadcast", has_text="@here")).to_be_visible()


async def test_the_set_up_is_shown_until_it_is_done(start_slack, open_page, tmp_path):
    path = tmp_path / "progress.json"
    progress = {
        "phase": "build",
        "step": 3,
        "steps": 9,
        "label": "kube-apiserver",
        "message": "1459 packages compiled",
        "done": False,
    }
    path.write_text(json.dumps(progress | {"error": None, "started": 1_700_000_000}))
    slack = await start_slack(Config(setup_progress=path))
    page = await open_page(slack.base_url, "ana")
    panel = page.get_by_role("region", name="Setting up")

    await expect(panel.get_by_text("Building Kubernetes: kube-apiserver")).to_be_visible()
    await expect(panel.get_by_text("step 3 of 9")).to_be_visible()
    path.write_text(json.dumps(progress | {"error": "Go 1.26 is missing; install it.", "step": 4}))
    await expect(panel.get_by_text("Go 1.26 is missing; install it.")).to_be_visible()
    path.write_text(json.dumps(progress | {"done": True}))

    await expect(panel).to_be_hidden()


async def test_a_part_that_does_not_load_is_loaded_again(slack, browser):
    page = await browser.new_page()
    failed = []

    async def fail_twice(route) -> None:
        if len(failed) < 2:
            failed.append(route.request.url)
            await route.abort("internetdisconnected")
        else:
            await route.continue_()

    await page.route("**/static/js/store.js", fail_twice)

    await page.goto(slack.base_url)

    await expect(page.get_by_role("textbox", name="Message #oncall")).to_be_visible()
    assert len(failed) == 2


async def test_a_first_visit_is_somebody_and_goes_on_as_who_they_choose(slack, open_page):
    page = await open_page(slack.base_url, "")

    await expect(page.get_by_role("textbox", name="Message #oncall")).to_be_visible()
    await page.get_by_role("textbox", name="Message #oncall").fill("the shop is down")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("the shop is down")).to_be_visible()
    await page.get_by_role("button", name="You are Ana").click()
    await page.get_by_role("menuitemradio", name="Ben").click()
    await slack.say("ana", "oncall", "are you there?")

    await expect(page.get_by_role("main").get_by_text("are you there?")).to_be_visible()
    await expect(page.get_by_role("button", name="You are Ben")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_shows_one_place_at_a_time(slack, open_page, pictures, scheme):
    root = await slack.say("ana", "oncall", "the shop is down")
    await slack.say("ben", "oncall", "looking", thread_ts=root["ts"])
    page = await open_page(slack.base_url, "ana", color_scheme=scheme)
    await page.set_viewport_size({"width": 390, "height": 844})

    await page.get_by_role("button", name="1 reply").click()
    await expect(page.get_by_role("textbox", name="Reply in thread")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Message #oncall")).to_be_hidden()
    await page.screenshot(path=pictures / f"page-thread-{scheme}.png")
    await page.get_by_role("button", name="Back to the channel").click()
    await page.get_by_role("button", name="Back to channels").click()

    await expect(page.get_by_role("navigation", name="Channels")).to_be_visible()
    wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide


async def test_the_inspector_shows_the_wire_as_it_is_and_finds_things(slack, bolt, open_page, pictures):
    await bolt.connect()
    await bolt.client.chat_postMessage(channel="C01ONCALL", text="<b>all pods are ready</b>")
    await slack.act("rates", enforced=True)
    await bolt.client.chat_postMessage(channel="C01RANDOM", text="one")
    with pytest.raises(SlackApiError):
        await bolt.client.chat_postMessage(channel="C01RANDOM", text="two, at once")
    page = await open_page(slack.base_url, "")

    await page.goto(f"{slack.base_url}/traffic")
    await expect(page.get_by_text("429, retry after 1 s")).to_be_visible()
    await page.get_by_role("searchbox").fill("all pods are ready")
    request = page.locator("details", has_text="chat.postMessage").filter(visible=True).last
    await request.locator("summary").click()

    await expect(request.locator("pre")).to_contain_text('"text": "<b>all pods are ready</b>"')
    await expect(page.get_by_text("429, retry after 1 s")).to_be_hidden()
    await page.screenshot(path=pictures / "traffic.png")
