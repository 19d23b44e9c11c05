"""Messages at the local Slack: one per key whatever happens, edited in place, in order, within Slack's limits."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.changes.change import State
from bot.errors import SurfaceError, SurfaceUnavailableError
from bot.slack.delivery.drafts import Pace
from bot.threads.ports import ProgressView, Step
from tests.unit.slack.rows import make_change, make_thread

WORKING = ProgressView("working", "looking at shop", (Step("kubectl -n shop get pods", "running"),))


async def start_thread(desk):
    return make_thread(await desk.driver.say("ana", "oncall", "why is the shop down?"))


async def replies(desk, thread):
    return (await desk.driver.messages("oncall", thread.thread_ts))[1:]


async def fault(desk, method: str, kind: str, times: int = 1, **fields: object) -> None:
    await desk.driver.act("fault", method=method, kind=kind, times=times, **fields)


async def test_card_is_posted_once_and_edited_after_that(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    change = make_change(thread)

    await running.surface.show_change(thread, change)
    await running.surface.show_change(thread, change)
    await running.surface.show_change(thread, replace(change, state=State.DONE, decided_by="U01BEN", decided_at=1_790_000_100.0))

    [card] = await replies(desk, thread)
    assert "done" in str(card["blocks"])
    assert "<@U01BEN>" in str(card["blocks"])
    assert len(await desk.driver.requests("chat.postMessage")) == 1
    assert len(await desk.driver.requests("chat.update")) == 1
    assert all(request["arguments"]["unfurl_links"] is False for request in await desk.driver.requests("chat.postMessage"))


async def test_post_whose_answer_is_lost_is_found_again_instead_of_posted_again(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "close_after")

    await running.surface.show_change(thread, make_change(thread))

    [card] = await replies(desk, thread)
    assert desk.messages.rows["change:42"].ts == card["ts"]
    assert len(await desk.driver.requests("chat.postMessage")) == 1


async def test_post_that_a_crash_cut_off_is_found_again_by_the_next_process(desk):
    first = await desk.start(pace=Pace(settle=60.0, backoff=60.0, give_up=600.0))
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "close_after")
    showing = asyncio.create_task(first.surface.show_change(thread, make_change(thread)))
    await desk.driver.wait_for_message("oncall", "Change 42", thread.thread_ts)
    showing.cancel()
    await first.surface.close(0)
    assert desk.messages.rows["change:42"].ts == ""

    second = await desk.start()
    await second.surface.show_change(thread, make_change(thread, state=State.EXPIRED))

    [card] = await replies(desk, thread)
    assert "lapsed" in str(card["blocks"])
    assert len(await desk.driver.requests("chat.postMessage")) == 1


@pytest.mark.parametrize("kind", ["close_before", "status"])
async def test_post_that_never_arrived_is_posted_again(desk, kind):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", kind, times=2)

    await running.surface.show_text(thread, "a", "the answer")

    [answer] = await replies(desk, thread)
    assert "the answer" in str(answer["blocks"])


async def test_nothing_is_posted_while_nobody_can_look(desk):
    running = await desk.start(pace=Pace(settle=0.01, backoff=0.01, give_up=0.5))
    thread = await start_thread(desk)
    await desk.messages.claim("change:42", thread.id)
    await fault(desk, "conversations.replies", "status", times=9)

    with pytest.raises(SurfaceUnavailableError):
        await running.surface.show_change(thread, make_change(thread))

    assert await desk.driver.requests("chat.postMessage") == []


async def test_retry_after_is_honoured_and_nothing_is_lost_or_doubled(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "ratelimited", times=2, retry_after=1)

    await asyncio.gather(*(running.surface.show_text(thread, str(number), f"answer {number}") for number in range(3)))

    assert [message["text"] for message in await replies(desk, thread)] == ["answer 0", "answer 1", "answer 2"]
    requests = await desk.driver.requests("chat.postMessage")
    limited = [request for request in requests if request.get("fault") == "ratelimited"]
    later = next(request for request in requests if not request.get("fault"))
    assert later["at"] - limited[0]["at"] >= 2.0


async def test_long_limit_is_handed_to_the_caller(desk):
    running = await desk.start(pace=Pace(give_up=5.0))
    thread = await start_thread(desk)
    await fault(desk, "chat.postMessage", "ratelimited", retry_after=300)

    with pytest.raises(SurfaceUnavailableError) as raised:
        await running.surface.show_text(thread, "a", "the answer")

    assert raised.value.retry_after_seconds == 300


async def test_edit_is_repeated_until_it_lands(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    change = make_change(thread)
    await running.surface.show_change(thread, change)
    for kind in ("close_after", "close_before", "status"):
        await fault(desk, "chat.update", kind)

    await running.surface.show_change(thread, replace(change, state=State.EXPIRED))

    [card] = await replies(desk, thread)
    assert "lapsed" in str(card["blocks"])


async def test_messages_of_a_thread_keep_their_order(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    surface = running.surface

    await asyncio.gather(
        surface.show_progress(thread, 1, WORKING),
        surface.show_text(thread, "first", "first", code="output"),
        surface.show_change(thread, make_change(thread)),
        surface.show_text(thread, "last", "last"),
    )

    texts = [message["text"] for message in await replies(desk, thread)]
    assert [text.split()[0] for text in texts] == ["⏳", "first", "Change", "last"]


async def test_progress_is_coalesced_and_its_last_state_is_always_shown(desk):
    running = await desk.start(pace=Pace(progress=0.3))
    thread = await start_thread(desk)

    for number in range(40):
        await running.surface.show_progress(thread, 1, replace(WORKING, headline=f"step {number}"))
        await asyncio.sleep(0.01)
    await running.surface.show_progress(thread, 1, ProgressView("done", "answered"))

    [progress] = await replies(desk, thread)
    assert "answered" in str(progress["blocks"])
    assert "Stop" not in str(progress["blocks"])
    assert len(await desk.driver.requests("chat.update")) <= 5


async def test_deleted_card_is_posted_again(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await running.surface.show_change(thread, make_change(thread))
    [card] = await replies(desk, thread)
    await running.signed_in.web.send("chat.delete", {"channel": "C01ONCALL", "ts": card["ts"]})

    await running.surface.show_change(thread, make_change(thread, state=State.EXPIRED))

    [fresh] = await replies(desk, thread)
    assert fresh["ts"] != card["ts"]
    assert "lapsed" in str(fresh["blocks"])


async def test_refusal_for_good_is_an_error_that_says_what_to_do(desk):
    running = await desk.start()
    thread = replace(await start_thread(desk), channel_id="C01NOWHERE")

    with pytest.raises(SurfaceError, match="invite it"):
        await running.surface.show_text(thread, "a", "hello")


async def test_root_of_a_slash_command_is_posted_once(desk):
    running = await desk.start()
    await fault(desk, "chat.postMessage", "close_after")

    first = await running.surface.start_thread("C01ONCALL", "command:1", "U01ANA", "why is <!here> the shop down?")
    second = await running.surface.start_thread("C01ONCALL", "command:1", "U01ANA", "why is <!here> the shop down?")

    [root] = await desk.driver.messages("oncall")
    assert first == second == root["ts"]
    assert "<@U01ANA> asked" in str(root["blocks"])
    assert "<!here>" not in str(root["blocks"])


async def test_whisper_reaches_one_person_only(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postEphemeral", "ratelimited", retry_after=0)

    await running.surface.whisper("C01ONCALL", thread.thread_ts, "U01BEN", "You may not approve your own change.")

    await desk.driver.wait_for_ephemeral("ben", "your own change")
    assert await desk.driver.ephemerals("ana") == []
    assert await replies(desk, thread) == []


async def test_whisper_becomes_a_direct_message_where_the_bot_is_not(desk):
    running = await desk.start()
    await desk.driver.act("channel", channel={"id": "C01RANDOM", "has_bot": False})

    await running.surface.whisper("C01RANDOM", "", "U01ANA", "kubectl-ai is not in this channel; invite it.")

    [message] = await desk.driver.messages("D01ANA")
    assert "invite it" in str(message["blocks"])
    assert await desk.driver.messages("random") == []


async def test_superseded_card_links_to_its_successor(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await running.surface.show_change(thread, make_change(thread, id=43, supersedes=42))
    successor = desk.messages.rows["change:43"].ts.replace(".", "")

    await running.surface.show_change(thread, make_change(thread, state=State.SUPERSEDED, superseded_by=43, reason="replicas moved"))

    card = await desk.driver.wait_for_message("oncall", "superseded", thread.thread_ts)
    assert f"/archives/C01ONCALL/p{successor}?thread_ts={thread.thread_ts}&amp;cid=C01ONCALL|Change 43>" in str(card["blocks"])


async def test_closing_finishes_messages_under_way_and_refuses_new_ones(desk):
    running = await desk.start(pace=Pace(progress=30.0))
    thread = await start_thread(desk)
    await running.surface.show_progress(thread, 1, WORKING)
    await desk.driver.wait_for_message("oncall", "looking at shop", thread.thread_ts)
    await running.surface.show_progress(thread, 1, replace(WORKING, headline="almost there"))

    await running.surface.close()

    [progress] = await replies(desk, thread)
    assert "almost there" in str(progress["blocks"])
    with pytest.raises(SurfaceUnavailableError):
        await running.surface.show_text(thread, "a", "late")


async def test_only_addresses_of_listed_hosts_are_links(desk):
    running = await desk.start(link_hosts=("Grafana.example.com",))
    thread = await start_thread(desk)

    await running.surface.show_text(thread, "answer:1", "See https://grafana.example.com/d/1 and https://evil.example.com/x here")

    [answer] = await replies(desk, thread)
    assert answer["blocks"][0]["text"] == "See https://grafana.example.com/d/1 and `https://evil.example.com/x` here"
