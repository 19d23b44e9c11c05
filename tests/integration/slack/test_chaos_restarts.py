"""Processes that end in the middle of sending, on a bad day: whoever comes after them loses no message and doubles none."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from bot.changes.change import State
from bot.errors import SurfaceError
from bot.slack.delivery.drafts import Pace
from bot.threads.ports import ProgressView, Step
from tests.unit.slack.rows import make_change, make_thread

PATIENT = Pace(progress=0.05, stream=0.05, settle=0.05, backoff=0.05, give_up=120.0)
WORKING = ProgressView("working", "looking at shop", (Step("kubectl -n shop get pods", "running"),), question="why is the shop down?")
LONG = "\n".join(f"line {number} of a long output" for number in range(2_000))
KINDS = ("close_after", "close_before", "status", "error", "timeout", "ratelimited")
METHODS = (
    "chat.postMessage",
    "chat.update",
    "chat.startStream",
    "chat.stopStream",
    "files.completeUploadExternal",
    "conversations.replies",
)
LIVES = 5


async def live(surface, number: int, thread, replied: set[str]) -> None:
    """What a process draws of a thread. Where no reply of the model is stored yet, it writes one, perhaps not for the first time."""
    change = make_change(thread, id=100 + number)
    if thread.id not in replied:
        await surface.show_progress(thread, 1, WORKING)
        for written in ("It is the database.\n\n", "It is the database.\n\nMore is to come.\n\n"):
            await surface.show_progress(thread, 1, replace(WORKING, writing=written))
            await asyncio.sleep(0.2)
        replied.add(thread.id)
    await surface.show_progress(thread, 1, ProgressView("done", "answered"))
    await surface.show_change(thread, change)
    await surface.show_text(thread, "answer:1", "It is the database.\n\nMore is to come.\n\nAll of it is in the file.", code=LONG)
    await surface.show_change(thread, replace(change, state=State.EXPIRED))
    await surface.show_lapse(thread, replace(change, state=State.EXPIRED))


def key_of(message) -> str:
    return str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))


@pytest.mark.parametrize("seed", range(4))
async def test_lives_that_are_cut_off_leave_each_message_once(desk, seed):
    luck = random.Random(seed)
    threads = [make_thread(await desk.driver.say("ana", place, "why is the shop down?")) for place in ("oncall", "random", "dm")]
    replied: set[str] = set()
    for _ in range(LIVES):
        for method in METHODS:
            for _ in range(luck.randrange(3)):
                await desk.driver.act("fault", method=method, kind=luck.choice(KINDS), times=1, error="internal_error", seconds=0.05)
        running = await desk.start(pace=PATIENT)
        working = [asyncio.create_task(live(running.surface, number, thread, replied)) for number, thread in enumerate(threads)]
        await asyncio.sleep(luck.random() * 3)
        await running.surface.close(0)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
    await desk.driver.act("clear_faults")
    last = await desk.start(pace=PATIENT)

    for number, thread in enumerate(threads):
        while True:
            try:
                await live(last.surface, number, thread, replied)
                break
            except SurfaceError:
                await asyncio.sleep(0.1)

    for number, thread in enumerate(threads):
        shown = (await desk.driver.messages(thread.channel_id, thread.thread_ts))[1:]
        keys = sorted(key_of(message) or ("file" if message.get("files") else "stray") for message in shown)
        wanted = [f"change:{100 + number}", "file", f"lapsed:{100 + number}", f"progress:{thread.id}:1", f"text:{thread.id}:answer:1"]
        assert keys == sorted(wanted)
        assert "answered" in str(next(message for message in shown if "progress" in key_of(message))["blocks"])
        assert "lapsed" in str(next(message for message in shown if key_of(message).startswith("change"))["blocks"])
