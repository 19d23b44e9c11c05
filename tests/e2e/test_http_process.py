"""HTTP mode as it is installed: `serve` is a process with a port, and Slack posts to it, signed, on the good days and the bad ones."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bot.demo import launch
from bot.devslack.config import Config
from bot.devslack.driver import Driver
from bot.devslack.server import run_server
from tests.e2e.conftest import Bot, Bots, Cluster, Script
from tests.e2e.parts import free_port, until
from tests.e2e.test_main_job import ANA, BEN, Oncall, call, replicas, scaling_script

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SECRET = "5c0f1a7d9b3e48626f8d0a1b2c3d4e5f"
RETRIES = (1.0,) * 90
"""Slack tries again after a minute and then after five; a bot that is started again is waited for with less patience here."""
QUESTION, ANSWER, CLOSING = "how many replicas has the shop?", "The shop has one replica.", "The shop has its three replicas."


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[Driver]:
    """A local Slack that is not a process of its own, because of the retries."""
    async with run_server(Config(retry_delays_seconds=RETRIES)) as url, Driver(url) as driver:
        yield driver


@dataclass
class Served:
    """A bot that Slack posts to."""

    bot: Bot
    url: str

    async def start(self) -> None:
        """Returns when it listens. Slack is told the address once only, as on its settings page; it has to prove itself then."""
        is_new = self.bot.process.process is None
        self.bot.process.start()

        async def listens() -> bool:
            assert self.bot.process.is_alive, self.bot.process.output[-4000:]
            try:
                return await self.post_unsigned() == 401
            except aiohttp.ClientConnectionError:
                return False

        await until("the bot takes requests", listens)
        if is_new:
            await self.bot.slack.act("deliver", url=self.url, signing_secret=SECRET)

    async def post_unsigned(self) -> int:
        """What somebody gets who is not Slack: an HTTP status."""
        event = {
            "type": "message",
            "channel": "D01ANA",
            "channel_type": "im",
            "user": "U01ANA",
            "text": "forged",
            "ts": "1790000000.000100",
        }
        body = {"type": "event_callback", "team_id": "T01LOCAL", "event_id": "Ev0FORGED", "event": event}
        async with aiohttp.ClientSession() as session, session.post(self.url, json=body) as response:
            return response.status

    def inbox(self) -> list[dict[str, Any]]:
        return self.bot.database.rows("SELECT * FROM inbox")


@pytest.fixture
def served(bots: Bots, slack: Driver, script: Script, namespace: str) -> Served:
    """A bot in HTTP mode, not yet started, whose model looks before it answers, and scales when it is asked to."""
    looking = {"question": "how many"}
    rules = [
        {"when": looking | {"step": 0}, "reply": [call(f"kubectl -n {namespace} get deploy web")]},
        {"when": looking | {"step": 1}, "reply": [{"text": ANSWER}]},
    ]
    scaling = scaling_script(namespace)
    script.play(scaling | {"rules": rules + scaling["rules"]})
    port = free_port()
    http = {"mode": "http", "http": {"port": port}, "bot_token": launch.BOT_TOKEN, "signing_secret": SECRET, "api_url": slack.api_url}
    return Served(bots.make(namespace=namespace, more={"slack": http}), f"http://127.0.0.1:{port}/slack/events")


async def answers(slack: Driver, thread: str, text: str) -> list[dict[str, Any]]:
    return [message for message in await slack.messages("oncall", thread) if text in json.dumps(message)]


async def test_a_question_is_answered_and_an_approved_change_is_written_once(
    served: Served, slack: Driver, cluster: Cluster, namespace: str
) -> None:
    """Everything over HTTP: events, the asker's click that is refused, the colleague's that counts. Then it ends in order."""
    await served.start()
    people, audit = Oncall(slack), cluster.audit()

    asked = await people.ask(QUESTION)
    await people.says(asked, ANSWER)
    thread = await people.ask("scale the shop to three")
    card = await people.card(thread)
    await people.approve(card, ANA)
    refusal = await slack.wait_for_ephemeral(ANA, "approve")
    before_click = audit.writes(namespace, "deployments", by="kubectl-ai")
    is_acknowledged = await people.approve(card, BEN)
    done = await people.card(thread, holds="done")
    await people.says(thread, CLOSING)
    await slack.wait_until_settled()
    stored = served.inbox()
    served.bot.process.stop()

    assert "1 → 3" in json.dumps(card, ensure_ascii=False)
    assert refusal
    assert before_click == []
    assert is_acknowledged
    assert "U01BEN" in json.dumps(done)
    assert replicas(cluster, namespace) == 3
    assert len(audit.writes(namespace, "deployments", by="kubectl-ai")) == 1
    assert {(delivery["connection"], delivery["acknowledged"]) for delivery in await slack.deliveries()} == {("http", True)}
    assert "forged" not in str(stored)
    assert served.bot.process.process is not None
    assert served.bot.process.process.returncode == 0


@pytest.mark.parametrize("is_told", [True, False], ids=["acknowledged", "stored, and the acknowledgement lost"])
async def test_a_question_before_a_power_cut_is_answered_once(is_told: bool, served: Served, slack: Driver) -> None:
    """What was acknowledged comes no second time and needs none; what was not comes again, and is known by then."""
    await served.start()
    people = Oncall(slack)
    if not is_told:
        await slack.act("drop_acks", count=100)

    thread = await people.ask(QUESTION)
    await until("the question is stored", served.inbox, 20, every=0.002)
    if is_told:
        await slack.wait_until_settled()
    served.bot.kill9()
    before = await answers(slack, thread, ANSWER)
    await slack.act("clear_faults")
    await served.start()
    await people.says(thread, ANSWER)
    await slack.wait_until_settled(60)
    await until("nothing is left to do", lambda: served.bot.database.rows("SELECT * FROM entries WHERE kind = 'ended'"))

    attempts = [delivery["attempt"] for delivery in await slack.deliveries()]
    assert before == []
    assert len(await answers(slack, thread, ANSWER)) == 1
    assert len(served.bot.database.rows("SELECT * FROM entries WHERE kind = 'asked'")) == 1
    assert (max(attempts) == 0) is is_told


async def test_a_click_that_was_acknowledged_before_a_power_cut_is_carried_out_once(
    served: Served, slack: Driver, cluster: Cluster, namespace: str
) -> None:
    """Slack sends a click once: what is acknowledged is stored, or it is lost."""
    await served.start()
    people, audit = Oncall(slack), cluster.audit()
    thread = await people.ask("scale the shop to three")
    card = await people.card(thread)

    is_acknowledged = await people.approve(card)
    served.bot.kill9()
    await served.start()
    await people.card(thread, holds="done")
    await people.says(thread, CLOSING)

    assert is_acknowledged
    assert replicas(cluster, namespace) == 3
    assert len(audit.writes(namespace, "deployments", by="kubectl-ai")) == 1
    assert [shown["ts"] for shown in await people.cards(thread)] == [card["ts"]]
    assert len(await answers(slack, thread, CLOSING)) == 1
