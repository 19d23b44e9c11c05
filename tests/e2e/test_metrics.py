"""The page of metrics, after a day's work in small: what went through each part is on it."""

from __future__ import annotations

import aiohttp
import pytest

from bot.devslack.driver import Driver
from tests.e2e.conftest import Bots, Cluster, Script
from tests.e2e.parts import free_port, until
from tests.e2e.test_main_job import Oncall, scaling_script

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


async def read(port: int) -> dict[str, float]:
    """Each of our samples by its name and labels."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as page:
        lines = [line for line in (await page.text()).splitlines() if line.startswith("kubectl_ai_slack_")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_what_went_through_each_part_is_counted(cluster: Cluster, bots: Bots, slack: Driver, script: Script, namespace: str) -> None:
    """One question whose change is approved: what the script makes the bot do is known, so the numbers are."""
    script.play(scaling_script(namespace))
    port = free_port()
    bot = bots.make(namespace=namespace, more={"health": {"port": port}})
    await bot.start()
    people = Oncall(slack)

    thread = await people.ask("scale the shop to three")
    card = await people.card(thread)
    waiting = await read(port)
    await people.approve(card)
    await people.says(thread, "The shop has its three replicas.")
    await until("all is handled", lambda: is_at_rest(port), seconds=60, every=0.5)
    after = await read(port)

    def count(name: str, **labels: str) -> float:
        inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        return after.get(f"kubectl_ai_slack_{name}{{{inside}}}", 0.0)

    assert waiting['kubectl_ai_slack_changes{state="proposed"}'] == 1
    assert count("changes", state="done") == 1
    assert count("changes", state="proposed") == 0
    assert count("rehearsals_total", outcome="change") == 1
    assert count("rehearsals_total", outcome="read") >= 1
    assert count("gateway_requests_total", decision="write") == 1
    assert count("gateway_requests_total", decision="read") >= 2
    assert count("deliveries_total", kind="Click", outcome="stored") == 1
    assert count("slack_calls_total", method="chat.postMessage", outcome="answer") >= 2
    assert sum_of(after, "model_replies_total") == sum_of(after, "replying_seconds_count") == 3  # look, scale, say
    assert after["kubectl_ai_slack_deliveries_given_up"] == 0


async def is_at_rest(port: int) -> bool:
    return (await read(port))["kubectl_ai_slack_deliveries_waiting"] == 0


def sum_of(samples: dict[str, float], name: str) -> float:
    """Over all labels."""
    return sum(value for sample, value in samples.items() if sample.startswith(f"kubectl_ai_slack_{name}{{"))
