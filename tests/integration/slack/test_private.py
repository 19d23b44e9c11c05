"""What only one person sees keeps Slack's rates like everything else, and loses nothing when an answer is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.errors import SurfaceUnavailableError
from bot.threads.inbound.overview import Overview
from tests.integration.slack.test_showing import fault, start_thread
from tests.unit.slack.rows import make_change

NOW = 1_790_000_000.0


def measure_pause(requests) -> float:
    """Seconds from the first request, which was limited, to the one after it."""
    limited, later = requests
    assert limited["fault"] == "ratelimited"
    return later["at"] - limited["at"]


async def test_a_home_waits_as_long_as_slack_says(desk):
    running = await desk.start()
    await fault(desk, "views.publish", "ratelimited", retry_after=1)

    await running.surface.show_home("U01ANA", Overview(NOW))

    assert measure_pause(await desk.driver.requests("views.publish")) >= 1.0


async def test_what_slack_says_of_one_whisper_holds_for_the_next(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postEphemeral", "ratelimited", retry_after=1)

    await asyncio.gather(*(running.surface.whisper("C01ONCALL", thread.thread_ts, user, "not yours") for user in ("U01BEN", "U01MIA")))

    requests = await desk.driver.requests("chat.postEphemeral")
    [limited] = [request for request in requests if request.get("fault")]
    later = [request["at"] for request in requests if request["at"] > limited["at"] and not request.get("fault")]
    assert later[-1] - limited["at"] >= 1.0
    assert len(await desk.driver.ephemerals("ben")) == len(await desk.driver.ephemerals("mia")) == 1


@pytest.mark.parametrize("kind", ["close_after", "close_before", "status"])
async def test_a_home_whose_answer_is_lost_is_published_again(desk, kind):
    running = await desk.start()
    await fault(desk, "views.publish", kind)

    await running.surface.show_home("U01ANA", Overview(NOW))

    assert [request.get("fault") for request in await desk.driver.requests("views.publish")] == [kind, None]


async def test_the_last_home_that_was_asked_for_stays(desk):
    running = await desk.start()
    await fault(desk, "views.publish", "close_before")

    await asyncio.gather(*(running.surface.show_home("U01ANA", Overview(NOW, refusal=f"refusal {number}")) for number in range(5)))

    requests = await desk.driver.requests("views.publish")
    shown = [str(request["arguments"]["view"]) for request in requests if not request.get("fault")]
    assert [f"refusal {number}" in view for number, view in enumerate(shown)] == [True] * 5


async def test_a_whisper_whose_answer_is_lost_is_sent_again(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await fault(desk, "chat.postEphemeral", "close_after")

    await running.surface.whisper("C01ONCALL", thread.thread_ts, "U01BEN", "You may not approve your own change.")

    assert len(await desk.driver.ephemerals("ben")) == 2


async def test_a_whisper_that_becomes_a_direct_message_is_there_once_though_its_answer_was_lost(desk):
    running = await desk.start()
    await desk.driver.act("channel", channel={"id": "C01RANDOM", "has_bot": False})
    await fault(desk, "chat.postMessage", "close_after")

    await running.surface.whisper("C01RANDOM", "", "U01ANA", "kubectl-ai is not in this channel; invite it.")

    assert len(await desk.driver.messages("D01ANA")) == 1


async def test_a_long_limit_is_handed_to_the_caller_at_once(desk):
    running = await desk.start()
    await fault(desk, "views.publish", "ratelimited", retry_after=300)

    with pytest.raises(SurfaceUnavailableError) as raised:
        await running.surface.show_home("U01ANA", Overview(NOW))

    assert raised.value.retry_after_seconds == 300


async def test_a_window_does_not_wait_for_a_turn_that_comes_too_late(desk):
    running = await desk.start()
    await fault(desk, "views.open", "ratelimited", retry_after=60)
    change = replace(make_change(), id=7)

    for _ in range(2):
        with pytest.raises(SurfaceUnavailableError):
            await running.surface.ask_reason("1.2.abc", change)

    assert len(await desk.driver.requests("views.open")) == 1


async def test_the_rates_of_the_local_slack_are_never_met_by_homes_and_whispers(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await desk.driver.act("rates", enforced=True)

    await asyncio.gather(
        *(running.surface.show_home("U01ANA", Overview(NOW)) for _ in range(10)),
        *(running.surface.whisper("C01ONCALL", thread.thread_ts, "U01BEN", f"no {number}") for number in range(10)),
        *(running.surface.suggest("D01ANA") for _ in range(3)),
    )

    assert all(request["ok"] for request in (await desk.driver.ask("log"))["requests"])
    texts = [entry["message"]["text"] for entry in await desk.driver.ephemerals("ben")]
    assert texts == [f"no {number}" for number in range(10)]
