"""Orders that are given at the page: by slash command, in a direct message, and with Slack's own Stop. In a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from bot.values.transcript import Asked
from tests.fakes import hangs
from tests.integration.slack.whole import SCALE, Whole
from tests.page import CHROMIUM, PHONE, WHY_SKIPPED, Room

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=WHY_SKIPPED),
]

WATCH = "kubectl get pods -w"
LOOKS = [pytest.param({}, "wide", id="wide"), pytest.param(PHONE | {"color_scheme": "dark"}, "phone-dark", id="phone-dark")]


async def test_the_slash_command_stops_what_its_person_runs_and_nothing_of_others(whole: Whole, room: Room) -> None:
    whole.sandboxes.programs[WATCH] = hangs
    ana, ben = await room.enter("ana"), await room.enter("ben")
    await ben.write(f"@kubectl-ai {WATCH}")
    await ben.open_thread()
    await ben.sees(WATCH)
    await ana.write("/kubectl-ai stop")
    await ana.sees("Nothing that you asked for in this channel is running.", ana.channel)
    await ana.write(f"@kubectl-ai {WATCH}")
    await ana.open_thread("Ana Ops")
    await expect(ana.thread.get_by_role("button", name="Stop")).to_be_visible()

    await ana.write("/kubectl-ai stop")

    await ana.sees("Stopping 1 thread of yours in this channel", ana.channel)
    await ana.sees("stopped by")
    await ana.picture("command-stop")
    await expect(ana.thread.get_by_role("button", name="Stop")).to_have_count(0)
    await expect(ben.thread.get_by_role("button", name="Stop")).to_be_visible()


@pytest.mark.parametrize(("look", "name"), LOOKS)
async def test_the_slash_command_ends_a_freeze_and_the_open_card_can_be_approved_again(
    whole: Whole, room: Room, look: dict[str, Any], name: str
) -> None:
    asked = await whole.driver.say("ana", "oncall", f"@kubectl-ai {SCALE}")
    await whole.driver.wait_for_message("oncall", "Approve", asked["ts"])
    ben = await room.enter("ben", **look)
    await ben.write("/kubectl-ai freeze for 2h the sale")
    await ben.sees("asked: freeze for 2h the sale", ben.channel)
    frozen = await whole.driver.wait_for_message("oncall", "Frozen", asked["ts"])
    assert "Approve" not in str(frozen["blocks"])

    await ben.write("/kubectl-ai unfreeze")

    await ben.open_thread("asked: unfreeze")
    await ben.sees("prod is not frozen any more.")
    await ben.picture(f"command-unfreeze-{name}")
    if look:
        await ben.page.get_by_role("button", name="Back to the channel").click()
    await ben.open_thread(SCALE)
    await ben.card.get_by_role("button", name="Approve").click()
    await ben.sees("done · approved by @ben")
    assert await whole.stores.freezes.active("prod") is None
    assert whole.cluster.object["spec"]["replicas"] == 5


async def test_the_slash_command_makes_a_channel_quiet_and_ends_that(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana")
    await ana.write("@kubectl-ai kubectl get pods")
    await ana.open_thread(of="kubectl get pods")
    await ana.sees("CrashLoopBackOff")
    root = (await whole.driver.messages("oncall"))[0]["ts"]

    await ana.write("/kubectl-ai quiet")
    await ana.open_thread("asked: quiet")
    await ana.sees("in the threads of this channel I answer only when I am mentioned")
    await ana.picture("command-quiet")
    await ana.open_thread("kubectl get pods")
    await ana.reply("why?")
    await ana.reply("@kubectl-ai and now?")
    await ana.sees("the log names a missing setting")
    await ana.write("/kubectl-ai quiet off")
    await ana.open_thread("asked: quiet off")
    await ana.sees("In the threads of this channel you need not mention me any more.")
    await ana.open_thread("kubectl get pods")
    await ana.reply("since when?")

    await expect(ana.thread.get_by_text("the log names a missing setting")).to_have_count(2)
    entries = await whole.stores.threads.transcript(f"T01LOCAL:C01ONCALL:{root}")
    assert [entry.text for entry in entries if isinstance(entry, Asked)] == ["kubectl get pods", "and now?", "since when?"]


async def test_a_typed_direct_message_is_answered_in_its_thread_and_so_is_what_follows(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana", "D01ANA")

    await ana.write("why is the shop down?")
    await ana.open_thread("why is the shop down?")
    await ana.sees("the log names a missing setting")
    await ana.reply("and since when?")

    await expect(ana.thread.get_by_text("the log names a missing setting")).to_have_count(2)
    await expect(ana.thread.get_by_role("button", name="Stop")).to_have_count(0)
    await ana.picture("direct-message-typed")
    await expect(ana.channel.locator("li.message")).to_have_count(1)  # nothing beside the thread
    ben = await room.enter("ben", "D01BEN")
    await expect(ben.channel.locator("li.message")).to_have_count(0)


@pytest.mark.parametrize(("look", "name"), LOOKS)
async def test_slacks_own_stop_ends_what_runs_in_a_direct_message(whole: Whole, room: Room, look: dict[str, Any], name: str) -> None:
    whole.sandboxes.programs[WATCH] = hangs
    ana = await room.enter("ana", "D01ANA", **look)
    await ana.write(WATCH)
    await ana.open_thread(WATCH)
    stop = ana.thread.get_by_role("button", name="Stop kubectl-ai")
    await expect(stop).to_be_in_viewport(ratio=1)
    await ana.picture(f"own-stop-{name}")

    await stop.click()

    await ana.sees("stopped by")
    await expect(stop).to_have_count(0)
    await ana.picture(f"own-stop-pressed-{name}")
