"""What Slack refuses for good is said plainly in its place, or else to the person who asked: once, whatever happens."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bot.changes.change import FieldDiff, ObjectDiff, State
from bot.errors import SurfaceError
from bot.slack.delivery.drafts import Pace
from bot.threads.inbound.overview import Overview
from tests.integration.slack.test_showing import fault, replies, start_thread
from tests.unit.slack.rows import make_change

LONG = "\n".join(f"line {number} of a long output" for number in range(2_000))
SHAPES = ("invalid_blocks", "msg_too_long", "msg_blocks_too_long", "some_error_of_tomorrow")


@pytest.mark.parametrize("error", SHAPES)
async def test_a_refused_card_is_one_plain_message_that_says_how_to_decide(desk, error):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "error", error=error)

    await running.surface.show_change(thread, make_change(thread))

    [said] = await replies(desk, thread)
    assert "blocks" not in said
    assert said["text"].startswith(f"⚠️ Change 42 waits for a decision, but Slack would not show its card (`{error}`). This is all of it.")
    assert "`approve 42` or `deny 42 why`" in said["text"]
    assert "kubectl -n shop scale deploy/web --replicas=5" in said["text"]
    assert await running.surface.shows_whole(make_change(thread))


async def read_file(message) -> str:
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer xoxb-local"}) as session,
        session.get(message["files"][0]["url_private"]) as response,
    ):
        return await response.text()


def make_long(thread, **changes):
    fields = tuple(FieldDiff(f"spec.env[V{number}]", None, f"value {number}", "add") for number in range(200))
    return make_change(thread, diffs=(ObjectDiff("update", "Deployment", "shop", "web", fields),), **changes)


async def test_what_has_no_room_in_the_plain_message_is_in_a_file_and_only_then_approval_is_spoken_of(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    for method in ("chat.postMessage", "chat.update"):
        await fault(desk, method, "error", error="invalid_blocks")

    await running.surface.show_change(thread, make_long(thread))

    said, file = await replies(desk, thread)
    _, first = await desk.driver.requests("chat.postMessage")
    assert "cannot be approved before all of it is in this thread" in first["arguments"]["text"]
    assert "`approve" not in first["arguments"]["text"]
    assert "All of it is in the file `change-42.txt` in this thread" in said["text"]
    assert "`approve 42`" in said["text"]
    assert file["files"][0]["name"] == "change-42.txt"
    assert "spec.env[V199]  + value 199" in await read_file(file)
    assert await running.surface.shows_whole(make_long(thread))


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
async def test_without_the_file_nobody_is_asked_to_approve_until_it_is_there(desk, method):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "error", error="invalid_blocks")
    await fault(desk, method, "error", error="missing_scope")

    with pytest.raises(SurfaceError, match="missing_scope"):
        await running.surface.show_change(thread, make_long(thread))

    [said] = await replies(desk, thread)
    assert "`approve" not in said["text"]
    assert "`deny 42 why` is possible" in said["text"]
    assert not await running.surface.shows_whole(make_long(thread))
    await running.surface.close()
    second = await desk.start()
    await fault(desk, "chat.update", "error", error="invalid_blocks")
    await second.surface.show_change(thread, make_long(thread))
    assert await second.surface.shows_whole(make_long(thread))
    assert [len(message.get("files", ())) for message in await replies(desk, thread)] == [0, 1]


@pytest.mark.parametrize("is_seen", [True, False])
async def test_a_refused_reminder_speaks_of_approval_only_where_the_change_can_be_seen(desk, is_seen):
    running = await desk.start()
    thread = await start_thread(desk)
    if is_seen:
        await running.surface.show_change(thread, make_long(thread))
    await fault(desk, "chat.postMessage", "error", error="invalid_blocks")

    await running.surface.show_reminder(thread, make_long(thread))

    said = (await replies(desk, thread))[-1]
    assert ("`approve 42`" in said["text"]) == is_seen


async def test_a_file_whose_answer_was_lost_is_found_again(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "error", error="invalid_blocks")
    await fault(desk, "files.completeUploadExternal", "close_after")

    await running.surface.show_change(thread, make_long(thread))

    assert [len(message.get("files", ())) for message in await replies(desk, thread)] == [0, 1]
    assert await running.surface.shows_whole(make_long(thread))


async def test_a_change_without_any_message_is_not_shown(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "error", error="invalid_blocks", times=2)

    with pytest.raises(SurfaceError):
        await running.surface.show_change(thread, make_change(thread))

    assert not await running.surface.shows_whole(make_change(thread))


async def test_the_plain_message_is_not_repeated_after_a_restart_and_gives_way_to_the_card(desk):
    first = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "error", error="invalid_blocks")
    await first.surface.show_change(thread, make_change(thread))
    [said] = await replies(desk, thread)
    await first.surface.close()
    second = await desk.start()
    await fault(desk, "chat.update", "error", error="invalid_blocks")

    await second.surface.show_change(thread, make_change(thread))
    [again] = await replies(desk, thread)
    assert len(await desk.driver.requests("chat.update")) == 1
    await second.surface.show_change(thread, make_change(thread))

    [card] = await replies(desk, thread)
    assert again == said
    assert card["ts"] == said["ts"]
    assert "Approve" in str(card["blocks"])
    assert "would not show" not in card["text"]


async def test_a_card_whose_next_state_is_refused_loses_its_buttons(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await running.surface.show_change(thread, make_change(thread))
    await fault(desk, "chat.update", "error", error="invalid_blocks")

    await running.surface.show_change(thread, make_change(thread, state=State.EXPIRED))

    [said] = await replies(desk, thread)
    assert "Approve" not in str(said)
    assert said["text"].startswith("⚠️ Change 42 is now: expired, but Slack would not show it whole")


async def test_what_is_refused_even_as_plain_text_is_an_error_after_two_calls(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "error", error="invalid_blocks", times=5)

    with pytest.raises(SurfaceError, match="invalid_blocks"):
        await running.surface.show_change(thread, make_change(thread))

    assert len(await desk.driver.requests("chat.postMessage")) == 2


@pytest.mark.parametrize("error", ["is_archived", "restricted_action_thread_only_channel", "cannot_reply_to_message", "token_revoked"])
async def test_no_other_words_are_tried_where_nothing_can_be_written(desk, error):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "error", error=error)

    with pytest.raises(SurfaceError) as raised:
        await running.surface.show_change(thread, make_change(thread))

    assert len(await desk.driver.requests("chat.postMessage")) == 1
    assert "the log has the reason" not in str(raised.value)


async def test_a_refused_answer_says_where_all_of_it_is(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "error", error="msg_blocks_too_long")
    await running.surface.show_text(thread, "answer:1", "all 3 pods are <!here> ready")
    await fault(desk, "chat.postMessage", "error", error="msg_blocks_too_long")
    await running.surface.show_text(thread, "answer:2", "see below", code=LONG)

    short, long, file = await replies(desk, thread)
    assert "Write `export` in this thread" in short["text"]
    assert "```all 3 pods are &lt;!here&gt; ready```" in short["text"]
    assert "All of it is in the file below." in long["text"]
    assert len(long["text"].encode()) < 4_000
    assert file["files"]


async def test_a_direct_message_is_found_again_when_its_answer_was_lost_and_never_sent_twice(desk):
    first = await desk.start()
    thread = await start_thread(desk)
    await desk.driver.act("channel", channel={"id": "C01ONCALL", "is_archived": True})
    with pytest.raises(SurfaceError, match="archived"):
        await first.surface.show_change(thread, make_change(thread))
    await fault(desk, "chat.postMessage", "close_after")

    await first.surface.tell("U01ANA", "untold:1", "Change 42 cannot be shown.", thread)
    await first.surface.close()
    second = await desk.start()
    await second.surface.tell("U01ANA", "untold:1", "Change 42 cannot be shown.", thread)

    [told] = await desk.driver.messages("D01ANA")
    assert "Change 42 cannot be shown." in str(told["blocks"])
    assert "In <#C01ONCALL> · <" in str(told["blocks"])


async def test_a_direct_message_that_a_crash_cut_off_is_found_again_by_the_next_process(desk):
    first = await desk.start(pace=Pace(settle=60.0, backoff=60.0, give_up=600.0))
    await fault(desk, "chat.postMessage", "close_after")
    telling = asyncio.create_task(first.surface.tell("U01ANA", "untold:1", "Change 42 cannot be shown."))
    await desk.driver.wait_for_message("D01ANA", "Change 42")
    telling.cancel()
    await first.surface.close(0)
    second = await desk.start()

    await second.surface.tell("U01ANA", "untold:1", "Change 42 cannot be shown.")

    assert len(await desk.driver.messages("D01ANA")) == 1


async def test_a_refused_home_says_what_to_write_instead(desk):
    running = await desk.start()
    await fault(desk, "views.publish", "error", error="invalid_arguments")

    await running.surface.show_home("U01ANA", Overview(1_790_000_000.0))

    home = (await desk.driver.requests("views.publish"))[-1]
    assert home["ok"]
    assert "`/kubectl-ai status`" in str(home["arguments"]["view"])


async def test_a_whisper_whose_blocks_are_refused_is_whispered_as_text(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postEphemeral", "error", error="invalid_blocks")

    await running.surface.whisper("C01ONCALL", thread.thread_ts, "U01BEN", "You may not approve your own change.")

    whisper = await desk.driver.wait_for_ephemeral("ben", "your own change")
    assert "blocks" not in whisper
