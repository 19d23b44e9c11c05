"""Undo and freeze, as people see them: pressed and written in Slack, true in the cluster."""

from __future__ import annotations

import json
import re

import pytest

from bot.devslack.driver import Driver
from tests.e2e.conftest import Bots, Cluster, Script
from tests.e2e.test_main_job import ANA, BEN, Oncall, replicas, scaling_script

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


async def test_a_press_of_undo_brings_the_replicas_back(
    cluster: Cluster, bots: Bots, slack: Driver, script: Script, namespace: str
) -> None:
    script.play(scaling_script(namespace))
    bot = bots.make(namespace=namespace)
    await bot.start()
    people = Oncall(slack)
    before = replicas(cluster, namespace)
    thread = await people.ask(f"! kubectl -n {namespace} scale deploy/web --replicas={before + 1}")
    await people.approve(await people.card(thread))
    done = await people.card(thread, holds="undo until")
    landed = replicas(cluster, namespace)

    await slack.click(ANA, "oncall", done["ts"], "undo")
    undo = await people.card(thread, holds="undoes Change")
    await people.approve(undo)
    undone = await people.card(thread, holds="done and undone by Change")

    assert (landed, replicas(cluster, namespace)) == (before + 1, before)
    assert undone["ts"] == done["ts"]
    assert '"text": "Undo"' not in json.dumps(undone)


async def test_a_freeze_holds_an_approval_back_until_it_is_lifted(
    cluster: Cluster, bots: Bots, slack: Driver, script: Script, namespace: str
) -> None:
    script.play(scaling_script(namespace))
    bot = bots.make(namespace=namespace)
    await bot.start()
    people = Oncall(slack)
    before = replicas(cluster, namespace)
    thread = await people.ask(f"! kubectl -n {namespace} scale deploy/web --replicas={before + 1}")
    card = await people.card(thread)

    await slack.slash(BEN, "oncall", "/kubectl-ai freeze for 2h the sale")
    frozen = await people.card(thread, holds="Frozen")
    number = re.search(r"Change (\d+)", json.dumps(card))
    assert number
    await slack.say(BEN, "oncall", f"approve {number[1]}", thread)  # the button is gone
    refusal = await slack.wait_for_ephemeral(BEN, "is frozen until")
    held = replicas(cluster, namespace)
    await slack.slash(BEN, "oncall", "/kubectl-ai unfreeze")
    await people.approve(await people.card(thread, holds="Approve"))
    await people.card(thread, holds="undo until")

    assert '"text": "Approve"' not in json.dumps(frozen)
    assert "the sale" in json.dumps(frozen, ensure_ascii=False)
    assert "the sale" in refusal["text"]
    assert (held, replicas(cluster, namespace)) == (before, before + 1)
