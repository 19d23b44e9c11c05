"""Texts longer than a screen at the local Slack: a summary, a file with all of it, and a window to page through."""

from __future__ import annotations

import pytest

from bot.devslack.driver import wait_until
from bot.threads.inbound.incoming import Glance
from bot.threads.ports import ProgressView, Step
from tests.unit.slack.rows import make_thread

OUTPUT = "\n".join(f"pod-{number}  {'CrashLoopBackOff' if number % 1000 == 0 else 'Running'}" for number in range(3_000))


async def start_thread(desk):
    return make_thread(await desk.driver.say("ana", "oncall", "kubectl get pods -A"))


async def replies(desk, thread):
    return (await desk.driver.messages("oncall", thread.thread_ts))[1:]


async def glance(desk, count: int) -> Glance:
    """The latest glance, once that many are stored."""

    async def look():
        found = [value for value in desk.inbox.values if isinstance(value, Glance)]
        return found if len(found) == count else None

    return (await wait_until(look))[-1]


async def test_long_output_is_a_summary_and_a_file_with_every_line(desk):
    running = await desk.start()
    thread = await start_thread(desk)

    await running.surface.show_text(thread, "answer:1", "", code=OUTPUT)
    await running.surface.show_text(thread, "answer:1", "", code=OUTPUT)

    summary, attached = await replies(desk, thread)
    assert "all 3,000 lines are in the file below" in str(summary["blocks"])
    assert attached["files"][0]["name"] == "answer-1.txt"
    assert attached["files"][0]["size"] == len(OUTPUT) + 1
    assert attached["user"] == summary["user"]


async def test_file_without_a_message_is_shared_once(desk):
    running = await desk.start()
    thread = await start_thread(desk)

    for _ in range(2):
        await running.surface.share_file(thread, "export:1.2", "export-1-2.md", "This thread as Markdown", "# A thread\n\x1b[31mred\n")

    [attached] = await replies(desk, thread)
    assert attached["files"][0]["name"] == "export-1-2.md"
    assert attached["files"][0]["size"] == len("# A thread\nred\n")


@pytest.mark.parametrize("kind", ["close_before", "close_after", "status", "ratelimited"])
async def test_file_is_shared_once_whatever_becomes_of_the_last_call(desk, kind):
    running = await desk.start()
    thread = await start_thread(desk)
    await desk.driver.act("fault", method="files.completeUploadExternal", kind=kind, times=1, retry_after=0)

    await running.surface.show_text(thread, "answer:1", "", code=OUTPUT)

    assert [len(message.get("files", ())) for message in await replies(desk, thread)] == [0, 1]


async def test_file_that_a_crash_cut_off_is_found_again(desk):
    first = await desk.start()
    thread = await start_thread(desk)
    await first.surface.show_text(thread, "answer:1", "", code=OUTPUT)
    key = f"file:{thread.id}:answer:1"
    del desk.messages.rows[key]
    await desk.messages.claim(key, thread.id)

    second = await desk.start()
    await second.surface.show_text(thread, "answer:1", "", code=OUTPUT)

    assert len(await replies(desk, thread)) == 2


async def test_file_that_slack_refuses_is_told_with_the_way_around(desk):
    running = await desk.start()
    thread = await start_thread(desk)
    await desk.driver.act("fault", method="files.getUploadURLExternal", kind="error", times=1, error="missing_scope")

    await running.surface.show_text(thread, "answer:1", "", code=OUTPUT)

    summary, told = await replies(desk, thread)
    assert "Show output" in str(summary["blocks"])
    assert "could not be added" in str(told["blocks"])
    assert "lacks a permission" in str(told["blocks"])


async def test_window_opens_turns_and_filters(desk):
    running = await desk.start(connect=True)
    thread = await start_thread(desk)
    await running.surface.show_text(thread, "answer:1", "", code=OUTPUT)
    [summary, _] = await replies(desk, thread)

    await desk.driver.click("ben", "oncall", summary["ts"], "output")
    opened = await glance(desk, 1)
    await running.surface.show_output(opened, "", OUTPUT)
    view = await desk.driver.wait_for_view("ben", "Lines 1–100 of 3,000")
    await desk.driver.act("click", view_id=view["id"], action_id="output_next", **{"as": "ben"})
    turned = await glance(desk, 2)
    await running.surface.show_output(turned, "", OUTPUT)
    view = await desk.driver.wait_for_view("ben", "Lines 101–200")
    submission = await desk.driver.submit("ben", view["id"], {"words": "crash"})
    waiting = await desk.driver.wait_for_view("ben", "Looking for lines with")
    filtered = await glance(desk, 3)
    await running.surface.show_output(filtered, "", OUTPUT)

    found = await desk.driver.wait_for_view("ben", "3 of 3,000 lines hold `crash`")
    assert (opened.thread_id, opened.key, opened.user_id) == (thread.id, "answer:1", "U01BEN")
    assert (turned.page, filtered.words) == (1, "crash")
    assert submission["outcome"] == "changed"
    assert view["id"] == waiting["id"] == found["id"]
    assert "pod-2000" in str(found["blocks"])


async def test_output_of_a_step_opens_from_the_menu_of_the_progress_message(desk):
    running = await desk.start(connect=True)
    thread = await start_thread(desk)
    steps = (Step("kubectl get pods", "ok", 0.3, 3, "step:1:0"), Step("kubectl describe pod web", "ok", 0.4, 20, "step:1:1"))
    await running.surface.show_progress(thread, 1, ProgressView("done", "done, 2 commands", steps))
    [progress] = await replies(desk, thread)

    await desk.driver.click("ana", "oncall", progress["ts"], "step_output", "step:1:1")

    assert (await glance(desk, 1)).key == "step:1:1"
