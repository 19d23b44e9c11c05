"""The surface as people use it, in a real browser: every way to ask, and what can be done with a card. No cluster is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.async_api import expect

from bot.agent.ports import ModelReply
from bot.devslack.driver import wait_until
from bot.values.transcript import Entry, Replied
from tests.fakes import prints, say
from tests.integration.slack.whole import GET_PODS, PODS, SCALE, SCALE_MORE, Whole, run_whole
from tests.page import CHROMIUM, PHONE, WHY_SKIPPED, Room, choose_pictures, open_room

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=WHY_SKIPPED),
]

LOOKS = [f"kubectl get pod web-{number}" for number in range(3)]
"""What a model runs that needs a step more than it may take at once."""


async def has_card(whole: Whole, change_id: int) -> bool:
    """Whether the card is posted, so that a Home that is drawn now leads to it."""
    shown = await whole.stores.messages.get(f"change:{change_id}")
    return shown is not None and bool(shown.ts)


async def test_a_question_by_mention_and_its_follow_up_are_answered_in_the_thread(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana")

    await ana.write("@kubectl-ai why is the shop down?")
    await ana.open_thread()
    await ana.sees("the log names a missing setting")
    await ana.reply("and since when?")
    await expect(ana.thread.get_by_text("the log names a missing setting")).to_have_count(2)
    await ana.reply("status")
    await ana.sees("No question is open.")

    await ana.picture("mention-and-follow-up")


async def test_words_steer_the_bot_inside_a_thread(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana")

    await ana.write("@kubectl-ai kubectl get pods")
    await ana.open_thread()
    await ana.sees("CrashLoopBackOff")
    await ana.reply("quiet")
    await ana.sees("in this thread I answer only when I am mentioned")
    await ana.reply("why?")
    await ana.reply("quiet off")
    await ana.sees("In this thread you need not mention me any more.")
    await ana.reply("help")
    await ana.sees("Ask me about the cluster, or run a command line:")

    await ana.picture("words")
    await expect(ana.thread.get_by_text("the log names a missing setting")).to_have_count(0)


async def test_a_slash_command_starts_a_thread_and_its_sub_commands_answer_one_person(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana")

    await ana.write("/kubectl-ai why is the shop down?")
    await ana.sees("asked: why is the shop down?", ana.channel)
    await ana.open_thread()
    await ana.sees("the log names a missing setting")
    for word, says in (("threads", "why is the shop down?"), ("changes", "Change"), ("status", "prod"), ("doctor", "Problems")):
        await ana.write(f"/kubectl-ai {word}")
        await ana.sees(says, ana.channel.locator("li.message").last)

    await ana.picture("slash-command-and-sub-commands")


async def test_a_message_shortcut_looks_into_a_message_of_somebody_else(whole: Whole, room: Room) -> None:
    await whole.driver.say("mia", "oncall", "KubePodCrashLooping: shop/web restarts")
    ana = await room.enter("ana")

    message = ana.channel.locator("li.message").filter(has_text="KubePodCrashLooping").last
    await message.hover()
    await message.get_by_role("button", name="Investigate with kubectl-ai").click()
    await ana.open_thread()
    await ana.sees("asked me to look into this message.")

    await ana.sees("the log names a missing setting")
    await ana.picture("shortcut")


async def test_direct_messages_suggest_questions_and_answer_them(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana", "D01ANA")

    await ana.page.get_by_role("group", name="Suggested questions").get_by_role("button", name="What is broken?").click()
    await ana.page.locator("button.replies").last.click()
    await ana.sees("the log names a missing setting")

    await ana.picture("direct-message")


async def test_the_asker_edits_a_command_and_a_colleague_approves_what_it_changes(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana")

    await ana.write("@kubectl-ai scale web please")
    await ana.open_thread()
    await ana.sees("3 → 5")
    await ana.picture("card-proposed")
    await ana.press("Edit")
    window = ana.page.get_by_role("dialog", name="Edit Change 1")
    await expect(window.get_by_label("Command line")).to_have_value("kubectl scale deploy/web --replicas=5")
    await window.get_by_label("Command line").fill(SCALE_MORE)
    await ana.picture("edit-window")
    await window.get_by_role("button", name="Rehearse").click()
    await ana.sees("3 → 7")
    await ana.sees("The asker edited the command.")
    await ana.picture("card-edited")
    await ana.switch_to("Ben Oncall")
    await ana.card.get_by_role("button", name="Approve").click()
    await ana.sees("done · approved by @ben")

    await ana.sees("I have heard it. Change 2")
    await ana.picture("card-edited-and-done")
    assert whole.cluster.object["spec"]["replicas"] == 7


async def test_only_the_asker_may_edit_and_an_edit_that_changes_nothing_says_so(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana")

    await ana.write("@kubectl-ai kubectl scale deploy/web --replicas=5")
    await ana.open_thread()
    await ana.sees("3 → 5")
    await ana.switch_to("Ben Oncall")
    await ana.press("Edit")
    await ana.sees("Only the person who asked for change 1 can edit its command.")
    await ana.switch_to("Ana Ops")
    await ana.press("Edit")
    window = ana.page.get_by_role("dialog", name="Edit Change 1")
    await window.get_by_label("Command line").fill(GET_PODS)
    await window.get_by_role("button", name="Rehearse").click()

    await ana.sees("The edited command changes nothing, so change 1 is withdrawn.")
    await ana.sees("The asker edited the command into one that changes nothing.")
    await ana.picture("card-withdrawn-by-edit")


async def test_approvers_are_reminded_and_the_asker_is_told_of_the_lapse(whole: Whole, room: Room) -> None:
    ben = await room.enter("ben", color_scheme="dark", **PHONE)

    await whole.driver.say("ana", "oncall", "@kubectl-ai kubectl scale deploy/web --replicas=5")
    await ben.open_thread()
    await ben.sees("3 → 5")
    whole.move_time(800)
    await ben.sees("still waits for a decision and lapses at")
    await ben.picture("reminder-on-a-phone")
    whole.move_time(200)
    await ben.sees("lapsed, nothing was applied")

    await ben.picture("lapsed-on-a-phone")
    await expect(ben.thread.get_by_role("button", name="Approve")).to_have_count(0)
    await expect(ben.thread.get_by_text("still waits for a decision")).to_have_count(1)


async def test_a_frozen_cluster_is_seen_on_the_card_and_a_change_is_undone_from_it(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana")

    await ana.write("@kubectl-ai kubectl scale deploy/web --replicas=5")
    await ana.open_thread()
    await ana.sees("3 → 5")
    await ana.switch_to("Ben Oncall")
    await ana.reply("@kubectl-ai freeze for 2h the sale")
    await ana.sees("Frozen until")
    await expect(ana.thread.get_by_role("button", name="Approve")).to_have_count(0)
    await ana.picture("card-frozen")
    await ana.reply("@kubectl-ai unfreeze")
    await ana.sees("prod is not frozen any more.")
    await ana.press("Approve")
    await ana.sees("done · approved by @ben")
    await ana.press("Undo")
    await ana.sees("5 → 3")
    await ana.picture("card-undo-proposed")
    await ana.switch_to("Ana Ops")
    await ana.press("Approve")

    await ana.sees("done and undone by Change 2")
    await ana.picture("card-undone")
    assert whole.cluster.object["spec"]["replicas"] == 3


async def test_the_home_denies_and_undoes_and_leads_to_the_card_for_the_rest(whole: Whole, room: Room) -> None:
    for number in range(2):
        await whole.driver.say("ana", "oncall", f"@kubectl-ai {SCALE if number else SCALE_MORE}")
        await wait_until(lambda number=number: has_card(whole, number + 1))
    ben = await room.enter("ben", "D01BEN")
    home = ben.page.get_by_role("tabpanel", name="Home")
    await ben.page.get_by_role("tab", name="Home").click()
    await home.get_by_role("button", name="Details of change 1").click()
    window = ben.page.get_by_role("dialog", name="Change 1")
    await expect(window.get_by_text("Request 1 of 1")).to_be_visible()
    await ben.picture("home-details")
    await window.get_by_role("button", name="Close").last.click()
    await expect(home.get_by_role("button", name="Approve")).to_have_count(0)
    await ben.picture("home-with-buttons")

    await home.get_by_role("button", name="Deny… change 1").click()
    window = ben.page.get_by_role("dialog", name="Deny Change 1")
    await window.get_by_role("textbox").fill("One is enough")
    await window.get_by_role("button", name="Deny").click()
    await expect(home.get_by_text("denied by @ben")).to_be_visible()
    await expect(home.get_by_role("button", name="Details of change 1")).to_have_count(0)

    await home.get_by_role("button", name="Open the card of change 2").click()
    await ben.card.get_by_role("button", name="Approve").click()
    await ben.sees("done · approved by @ben")
    await ben.page.goto(f"{ben.page.url.partition('#')[0]}#D01BEN")
    await ben.page.get_by_role("tab", name="Home").click()
    await home.get_by_role("button", name="Undo change 2").click()
    await expect(home.get_by_text("its undo is asked for, see the thread")).to_be_visible()
    await ben.picture("home-after-undo")
    await wait_until(lambda: whole.stores.changes.get(3))


async def test_the_buttons_of_the_home_fit_a_phone(whole: Whole, room: Room) -> None:
    await whole.driver.say("ana", "oncall", f"@kubectl-ai {SCALE}")
    await wait_until(lambda: has_card(whole, 1))
    ben = await room.enter("ben", "D01BEN", color_scheme="dark", **PHONE)
    home = ben.page.get_by_role("tabpanel", name="Home")

    await ben.page.get_by_role("tab", name="Home").tap()
    await expect(home.get_by_role("button", name="Open the card of change 1")).to_be_in_viewport(ratio=1)

    await ben.picture("home-on-a-phone")
    assert await ben.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_denial_with_a_reason_guides_the_model(whole: Whole, room: Room) -> None:
    ana = await room.enter("ana", color_scheme="dark")

    await ana.write("@kubectl-ai scale web please")
    await ana.open_thread()
    await ana.sees("3 → 5")
    await ana.switch_to("Ben Oncall")
    await ana.press("Deny")
    window = ana.page.get_by_role("dialog", name="Deny Change 1")
    await window.get_by_role("textbox").fill("Find out first why it restarts")
    await window.get_by_role("button", name="Deny").click()

    await ana.sees("denied by @ben")
    await ana.sees("The change is denied.")
    await ana.sees("Find out first why it restarts")
    await ana.picture("card-denied-dark")


def look_on(transcript: Sequence[Entry]) -> ModelReply:
    """Looks once more with every step, and knows enough after the third, in whichever turn that is."""
    number = sum(isinstance(entry, Replied) for entry in transcript)
    return say("Now I look.", (f"look-{number}", LOOKS[number])) if number < len(LOOKS) else say("All three pods are well.")


async def test_a_turn_that_reached_its_limit_goes_on_when_somebody_presses_continue(tmp_path: Path) -> None:
    async with run_whole(think=look_on, max_steps=2) as whole, open_room(whole.driver.base_url, choose_pictures(tmp_path)) as room:
        for command in LOOKS:
            whole.sandboxes.programs[command] = prints(PODS)
        ana = await room.enter("ana")
        await ana.write("@kubectl-ai how are the pods?")
        await ana.open_thread()
        await ana.sees("I stopped after 2 steps without an answer.")
        ran_before = list(whole.sandboxes.ran)
        await ana.picture("limit-reached")

        await ana.press("Continue")

        await ana.sees("All three pods are well.")
        await ana.picture("continued")
        assert ran_before == LOOKS[:2]
        assert whole.sandboxes.ran == LOOKS
        assert room.problems == []
