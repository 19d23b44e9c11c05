"""Titles: a thread in direct messages is found again by what was asked first in it, and no answer waits for that."""

from __future__ import annotations

import pytest

from bot.devslack.driver import wait_until
from bot.threads.ports import ProgressView, Step
from tests.integration.slack.whole import run_whole
from tests.unit.slack.rows import make_thread

QUESTION = "why is the shop down?"
ANSWER = "The log names the setting `X`."
RENAME, STATUS = "agents.sessions.rename", "agents.sessions.setStatus"


def working(question: str = QUESTION, writing: str = "", *steps: Step) -> ProgressView:
    return ProgressView("working", "looking at shop", steps, writing=writing, question=question)


async def run_turn(running, thread, turn: int = 1, question: str = QUESTION) -> None:
    """A whole turn, as the projector shows it."""
    await running.surface.show_progress(thread, turn, working(question))
    await running.surface.show_progress(thread, turn, ProgressView("done", f"done {turn}", question=question))
    await running.surface.show_text(thread, f"answer:{turn}", f"{ANSWER} ({turn})")


async def session(driver, thread_ts: str) -> tuple[str, str] | None:
    """What Slack has of a session: its status and title."""
    found = (await driver.ask("state", **{"as": "ana"}))["sessions"]
    return next(((item["status"], item["title"]) for item in found if item["thread_ts"] == thread_ts), None)


async def ask(desk) -> tuple:
    return await desk.start(), make_thread(await desk.driver.say("ana", "dm", QUESTION))


async def sees_answer(desk, thread, turn: int = 1) -> None:
    await desk.driver.wait_for_message("D01ANA", f"{ANSWER} ({turn})", thread.thread_ts)


async def until_titled(desk, thread, title: str) -> None:
    async def look() -> bool:
        return (await session(desk.driver, thread.thread_ts) or ("", ""))[1] == title

    await wait_until(look)


async def test_the_first_question_is_the_title_and_needs_no_call_of_its_own(desk):
    running, thread = await ask(desk)

    await run_turn(running, thread)
    await run_turn(running, thread, 2)

    assert await session(desk.driver, thread.thread_ts) == ("active", QUESTION)
    assert await desk.driver.requests(RENAME) == []


async def test_a_title_that_a_person_gave_stays_also_after_a_restart(desk):
    running, thread = await ask(desk)
    await run_turn(running, thread)
    await desk.driver.act("rename-session", channel="dm", thread_ts=thread.thread_ts, title="Sale, night 2", **{"as": "ana"})

    await run_turn(running, thread, 2)
    await run_turn(await desk.start(), thread, 3)

    assert await session(desk.driver, thread.thread_ts) == ("active", "Sale, night 2")


async def test_a_session_that_a_stream_began_gets_its_title_once(desk):
    """The status did not go through, so Slack made the session of the stream, without a title."""
    running, thread = await ask(desk)
    await desk.driver.act("fault", method=STATUS, kind="ratelimited", retry_after=0)
    await running.surface.show_progress(thread, 1, working(QUESTION, "The shop is down.\n"))
    await desk.driver.wait_for_message("D01ANA", "The shop is down.", thread.thread_ts)

    await running.surface.show_progress(thread, 1, working(QUESTION, "The shop is down.\n", Step("kubectl get pods", "running")))
    await until_titled(desk, thread, QUESTION)
    await run_turn(running, thread, 2)
    await run_turn(await desk.start(), thread, 3)

    assert len(await desk.driver.requests(RENAME)) == 1


async def test_a_session_older_than_titles_gets_its_title_once(desk):
    running, thread = await ask(desk)
    await running.signed_in.web.send(STATUS, {"channel_id": "D01ANA", "thread_ts": thread.thread_ts, "status": "active"})

    await run_turn(running, thread)
    await until_titled(desk, thread, QUESTION)
    await run_turn(running, thread, 2)
    await run_turn(await desk.start(), thread, 3)

    assert len(await desk.driver.requests(RENAME)) == 1


REFUSALS = {
    "unknown": {"kind": "error", "error": "unknown_method"},
    "not an agent": {"kind": "error", "error": "not_authorized"},
    "limited": {"kind": "error", "error": "ratelimited"},
    "broken": {"kind": "error", "error": "internal_error"},
    "lost": {"kind": "close_after"},
    "hanging": {"kind": "timeout"},
}


@pytest.mark.parametrize("method", [RENAME, STATUS])
@pytest.mark.parametrize("fault", REFUSALS)
async def test_a_title_that_cannot_be_set_stops_no_answer(desk, fault, method):
    running, thread = await ask(desk)
    if method == RENAME:  # which only a session without a title comes to
        await running.signed_in.web.send(STATUS, {"channel_id": "D01ANA", "thread_ts": thread.thread_ts, "status": "active"})
    await desk.driver.act("fault", method=method, times=9, **REFUSALS[fault])

    await run_turn(running, thread)

    await sees_answer(desk, thread)


async def test_a_limited_title_is_set_by_the_next_turn(desk):
    running, thread = await ask(desk)
    await desk.driver.act("fault", method=STATUS, kind="ratelimited", retry_after=0, times=9)
    await run_turn(running, thread)
    await desk.driver.act("clear_faults")

    await run_turn(running, thread, 2)

    assert await session(desk.driver, thread.thread_ts) == ("active", QUESTION)


async def test_channels_have_no_titles(desk):
    running = await desk.start()
    thread = make_thread(await desk.driver.say("ana", "oncall", QUESTION))

    await run_turn(running, thread)

    assert await session(desk.driver, thread.thread_ts) is None


async def test_a_turn_without_a_question_leaves_the_thread_without_a_title(desk):
    running, thread = await ask(desk)

    await run_turn(running, thread, question=" \n")

    assert await session(desk.driver, thread.thread_ts) == ("active", "")
    assert await desk.driver.requests(RENAME) == []


TRACE = "Traceback (most recent call last):"
TITLES = {
    QUESTION: QUESTION,
    f"why\nis the\tshop   down?\n\n{f'{TRACE}{chr(10)}' * 5_000}": f"why is the shop down? {f'{TRACE} ' * 6}"[:199] + "…",
    "x" * 200: "x" * 200,
    "x" * 201: "x" * 199 + "…",
    "🦊" * 101: "🦊" * 99 + "…",  # which are 199 of the units that Slack may count
    "\u202ewhy\u200b is the shop \x1b[31mdown\x1b[0m?": QUESTION,
}


@pytest.mark.parametrize(("question", "title"), TITLES.items(), ids=["short", "long", "just", "over", "foxes", "hidden"])
async def test_whatever_was_asked_slack_takes_it_as_one_line(desk, question, title):
    running, thread = await ask(desk)

    await run_turn(running, thread, question=question)

    assert await session(desk.driver, thread.thread_ts) == ("active", title)


async def test_a_stream_that_ends_within_a_turn_leaves_the_stop_button(desk):
    """Slack would take the end of a stream for the end of the work."""
    running, thread = await ask(desk)
    await running.surface.show_progress(thread, 1, working(QUESTION, "I look first.\n"))
    await desk.driver.wait_for_message("D01ANA", "I look first.", thread.thread_ts)
    step = Step("kubectl get pods", "running")

    await running.surface.show_progress(thread, 1, working(QUESTION, "", step))

    async def has_ended() -> bool:
        return bool(await desk.driver.requests("chat.stopStream"))

    await wait_until(has_ended)
    assert await session(desk.driver, thread.thread_ts) == ("processing", QUESTION)


async def test_a_stream_that_slack_ends_within_a_turn_leaves_the_stop_button(desk):
    running, thread = await ask(desk)
    await running.surface.show_progress(thread, 1, working(QUESTION, "I look first.\n"))
    begun = await desk.driver.wait_for_message("D01ANA", "I look first.", thread.thread_ts)
    await running.signed_in.web.send("chat.stopStream", {"channel": "D01ANA", "ts": begun["ts"]})
    between = await session(desk.driver, thread.thread_ts)

    async def is_worked_on() -> bool:
        await running.surface.show_progress(thread, 1, working(QUESTION, "I look first.\nThen I wait.\n"))
        return (await session(desk.driver, thread.thread_ts))[0] == "processing"

    await wait_until(is_worked_on)
    assert between == ("active", QUESTION)


async def test_a_thread_of_a_whole_bot_is_called_what_was_asked_first():
    async with run_whole() as whole:
        first = await whole.driver.say("ana", "dm", "why does\nweb restart?")
        await whole.driver.wait_for_message("D01ANA", "restarts again and again", first["ts"])
        await whole.driver.say("ana", "dm", "and what else?", first["ts"])

        async def is_answered_twice() -> bool:
            replies = await whole.driver.messages("D01ANA", first["ts"])
            return sum("restarts again and again" in str(message) for message in replies) == 2

        await wait_until(is_answered_twice)
        assert await session(whole.driver, first["ts"]) == ("active", "why does web restart?")
