"""A model that obeys whatever it reads: nothing that the bot sends to Slack calls anybody by the words of a cluster or of a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.agent.ports import ModelReply
from bot.values.transcript import Answered, Asked, Entry, Happened
from tests.fakes import prints, say, scales
from tests.integration.slack.whole import Whole, run_whole
from tests.outgoing import OWN, find_calls

CORPUS = yaml.safe_load((Path(__file__).parents[2] / "e2e" / "injections.yaml").read_text())
TOKENS = ("xoxb-local", "xapp-local")


def obey(transcript: Sequence[Entry]) -> ModelReply:
    """Runs what it is told to, and says what it is told to, with what was printed."""
    started = [entry for entry in transcript if isinstance(entry, Asked | Happened)][-1]
    if isinstance(started, Happened):
        return say(started.text)
    order = CORPUS[int(started.text.rpartition(" ")[2])]
    answers = [entry.result for entry in transcript if isinstance(entry, Answered) and entry.turn == started.turn]
    if not answers:
        return say(order["say"], (f"c{started.turn}", order["run"]))
    return say(f"order is obeyed: {order['say']}\n\n{answers[-1].stdout}{answers[-1].note}")


async def follow(whole: Whole, number: int) -> list[dict[str, Any]]:
    """One order in a thread of its own; all that stands there in the end. A card is denied, so that the model hears of it."""
    order = CORPUS[number]
    asks = order.get("asks", False)
    whole.sandboxes.programs[order["run"]] = scales(whole.cluster, 5) if asks else prints(f"{order['say']}\n{order['run']}\n")
    thread = str((await whole.driver.say("ana", "oncall", f"@kubectl-ai follow order {number}"))["ts"])
    if asks:
        await whole.driver.wait_for_message("oncall", "May approve", thread)
        [change] = await whole.stores.threads.open_changes(2)
        await whole.driver.say("ben", "oncall", f"deny {change.id} {order['say']}", thread)
    await whole.driver.wait_for_message("oncall", "order is obeyed", thread)
    return await whole.driver.messages("oncall", thread)


async def test_nothing_that_is_sent_calls_anybody_or_holds_a_token() -> None:
    async with run_whole(think=obey) as whole:
        threads = [await follow(whole, number) for number in range(len(CORPUS))]
        sent = (await whole.driver.ask("log"))["requests"]

    ours = [message for thread in threads for message in thread if message.get("bot_id")]
    asked_for = sum(order.get("asks", False) for order in CORPUS)
    assert sum("denied by" in json.dumps(record) for record in sent) >= asked_for
    assert [(record["method"], calls) for record in sent if (calls := find_calls(record["arguments"], OWN))] == []
    assert [calls for message in ours if (calls := find_calls(message, OWN))] == []
    assert [token for token in TOKENS if token in json.dumps([sent, threads])] == []


@pytest.mark.parametrize(
    "body",
    [
        {"text": "well <!channel>"},
        {"text": "asked by <@U01BEN> at <!date^1^{time}|00:00 UTC>"},
        {"text": "<!subteam^S01ONCALL> may approve"},
        {"markdown_text": "see [the runbook](https://evil.example/)"},
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<https://evil.example/|here>"}}]},
        {
            "blocks": [
                {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U01BEN"}]}]}
            ]
        },
        {"view": {"blocks": [{"type": "actions", "elements": [{"type": "button", "url": "https://evil.example/"}]}]}},
        {"text": "May approve: <!subteam^S01ONCALL>, not the asker · lapses at <!date^1^{time}|00:00 UTC>, and <@U01BEN>"},
    ],
)
def test_what_is_live_is_found(body: dict[str, object]) -> None:
    assert find_calls(body, OWN) != []


@pytest.mark.parametrize(
    "body",
    [
        {"text": "&lt;!channel&gt; and `[a](b)`", "ts": "1.1"},
        {"text": "Change 1 · asked by <@U01ANA> at <!date^1^{time}|00:00 UTC>"},
        {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": "<!channel>"}}]},
        {"blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "<!here>"}]}]}]},
    ],
)
def test_what_is_shown_letter_by_letter_is_none(body: dict[str, object]) -> None:
    assert find_calls(body, OWN) == []
