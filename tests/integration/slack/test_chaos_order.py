"""The order of a thread on bad days: what arrived first is asked first, and what is asked first is answered first."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import pytest

from bot.devslack.config import Config
from bot.devslack.driver import wait_until
from bot.threads.inbound.incoming import Message
from bot.values.transcript import Asked, Ended
from tests.integration.slack.whole import Whole, run_whole

PERSISTENT = Config(ack_seconds=0.5, retry_delays_seconds=(0.1,) * 100)
QUESTIONS = 9


async def ask_in_turn(whole: Whole, luck: random.Random | None) -> dict[str, list[str]]:
    """Command lines in three threads, one after the other; with luck, on a bad day. What was said in each, in order."""
    said: dict[str, list[str]] = defaultdict(list)
    roots = [(await whole.driver.say("ana", "oncall", f"@kubectl-ai ! echo {name}"))["ts"] for name in "abc"]
    for root in roots:
        await whole.driver.wait_for_message("oncall", "command not found", root)
    for number in range(QUESTIONS):
        root = (luck or random).choice(roots)
        text = f"! echo {number}"
        said[root].append(text)
        await whole.driver.say("ana", "oncall", text, root)
        match luck.randrange(5) if luck else None:
            case 0:
                await whole.driver.act("disconnect", reason=luck.choice(["abort", "refresh_requested"]))
            case 1 | 2:
                await whole.driver.act("drop_acks", count=luck.randrange(1, 4))
            case 3:
                await asyncio.sleep(0)
    await whole.driver.wait_until_settled()
    return said


async def read_asked(whole: Whole, root: str) -> list[str]:
    """What was asked after the root, in the order of its turns, once all of them are over."""
    thread_id = f"T01LOCAL:C01ONCALL:{root}"

    async def are_over() -> bool:
        entries = await whole.stores.threads.transcript(thread_id)
        arrived = {m.ts for m in whole.arrived if isinstance(m, Message) and m.thread_ts == root}
        return sum(isinstance(entry, Ended) for entry in entries) == len(arrived)

    await wait_until(are_over)
    entries = await whole.stores.threads.transcript(thread_id)
    return [entry.text for entry in entries if isinstance(entry, Asked)][1:]


def list_arrived(whole: Whole, root: str) -> list[str]:
    """The same, in the order in which they came to us."""
    return [m.text for m in whole.arrived if isinstance(m, Message) and m.thread_ts == root != m.ts]


async def read_shown(whole: Whole, root: str) -> list[int]:
    """The turns of the bot's messages, in the order in which people see them."""
    messages = await whole.driver.messages("oncall", root)
    keys = [((message.get("metadata") or {}).get("event_payload") or {}).get("key", "") for message in messages]
    return [int(key.rpartition(":")[2]) for key in keys if key]


@pytest.mark.parametrize("seed", range(4))
async def test_each_thread_keeps_the_order_of_arrival_on_a_bad_day(seed: int) -> None:
    async with run_whole(PERSISTENT) as whole:
        said = await ask_in_turn(whole, random.Random(seed))

        for root, texts in said.items():
            asked = await read_asked(whole, root)
            assert asked == list_arrived(whole, root)
            assert sorted(asked) == sorted(texts)


async def test_each_thread_is_answered_in_the_order_in_which_people_wrote() -> None:
    async with run_whole(PERSISTENT) as whole:
        said = await ask_in_turn(whole, None)

        for root, texts in said.items():
            assert await read_asked(whole, root) == texts
            turns = len(texts) + 1

            async def is_answered(root: str = root, turns: int = turns) -> bool:
                return len(await read_shown(whole, root)) == 2 * turns

            await wait_until(is_answered)
            assert await read_shown(whole, root) == [turn for number in range(1, turns + 1) for turn in (number, number)]
