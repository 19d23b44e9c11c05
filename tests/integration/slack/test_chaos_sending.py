"""Bad days on the way out: no message is lost, none is there twice, and each thread keeps its order."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from bot.changes.change import State
from bot.slack.delivery.drafts import Pace
from bot.threads.ports import ProgressView, Step
from tests.unit.slack.rows import make_change, make_thread

WORKING = ProgressView("working", "looking at shop", (Step("kubectl -n shop get pods", "running"),))
PATIENT = Pace(progress=0.05, settle=0.05, backoff=0.05, give_up=120.0)
LONG = "\n".join(f"line {number} of a long output" for number in range(2_000))


async def start_thread(desk, person: str = "ana", channel: str = "oncall"):
    said = await desk.driver.say(person, channel, "why is the shop down?")
    return replace(make_thread(said), channel_id=said["channel"])


async def replies(desk, thread):
    return (await desk.driver.messages(thread.channel_id, thread.thread_ts))[1:]


async def fault(desk, method: str, kind: str, times: int = 1, **fields: object) -> None:
    await desk.driver.act("fault", method=method, kind=kind, times=times, **fields)


def key_of(message) -> str:
    return str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))


async def test_rates_are_kept_or_their_refusals_honoured_and_every_thread_gets_all_in_order(desk):
    running = await desk.start(pace=PATIENT)
    threads = [replace(await start_thread(desk, person, "dm"), id=f"T:{person}") for person in ("ana", "ben", "mia")]
    await desk.driver.act("rates", enforced=True)

    await asyncio.gather(*(running.surface.show_text(thread, str(number), f"answer {number}") for thread in threads for number in range(4)))

    for thread in threads:
        assert [message["text"] for message in await replies(desk, thread)] == [f"answer {number}" for number in range(4)]
    requests = await desk.driver.requests("chat.postMessage")
    for limited in [request for request in requests if "retry_after" in request]:
        place = limited["arguments"]["channel"]
        later = [request["at"] for request in requests if request["at"] > limited["at"] and request["arguments"]["channel"] == place]
        assert all(at - limited["at"] >= limited["retry_after"] - 0.05 for at in later)


async def test_a_storm_of_refusals_delays_and_loses_nothing(desk):
    running = await desk.start(pace=PATIENT)
    thread = await start_thread(desk)
    change = make_change(thread)
    await fault(desk, "chat.postMessage", "ratelimited", times=3, retry_after=1)
    await fault(desk, "chat.update", "ratelimited", times=3, retry_after=1)

    await running.surface.show_progress(thread, 1, WORKING)
    await asyncio.gather(running.surface.show_change(thread, change), running.surface.show_text(thread, "a", "an answer"))
    await asyncio.gather(
        running.surface.show_change(thread, replace(change, state=State.EXPIRED)),
        running.surface.show_progress(thread, 1, ProgressView("done", "answered")),
    )

    progress, card, answer = await replies(desk, thread)
    assert "answered" in str(progress["blocks"])
    assert "lapsed" in str(card["blocks"])
    assert answer["text"] == "an answer"


@pytest.mark.parametrize("kind", ["close_after", "close_before", "timeout", "status"])
@pytest.mark.parametrize(
    "method", ["files.getUploadURLExternal", "files.upload", "files.completeUploadExternal", "chat.postMessage", "chat.update"]
)
async def test_call_whose_outcome_is_unknown_leads_to_one_message_and_one_file(desk, method, kind):
    running = await desk.start(pace=PATIENT)
    thread = await start_thread(desk)
    change = make_change(thread)
    await running.surface.show_change(thread, change)
    await fault(desk, method, kind, seconds=0.1)

    await asyncio.gather(
        running.surface.show_text(thread, "a", "see the file", code=LONG),
        running.surface.show_change(thread, replace(change, state=State.EXPIRED)),
    )

    card, answer, file = await replies(desk, thread)
    assert "lapsed" in str(card["blocks"])
    assert "see the file" in str(answer["blocks"])
    assert file["files"][0]["size"] >= len(LONG)
    assert (await desk.driver.ask("log"))["faults"] == []


KINDS = ("close_after", "close_before", "status", "error", "timeout")
METHODS = (
    "chat.postMessage",
    "chat.update",
    "files.getUploadURLExternal",
    "files.upload",
    "files.completeUploadExternal",
    "conversations.replies",
)


@pytest.mark.parametrize("seed", range(3))
async def test_a_bad_hour_loses_no_message_doubles_none_and_keeps_the_order(desk, seed):
    luck = random.Random(seed)
    running = await desk.start(pace=PATIENT)
    threads = [replace(await start_thread(desk, "ana", place), id=f"T:{place}") for place in ("oncall", "random", "dm")]
    for method in METHODS:
        for _ in range(3):
            await fault(desk, method, luck.choice(KINDS), error="internal_error", seconds=0.05)

    async def live(number: int, thread) -> None:
        change = make_change(thread, id=100 + number)
        await running.surface.show_progress(thread, 1, WORKING)
        await running.surface.show_text(thread, "first", "the first answer")
        await running.surface.show_change(thread, change)
        await running.surface.show_text(thread, "long", "a long one", code=LONG)
        await running.surface.show_progress(thread, 1, replace(WORKING, headline="still looking"))
        await running.surface.show_change(thread, replace(change, state=State.EXPIRED))
        await running.surface.show_progress(thread, 1, ProgressView("done", "answered"))

    await asyncio.gather(*(live(number, thread) for number, thread in enumerate(threads)))

    for number, thread in enumerate(threads):
        shown = await replies(desk, thread)
        keys = [key_of(message) or "file" for message in shown]
        assert keys == [f"progress:{thread.id}:1", f"text:{thread.id}:first", f"change:{100 + number}", f"text:{thread.id}:long", "file"]
        assert "answered" in str(shown[0]["blocks"])
        assert "lapsed" in str(shown[2]["blocks"])


async def test_cards_go_before_the_progress_of_other_threads(desk):
    running = await desk.start(pace=replace(PATIENT, progress=0.0))
    threads = [replace(await start_thread(desk), id=f"T:{number}") for number in range(3)]
    for thread in threads:
        await running.surface.show_progress(thread, 1, WORKING)
    await asyncio.gather(*(desk.driver.wait_for_message("oncall", "looking at shop", thread.thread_ts, 20) for thread in threads))
    asked = make_change(threads[0])
    await running.surface.show_change(threads[0], asked)
    running.signed_in.web.throttle.pause("chat.update", "", 1.0)

    for number in range(5):
        for thread in threads:
            await running.surface.show_progress(thread, 1, replace(WORKING, headline=f"step {number}"))
    await asyncio.sleep(0)
    await running.surface.show_change(threads[0], replace(asked, state=State.EXPIRED))

    updates = await desk.driver.requests("chat.update")
    assert "lapsed" in str(updates[0]["arguments"]["blocks"])
    await running.surface.close(0)


async def test_a_thread_that_waits_for_a_decision_says_so_before_others_tell_their_progress(desk):
    running = await desk.start(pace=replace(PATIENT, progress=0.0))
    threads = [replace(await start_thread(desk), id=f"T:{number}") for number in range(3)]
    for thread in threads:
        await running.surface.show_progress(thread, 1, WORKING)
    await asyncio.gather(*(desk.driver.wait_for_message("oncall", "looking at shop", thread.thread_ts, 20) for thread in threads))
    running.signed_in.web.throttle.pause("chat.update", "", 1.0)

    for thread in threads:
        await running.surface.show_progress(thread, 1, replace(WORKING, headline="a step"))
    await asyncio.sleep(0)
    await running.surface.show_progress(threads[2], 1, ProgressView("waiting", "waits for a decision"))  # its card comes after this

    updates = await desk.driver.requests("chat.update")
    assert "waits for a decision" in str(updates[0]["arguments"]["blocks"])
    await running.surface.close(0)
