"""What people type instead of pressing, and what their Home shows, in a real browser."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import expect

from bot.values.sandbox import Ran
from tests.fakes import FakeRehearsal
from tests.integration.slack.whole import Whole
from tests.page import CHROMIUM, PHONE, WHY_SKIPPED, Person, Room

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=WHY_SKIPPED),
]

SCALE = "@kubectl-ai kubectl scale deploy/web --replicas=5"
DARK: dict[str, Any] = {"color_scheme": "dark"}
LOOKS = [pytest.param({}, "wide", id="wide"), pytest.param(PHONE | DARK, "phone-dark", id="phone-dark")]
"""Options of the page, and how they are called in pictures."""


async def propose(whole: Whole, person: Person) -> None:
    """Ana asks for a change; the person has its card before them."""
    await whole.driver.say("ana", "oncall", SCALE)
    await person.open_thread()
    await person.sees("3 → 5")


async def fits(person: Person) -> bool:
    """Whether nothing is wider than the page."""
    return bool(await person.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize(("look", "name"), LOOKS)
async def test_approve_in_words_applies_the_change(whole: Whole, room: Room, look: dict[str, Any], name: str) -> None:
    ben = await room.enter("ben", **look)
    await propose(whole, ben)

    await ben.reply("approve 1")

    await ben.sees("done · approved by @ben")
    await ben.picture(f"words-approve-{name}")
    assert await fits(ben)
    assert whole.cluster.object["spec"]["replicas"] == 5


@pytest.mark.parametrize(("look", "name"), LOOKS)
async def test_words_that_name_no_change_are_answered_with_how_to_write_them(
    whole: Whole, room: Room, look: dict[str, Any], name: str
) -> None:
    ben = await room.enter("ben", **look)
    await propose(whole, ben)

    await ben.reply("approve")
    await ben.sees("it must be clear which change you mean.")
    await ben.picture(f"words-unclear-{name}")
    await ben.reply("approve 1")
    await ben.sees("done · approved by @ben")
    await ben.reply("undo 1")

    await ben.sees("undoes Change 1")
    await ben.sees("5 → 3")
    await ben.picture(f"words-undo-{name}")
    assert await fits(ben)
    assert whole.cluster.object["spec"]["replicas"] == 5


async def test_stop_where_nothing_runs_is_answered(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana")
    await ana.write("@kubectl-ai kubectl get pods")
    await ana.open_thread()
    await ana.sees("CrashLoopBackOff")

    await ana.reply("stop")

    await ana.sees("Nothing is running in this thread, so there is nothing to stop.")
    await ana.picture("words-stop-nothing")


async def test_words_that_may_not_approve_are_answered_privately(whole: Whole, room: Room) -> None:
    mia = await room.enter("mia")
    await propose(whole, mia)

    await mia.reply("approve 1")

    await mia.sees("Only visible to you")
    await mia.picture("words-approve-refused")
    await mia.switch_to("Ben Oncall")
    await expect(mia.thread.get_by_text("Only visible to you")).to_have_count(0)
    await expect(mia.card.get_by_role("button", name="Approve")).to_be_visible()
    assert whole.cluster.object["spec"]["replicas"] == 3


@pytest.mark.parametrize(("look", "name"), LOOKS)
async def test_deny_in_words_shows_their_reason_on_the_card(whole: Whole, room: Room, look: dict[str, Any], name: str) -> None:
    ben = await room.enter("ben", **look)
    await propose(whole, ben)

    await ben.reply("deny 1 find out first why it restarts")

    await ben.sees("denied by @ben")
    await ben.sees("find out first why it restarts", ben.card)
    await ben.picture(f"words-deny-{name}")
    assert await fits(ben)
    await expect(ben.card.get_by_role("button", name="Approve")).to_have_count(0)


async def test_stop_ends_what_runs(whole: Whole, room: Room) -> None:
    begun, is_cut_off = asyncio.Event(), asyncio.Event()

    async def watch(rehearsal: FakeRehearsal) -> Ran:
        begun.set()
        try:
            await rehearsal.stopped()
        except asyncio.CancelledError:
            is_cut_off.set()
            raise
        return Ran(0, "", "", 0.1)

    whole.sandboxes.programs["kubectl get pods -w"] = watch
    ana = await room.enter("ana")

    await ana.write("@kubectl-ai kubectl get pods -w")
    await ana.open_thread()
    await begun.wait()
    await ana.sees("kubectl get pods -w")
    await ana.reply("stop")

    await ana.sees("stopped by")
    await ana.picture("words-stop")
    assert is_cut_off.is_set()
    await expect(ana.thread.get_by_role("button", name="Stop")).to_have_count(0)


@pytest.mark.parametrize(("look", "name"), LOOKS)
async def test_a_freeze_by_command_is_told_in_the_channel_and_holds_for_open_cards(
    whole: Whole, room: Room, look: dict[str, Any], name: str
) -> None:
    ben = await room.enter("ben", **look)
    await propose(whole, ben)
    if look:
        await ben.page.get_by_role("button", name="Back to the channel").click()

    await ben.write("/kubectl-ai freeze for 2h the sale")
    await ben.sees("asked: freeze for 2h the sale", ben.channel)
    await ben.open_thread("asked: freeze for 2h the sale")
    await ben.sees("prod is frozen until")
    await ben.picture(f"command-freeze-{name}")
    assert await fits(ben)
    [card] = [m for m in await whole.driver.messages("oncall") if "scale deploy/web" in m["text"]]
    frozen = await whole.driver.wait_for_message("oncall", "Frozen", card["ts"])

    assert "Approve" not in str(frozen["blocks"])


async def test_a_freeze_of_somebody_else_is_refused_privately(whole: Whole, room: Room) -> None:
    mia = await room.enter("mia")

    await mia.write("/kubectl-ai freeze the sale")

    await mia.sees("Only visible to you", mia.channel)
    await mia.picture("command-freeze-refused")
    assert await whole.stores.freezes.active("prod") is None


@pytest.mark.parametrize(("look", "name"), LOOKS)
async def test_help_and_model_answer_one_person(whole: Whole, room: Room, look: dict[str, Any], name: str) -> None:
    ana = await room.enter("ana", **look)

    await ana.write("/kubectl-ai help")
    await ana.sees("Ask me about the cluster, or run a command line:", ana.channel)
    await ana.picture(f"command-help-{name}")
    await ana.write("/kubectl-ai model")
    await ana.sees("the default", ana.channel)
    await ana.picture(f"command-model-{name}")
    await ana.write("/kubectl-ai model gpt-99")
    await ana.sees("You have no thread in this channel yet.", ana.channel)

    assert await fits(ana)
    assert await whole.driver.messages("oncall") == []


@pytest.mark.parametrize(("look", "name"), LOOKS)
async def test_home_shows_what_waits_what_was_done_and_what_is_frozen(whole: Whole, room: Room, look: dict[str, Any], name: str) -> None:
    ana = await room.enter("ana")
    await ana.write(SCALE)
    await ana.open_thread()
    await ana.sees("3 → 5")
    await whole.driver.say("ben", "oncall", "approve 1", (await whole.driver.messages("oncall"))[0]["ts"])
    await ana.sees("done · approved by @ben")
    asked = await whole.driver.say("ben", "oncall", "@kubectl-ai kubectl scale deploy/web --replicas=7")
    await whole.driver.wait_for_message("oncall", "Change 2", asked["ts"])
    await whole.driver.slash("ben", "oncall", "/kubectl-ai freeze for 2h the sale")
    await whole.driver.wait_for_message("oncall", "5 → 7", asked["ts"])

    looking = await room.enter("ana", "D01ANA", **look)
    await looking.page.get_by_role("tab", name="Home").click()
    title = looking.page.get_by_role("heading", name="kubectl-ai")
    assert await title.evaluate("node => node.scrollWidth <= node.clientWidth")  # not cut for the sake of what stands beside it

    home = looking.page.get_by_role("tabpanel", name="Home")
    await expect(home).to_contain_text("Change 2 · prod · shop · asked by @ben")
    await expect(home).to_contain_text("Change 1 · prod · shop · done")
    await expect(home).to_contain_text("undo until")
    await expect(home).to_contain_text("Frozen until")
    await expect(home).to_contain_text("the sale")
    await expect(home).to_contain_text("prod answers · v1.36.2")
    await looking.picture(f"home-whole-{name}")
    assert await fits(looking)
    await home.get_by_role("link", name="Change 1").first.click()
    await looking.press("Undo")
    await looking.sees("undoes Change 1")
    await looking.picture(f"home-undo-{name}")
