"""Slack under load, against the local Slack with its rates enforced: acknowledgements of many events, and how long a card waits.

The bot's side is its own: real connections, listeners and sender, with an inbox in SQLite. No cluster is needed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from bench.summary import summarise
from bot.changes.change import Change, State
from bot.devslack.driver import Driver
from bot.log import configure
from bot.settings import ChangeSettings, LogSettings, SlackSettings, StoreSettings
from bot.slack.door.connect import Connections
from bot.slack.door.listeners import Listeners
from bot.slack.door.signin import SignedIn, sign_in
from bot.slack.surface import SlackSurface
from bot.store.opening import Store, open_store
from bot.threads.ports import ProgressView, Step
from bot.threads.stores import Thread
from tests.e2e.parts import Process, free_port, until
from tests.unit.slack.rows import make_change, make_thread

EVENTS_PER_SECOND = 200
EVENT_SECONDS = 30
STREAMING_THREADS = 50
STREAM_SECONDS = 60
STEP_SECONDS = 0.5
CARDS = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """The bot's side of Slack, connected to a local Slack in a process of its own."""

    driver: Driver
    settings: SlackSettings
    signed_in: SignedIn
    store: Store


async def main() -> None:
    async with _open_desk() as desk:
        await _measure_acks(desk)
    async with _open_desk("--enforce-rates") as desk:
        await _measure_cards(desk)


async def _measure_acks(desk: Desk) -> None:
    bot, inbox = desk.signed_in.bot, desk.store.stores.inbox
    connections = Connections(desk.signed_in, desk.settings, Listeners(desk.signed_in.bare, desk.signed_in.web, bot, inbox, _do_nothing))
    await connections.open()
    try:
        await desk.driver.wait_for_connections(desk.settings.connections)
        total = EVENTS_PER_SECOND * EVENT_SECONDS
        flood = {"as": "ana", "channel": "dm", "text": "event", "count": total, "per_second": EVENTS_PER_SECOND}
        took = float((await desk.driver.act("say_many", **flood))["seconds"])
        await desk.driver.wait_until_settled(120)
    finally:
        await connections.close()
    deliveries = await desk.driver.deliveries()
    acks = [each["seconds"] for each in deliveries if each["acknowledged"]]
    stored = 0
    while taken := await inbox.take(600.0, 500):
        stored += len(taken)
    print(summarise(f"ack of {total / took:.0f} events/s over {desk.settings.connections} connections", acks))
    again = len(deliveries) - total
    print(f"{'':<46} lost: {total - stored}  delivered again: {again}")


async def _measure_cards(desk: Desk) -> None:
    """Many threads show progress in one workspace's rates while changes come up here and there."""
    surface = SlackSurface(
        desk.signed_in.web, desk.signed_in.bot, desk.settings, ChangeSettings(approvers=("S01ONCALL",)), desk.store.stores.messages
    )
    places = ("oncall", "random", "D01ANA", "D01BEN", "D01MIA")
    threads = [await _start_thread(desk.driver, number, places[number % len(places)]) for number in range(STREAMING_THREADS)]
    posts: list[float] = []
    redraws: list[float] = []
    ends = time.monotonic() + STREAM_SECONDS
    streams = [asyncio.create_task(_stream(surface, thread, ends)) for thread in threads]
    for number in range(CARDS):
        thread = threads[number * 7 % len(threads)]
        change = make_change(thread, id=1_000 + number)
        await asyncio.sleep(STREAM_SECONDS / CARDS / 2)
        posts.append(await _time(_propose(surface, thread, change)))
        # Half a beat later, as a person would press: the same message is edited, in the queue of `chat.update` that progress fills.
        await asyncio.sleep(STREAM_SECONDS / CARDS / 2)
        decided = replace(change, state=State.DONE, decided_by="U01BEN", decided_at=time.time())
        redraws.append(await _time(surface.show_change(thread, decided)))
    await asyncio.gather(*streams)
    requests = [entry for method in ("chat.postMessage", "chat.update") for entry in await desk.driver.requests(method)]
    await surface.close(0)
    limited = sum("retry_after" in entry for entry in requests)
    print(summarise(f"card among {STREAMING_THREADS} threads with progress", posts))
    print(summarise("the same card drawn again when it is done", redraws))
    print(f"{'':<46} calls: {len(requests)}  answered 429: {limited}")


async def _propose(surface: SlackSurface, thread: Thread, change: Change) -> None:
    """As the projector does: first the thread's progress says that it waits, then comes the card."""
    await surface.show_progress(thread, 1, ProgressView("waiting", "waits for a decision"))
    await surface.show_change(thread, change)


async def _time(doing: Awaitable[None]) -> float:
    """Seconds that it takes."""
    begin = time.monotonic()
    await doing
    return time.monotonic() - begin


async def _stream(surface: SlackSurface, thread: Thread, ends: float) -> None:
    number = 0
    while time.monotonic() < ends:
        number += 1
        await surface.show_progress(thread, 1, ProgressView("working", f"step {number}", (Step("kubectl get pods", "running"),)))
        await asyncio.sleep(STEP_SECONDS)


async def _start_thread(driver: Driver, number: int, place: str) -> Thread:
    person = {"D01BEN": "ben", "D01MIA": "mia"}.get(place, "ana")
    said = await driver.say(person, place, f"question {number}")
    return make_thread(said)


@asynccontextmanager
async def _open_desk(*options: str) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        slack = Process("slack", [sys.executable, "-m", "bot.devslack", "--port", str(port), *options], {}, folder / "slack.log")
        slack.start()
        stack.callback(slack.stop)
        driver = await stack.enter_async_context(Driver(f"http://127.0.0.1:{port}"))
        await until("the local Slack answers", lambda: _answers(driver), 30)
        settings = SlackSettings(bot_token=SecretStr("xoxb-bench"), app_token=SecretStr("xapp-bench"), api_url=driver.api_url)
        store = await stack.enter_async_context(open_store(StoreSettings(url=f"sqlite+aiosqlite:///{folder}/bench.db")))
        signed_in = await sign_in(settings)
        stack.push_async_callback(signed_in.close)
        yield Desk(driver, settings, signed_in, store)


async def _answers(driver: Driver) -> bool:
    try:
        return bool(await driver.ask("log"))
    except OSError:
        return False


def _do_nothing() -> None:
    """Nobody works on what was taken in."""


if __name__ == "__main__":
    configure(LogSettings(level="error"))
    asyncio.run(main())
