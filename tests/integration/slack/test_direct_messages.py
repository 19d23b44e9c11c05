"""Direct messages: the status while the bot works, and the answer that grows while the model writes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.devslack.driver import wait_until
from bot.slack.delivery.lookup import mark_words
from bot.threads.inbound.incoming import Click
from bot.threads.ports import ProgressView, Step
from tests.integration.slack.conftest import QUICK_PACE
from tests.unit.slack.rows import make_thread

POD = Step("kubectl get pods", "ok", 0.1, 2)
FIRST, SECOND = "The shop is down.\n\nIts pods ", "The shop is down.\n\nIts pods restart.\n\nThe log na"
ANSWER = "The shop is down.\n\nIts pods restart.\n\nThe log names the setting `X`."


def writing(text: str, *steps: Step) -> ProgressView:
    return ProgressView("working", "thinking", steps, thinking=text, writing=text)


DONE = ProgressView("done", "done, 1 command", (POD,))


@pytest.fixture
async def direct(desk):
    running, thread = await desk.start(), make_thread(await desk.driver.say("ana", "dm", "why is the shop down?"))
    await running.surface.show_progress(thread, 1, ProgressView("working", "looking at shop"))
    await desk.driver.wait_for_message("D01ANA", "looking at shop", thread.thread_ts)
    return running, thread


async def replies(desk, thread) -> list[dict]:
    return (await desk.driver.messages("D01ANA", thread.thread_ts))[1:]


def words(message: dict) -> str:
    return str(message["blocks"])


async def see(desk, thread, text: str) -> dict:
    def is_streamed(message: dict) -> bool:
        return "streaming_state" in message and text in message["text"]

    return await desk.driver.wait_for_message("D01ANA", is_streamed, thread.thread_ts)


async def calls(desk, method: str) -> int:
    return len(await desk.driver.requests(method))


async def test_an_answer_grows_and_its_message_becomes_the_answer(desk, direct):
    running, thread = direct
    await running.surface.show_progress(thread, 1, writing(FIRST, POD))
    await see(desk, thread, "The shop is down.")
    await running.surface.show_progress(thread, 1, writing(SECOND, POD))
    grown = await see(desk, thread, "Its pods restart.")

    await running.surface.show_progress(thread, 1, DONE)
    await running.surface.show_text(thread, "answer:1", ANSWER)

    progress, answer = await replies(desk, thread)
    assert "done, 1 command" in words(progress)
    assert (answer["ts"], answer["streaming_state"]) == (grown["ts"], "completed")
    assert "The log names the setting `X`." in words(answer)
    assert await calls(desk, "chat.appendStream") == 1


async def test_first_words_do_not_wait_for_the_pace_of_a_stream(desk):
    """A turn begins before its model does, so that something was shown already when the first words come."""
    running = await desk.start(pace=replace(QUICK_PACE, stream=3_600.0))
    thread = make_thread(await desk.driver.say("ana", "dm", "why is the shop down?"))
    await running.surface.show_progress(thread, 1, ProgressView("working", "looking at shop"))
    await wait_until(lambda: _called(desk, "assistant.threads.setStatus"))

    await running.surface.show_progress(thread, 1, writing(FIRST, POD))
    await see(desk, thread, "The shop is down.")

    await running.surface.show_progress(thread, 1, writing(SECOND, POD))
    await running.surface.show_progress(thread, 1, DONE)
    assert await calls(desk, "chat.appendStream") == 0


async def test_the_status_says_what_is_done_and_goes_at_the_end(desk, direct):
    running, thread = direct
    await wait_until(lambda: _called(desk, "assistant.threads.setStatus"))

    await running.surface.show_progress(thread, 1, DONE)

    said = [request["arguments"]["status"] for request in await desk.driver.requests("assistant.threads.setStatus")]
    assert said == ["is looking at shop…", ""]


async def _called(desk, method: str, times: int = 1) -> bool:
    return await calls(desk, method) >= times


async def test_channels_have_neither_status_nor_stream(desk):
    running = await desk.start()
    thread = make_thread(await desk.driver.say("ana", "oncall", "why is the shop down?"))

    await running.surface.show_progress(thread, 1, writing(FIRST))
    await running.surface.show_progress(thread, 1, DONE)
    await running.surface.show_text(thread, "answer:1", ANSWER)

    assert [await calls(desk, method) for method in ("assistant.threads.setStatus", "chat.startStream")] == [0, 0]


async def test_what_was_said_before_a_command_stays_and_the_answer_is_a_message_of_its_own(desk, direct):
    running, thread = direct
    await running.surface.show_progress(thread, 1, writing("I look first.\n"))
    said = await see(desk, thread, "I look first.")
    await running.surface.show_progress(thread, 1, ProgressView("working", "", (POD,), thinking="I look first.\n"))
    await wait_until(lambda: _called(desk, "chat.stopStream"))

    await running.surface.show_progress(thread, 1, DONE)
    await running.surface.show_text(thread, "answer:1", ANSWER)

    shown = await replies(desk, thread)
    assert [said["ts"]] == [message["ts"] for message in shown if "I look first." in words(message)]
    assert "The log names" in words(shown[-1])
    assert len(shown) == 3


async def test_a_model_that_begins_anew_leaves_nothing_of_its_first_attempt(desk, direct):
    running, thread = direct
    await running.surface.show_progress(thread, 1, writing("It is the network.\n"))
    await see(desk, thread, "It is the network.")

    await running.surface.show_progress(thread, 1, writing(FIRST))
    await see(desk, thread, "The shop is down.")
    await running.surface.show_progress(thread, 1, ProgressView("done", "done"))
    await running.surface.show_text(thread, "answer:1", ANSWER)

    _, answer = await replies(desk, thread)
    assert "The log names" in words(answer)


@pytest.mark.parametrize("error", ["unknown_method", "ratelimited", "internal_error"])
async def test_where_there_are_no_streams_the_answer_is_an_ordinary_message(desk, direct, error):
    running, thread = direct
    await desk.driver.act("fault", method="chat.startStream", kind="error", error=error, times=5)

    for text in (FIRST, SECOND):
        await running.surface.show_progress(thread, 1, writing(text))
        await wait_until(lambda: _called(desk, "chat.startStream"))
    await running.surface.show_progress(thread, 1, ProgressView("done", "done"))
    await running.surface.show_text(thread, "answer:1", ANSWER)

    _, answer = await replies(desk, thread)
    assert "The log names" in words(answer)
    assert "streaming_state" not in answer
    assert await calls(desk, "chat.startStream") <= 1


@pytest.mark.parametrize("error", ["unknown_method", "ratelimited", "internal_error"])
async def test_where_there_is_no_stream_the_progress_shows_what_is_written(desk, direct, error):
    running, thread = direct
    await desk.driver.act("fault", method="chat.startStream", kind="error", error=error, times=5)
    await running.surface.show_progress(thread, 1, writing(FIRST))
    await wait_until(lambda: _called(desk, "chat.startStream"))

    async def is_seen() -> bool:
        await running.surface.show_progress(thread, 1, writing(SECOND))
        progress, *_ = await replies(desk, thread)
        return "Its pods restart." in words(progress)

    await wait_until(is_seen)


async def test_a_stream_that_slack_closed_still_becomes_the_answer(desk, direct):
    running, thread = direct
    await running.surface.show_progress(thread, 1, writing(FIRST))
    begun = await see(desk, thread, "The shop is down.")
    await running.signed_in.web.send("chat.stopStream", {"channel": "D01ANA", "ts": begun["ts"]})

    await running.surface.show_progress(thread, 1, writing(SECOND))
    await wait_until(lambda: _called(desk, "chat.appendStream"))
    await running.surface.show_progress(thread, 1, ProgressView("done", "done"))
    await running.surface.show_text(thread, "answer:1", ANSWER)

    _, answer = await replies(desk, thread)
    assert answer["ts"] == begun["ts"]
    assert "The log names" in words(answer)
    assert await calls(desk, "chat.startStream") == 1


async def test_a_stream_that_a_crash_left_open_becomes_the_answer_of_the_next_process(desk, direct):
    running, thread = direct
    await running.surface.show_progress(thread, 1, writing(FIRST))
    begun = await see(desk, thread, "The shop is down.")
    await running.surface.close()
    again = await desk.start()

    await again.surface.show_text(thread, "answer:1", ANSWER)

    answer = (await replies(desk, thread))[-1]
    assert (answer["ts"], answer["streaming_state"]) == (begun["ts"], "completed")
    assert "The log names" in words(answer)


async def test_a_reply_that_is_written_once_more_after_a_crash_is_not_seen_twice(desk, direct):
    running, thread = direct
    await running.surface.show_progress(thread, 1, writing(FIRST))
    begun = await see(desk, thread, "The shop is down.")
    await running.surface.close()
    again = await desk.start()

    await again.surface.show_progress(thread, 1, writing(SECOND))
    await see(desk, thread, "Its pods restart.")
    await again.surface.show_progress(thread, 1, ProgressView("done", "done"))
    await again.surface.show_text(thread, "answer:1", ANSWER)

    _, answer = await replies(desk, thread)
    assert answer["ts"] != begun["ts"]
    assert "The log names" in words(answer)


async def test_a_stream_whose_start_was_lost_is_found_and_grows_on_to_be_the_answer(desk, direct):
    running, thread = direct
    await desk.driver.act("fault", method="chat.startStream", kind="close_after")
    await running.surface.show_progress(thread, 1, writing(FIRST))
    begun = await see(desk, thread, "The shop is down.")

    await running.surface.show_progress(thread, 1, writing(SECOND))
    await see(desk, thread, "Its pods restart.")
    await running.surface.show_progress(thread, 1, ProgressView("done", "done"))
    await running.surface.show_text(thread, "answer:1", ANSWER)

    _, answer = await replies(desk, thread)
    assert (answer["ts"], answer["streaming_state"]) == (begun["ts"], "completed")
    assert "The log names" in words(answer)
    assert await calls(desk, "chat.startStream") == 1


async def test_a_stream_whose_start_was_lost_goes_when_the_model_begins_anew(desk, direct):
    running, thread = direct
    await desk.driver.act("fault", method="chat.startStream", kind="close_after")
    await running.surface.show_progress(thread, 1, writing("It is the network.\n"))
    await see(desk, thread, "It is the network.")

    await running.surface.show_progress(thread, 1, writing(FIRST))
    await see(desk, thread, "The shop is down.")

    assert ["It is the network." in words(message) for message in await replies(desk, thread)] == [False, False]


async def test_a_stream_whose_start_a_crash_cut_off_becomes_the_answer_of_the_next_process(desk, direct):
    running, thread = direct
    await running.surface.show_progress(thread, 1, writing(FIRST))
    begun = await see(desk, thread, "The shop is down.")
    await running.surface.close()
    key = f"stream:{thread.id}:1"
    await desk.messages.posted(key, "D01ANA", "", f"begun:{float(begun['ts']) - 60:.6f}:{mark_words(begun['text'])}")
    again = await desk.start()

    await again.surface.show_text(thread, "answer:1", ANSWER)

    _, answer = await replies(desk, thread)
    assert (answer["ts"], answer["streaming_state"]) == (begun["ts"], "completed")
    assert "The log names" in words(answer)


async def test_an_equal_text_of_an_earlier_turn_is_no_stray(desk, direct):
    running, thread = direct
    await running.surface.show_progress(thread, 1, writing("I look first.\n"))
    said = await see(desk, thread, "I look first.")
    await running.surface.show_progress(thread, 1, ProgressView("stopped", "stopped", (POD,)))
    await desk.driver.act("fault", method="chat.startStream", kind="close_before")

    await running.surface.show_progress(thread, 2, writing("I look first.\n"))
    await wait_until(lambda: _called(desk, "chat.startStream", 2))
    await running.surface.show_progress(thread, 2, ProgressView("done", "done"))
    await running.surface.show_text(thread, "answer:2", ANSWER)

    shown = await replies(desk, thread)
    assert said["ts"] in [message["ts"] for message in shown if "I look first." in words(message)]
    assert "The log names" in words(shown[-1])


async def test_an_end_whose_answers_are_lost_does_not_double_the_answer(desk, direct):
    running, thread = direct
    await running.surface.show_progress(thread, 1, writing(FIRST))
    begun = await see(desk, thread, "The shop is down.")
    await desk.driver.act("fault", method="chat.stopStream", kind="close_before", times=3)

    await running.surface.show_progress(thread, 1, ProgressView("done", "done"))
    await running.surface.show_text(thread, "answer:1", ANSWER)

    _, answer = await replies(desk, thread)
    assert answer["ts"] == begun["ts"]


async def test_nothing_in_a_stream_is_live(desk, direct):
    running, thread = direct

    await running.surface.show_progress(thread, 1, writing("<!channel> [here](https://evil.example) <@U01BEN>\n```\n<!here>\n"))
    shown = await see(desk, thread, "channel")

    [request] = await desk.driver.requests("chat.startStream")
    text = request["arguments"]["markdown_text"]
    assert shown["text"] == text
    assert "<" not in text
    assert "](" not in text
    assert "here&gt;" not in text


async def test_slacks_own_stop_button_is_there_while_the_bot_works_and_reaches_it(desk):
    running = await desk.start(connect=True)
    thread = make_thread(await desk.driver.say("ana", "dm", "why is the shop down?"))
    await running.surface.show_progress(thread, 1, writing(FIRST))
    await see(desk, thread, "The shop is down.")

    pressed = await desk.driver.act("stop-session", channel="dm", thread_ts=thread.thread_ts, **{"as": "ana"})
    [click] = await wait_until(lambda: _clicks(desk))
    await running.surface.show_progress(thread, 1, ProgressView("stopped", "stopped"))
    again = await desk.driver.act("stop-session", channel="dm", thread_ts=thread.thread_ts, **{"as": "ana"})

    assert (pressed["stopped"], again["stopped"]) == (True, False)
    assert (click.action, click.user_id, click.thread_ts, click.channel_id) == ("stop", "U01ANA", thread.thread_ts, "D01ANA")


async def _clicks(desk) -> list[Click]:
    return [value for value in desk.inbox.values if isinstance(value, Click)]


async def test_a_turn_that_waits_for_a_decision_is_suspended(desk, direct):
    running, thread = direct

    for view in (ProgressView("waiting", "waiting for a decision on change 1"), ProgressView("working", "applying"), DONE):
        await running.surface.show_progress(thread, 1, view)
        await desk.driver.wait_for_message("D01ANA", view.headline, thread.thread_ts)

    states = [request["arguments"]["status"] for request in await desk.driver.requests("agents.sessions.setStatus")]
    assert [state for state in states if state != "processing"] == ["suspended", "active"]
