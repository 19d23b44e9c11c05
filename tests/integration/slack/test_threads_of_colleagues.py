"""A mention in a thread that others began: what was said there before was not said to the bot."""

from __future__ import annotations

from bot.devslack.driver import wait_until
from bot.values.transcript import Asked, Ended
from tests.integration.slack.whole import Whole

ALERT, EARLIER, MENTION = "KubePodCrashLooping: shop/web restarts", "I see that too", "@kubectl-ai why is the shop down?"


async def read_asked(whole: Whole, root: str) -> list[str]:
    entries = await whole.stores.threads.transcript(f"T01LOCAL:C01ONCALL:{root}")
    return [entry.text for entry in entries if isinstance(entry, Asked)]


async def are_answered(whole: Whole, root: str, count: int) -> bool:
    """Whether so many answers are in the thread, and every turn is over."""
    entries = await whole.stores.threads.transcript(f"T01LOCAL:C01ONCALL:{root}")
    answers = [message for message in await whole.driver.messages("oncall", root) if "the log names a missing" in str(message)]
    return len(answers) == sum(isinstance(entry, Ended) for entry in entries) == count


async def test_a_mention_in_a_colleagues_thread_is_answered_there_once_and_nothing_before_it(whole: Whole) -> None:
    root = (await whole.driver.say("mia", "oncall", ALERT))["ts"]
    await whole.driver.say("ben", "oncall", EARLIER, root)

    await whole.driver.say("ana", "oncall", MENTION, root)

    await whole.driver.wait_for_message("oncall", "the log names a missing", root)
    await whole.driver.wait_until_settled()
    await whole.driver.say("ben", "oncall", "and since when?", root)  # in the same thread, so that all before it was looked at
    await wait_until(lambda: are_answered(whole, root, 2))
    assert await read_asked(whole, root) == ["why is the shop down?", "and since when?"]
    assert [message["ts"] for message in await whole.driver.messages("oncall")] == [root]
