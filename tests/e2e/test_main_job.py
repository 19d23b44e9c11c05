"""Ask in a thread, rehearse in gVisor, approve, replay: with a browser, and with the power cut at every point that matters."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from bot.devslack.driver import PATIENCE_SECONDS, Driver
from tests.e2e.conftest import Bot, Bots, Cluster, Script
from tests.e2e.faults import FaultyApiServer, faulty, persists
from tests.e2e.parts import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ANA, BEN, GIL = "ana", "ben", "gil"


def scaling_script(namespace: str) -> dict[str, Any]:
    """A model that looks, scales to three, and closes with what really happened."""
    return {
        "models": ["scripted"],
        "rules": [
            {
                "when": {"question": "scale", "step": 0},
                "reply": [{"text": "I look first."}, call(f"kubectl -n {namespace} get deploy web")],
            },
            {"when": {"question": "scale", "step": 1}, "reply": [call(f"kubectl -n {namespace} scale deploy/web --replicas=3")]},
            {"when": {"question": "scale", "step": 2}, "reply": [{"text": "The shop has its three replicas."}]},
            {"when": {}, "reply": [{"text": "I do not know that one."}]},
        ],
    }


def call(command: str) -> dict[str, Any]:
    return {"call": {"name": "shell", "args": {"command": command}}}


class Oncall:
    """What the people of this story do and see."""

    def __init__(self, slack: Driver) -> None:
        self.slack = slack

    async def ask(self, text: str, person: str = ANA) -> str:
        """Mentions the bot in #oncall; the thread's ts."""
        return str((await self.slack.say(person, "oncall", f"@kubectl-ai {text}"))["ts"])

    async def card(self, thread: str, *, holds: str = "Approve", seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The thread's card once it shows `holds`."""

        def is_card(message: dict[str, Any]) -> bool:
            return key_of(message).startswith("change:") and holds in json.dumps(message, ensure_ascii=False)

        return await self.slack.wait_for_message("oncall", is_card, thread, seconds)

    async def says(self, thread: str, text: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        return await self.slack.wait_for_message("oncall", text, thread, seconds)

    async def approve(self, card: dict[str, Any], person: str = BEN) -> bool:
        return await self.slack.click(person, "oncall", card["ts"], "approve")

    async def count_heard(self) -> int:
        """How much of what was delivered the bot has acknowledged."""
        return sum(delivery["acknowledged"] for delivery in await self.slack.deliveries())

    async def has_been_heard(self, before: int = 0) -> bool:
        """Whether it has acknowledged more than that."""
        return await self.count_heard() > before

    async def cards(self, thread: str) -> list[dict[str, Any]]:
        return [m for m in await self.slack.messages("oncall", thread) if key_of(m).startswith("change:")]


def key_of(message: dict[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("key", ""))


def replicas(cluster: Cluster, namespace: str) -> int:
    return int(cluster.kubectl("-n", namespace, "get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"))


@pytest_asyncio.fixture
async def api(cluster: Cluster, tmp_path: Path) -> AsyncIterator[tuple[FaultyApiServer, str]]:
    """An API server with faults on demand, and a kubeconfig that leads to it."""
    proxy = await faulty(cluster.bot_kubeconfig)
    kubeconfig = tmp_path / "faulty.kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": proxy.url}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )
    yield proxy, str(kubeconfig)
    await proxy.stop()


async def test_a_refused_asker_an_approver_and_exactly_one_write(
    cluster: Cluster, bots: Bots, slack: Driver, script: Script, namespace: str
) -> None:
    """The asker may not approve, the colleague may; the API server sees one write, after the click."""
    script.play(scaling_script(namespace))
    bot = bots.make(namespace=namespace)
    await bot.start()
    people, audit = Oncall(slack), cluster.audit()

    thread = await people.ask("scale the shop to three")
    card = await people.card(thread)
    await people.approve(card, ANA)
    refusal = await slack.wait_for_ephemeral(ANA, "approve")
    before_click = audit.writes(namespace, "deployments", by="kubectl-ai")
    await people.approve(card, BEN)
    done = await people.card(thread, holds="done")
    await people.says(thread, "The shop has its three replicas.")

    shown = json.dumps(card, ensure_ascii=False)
    assert "spec.replicas" in shown
    assert "1 → 3" in shown
    assert refusal
    assert before_click == []
    assert replicas(cluster, namespace) == 3
    assert len(audit.writes(namespace, "deployments", by="kubectl-ai")) == 1
    assert "U01BEN" in json.dumps(done)


async def test_a_guest_is_refused_and_nothing_runs(bots: Bots, slack: Driver, script: Script, namespace: str) -> None:
    script.play(scaling_script(namespace))
    bot = bots.make(namespace=namespace)
    await bot.start()

    await slack.say(GIL, "oncall", "@kubectl-ai scale the shop to three")
    refusal = await slack.wait_for_ephemeral(GIL, "Guests")

    assert refusal
    assert bot.database.rows("SELECT * FROM entries") == []


async def test_a_follow_up_without_a_mention_uses_the_same_sandbox(bots: Bots, slack: Driver, script: Script, namespace: str) -> None:
    script.play(scaling_script(namespace))
    bot = bots.make(namespace=namespace)
    await bot.start()
    people = Oncall(slack)

    thread = await people.ask("! echo first > ~/kept; hostname")
    first = await until_output(people, thread, 1)
    await slack.say(BEN, "oncall", "! cat ~/kept; hostname", thread)
    second = await until_output(people, thread, 2)

    assert "first" in second
    assert first.split()[-1] == second.split()[-1]


async def until_output(people: Oncall, thread: str, turn: int) -> str:
    """The preformatted output of a command turn."""

    async def look() -> str:
        for message in await people.slack.messages("oncall", thread):
            if key_of(message).endswith(f":answer:{turn}"):
                return "\n".join(preformatted(message.get("blocks", [])))
        return ""

    return str(await until(f"turn {turn} has its output", look))


def preformatted(node: Any) -> list[str]:
    """All text of rich_text_preformatted elements below a block."""
    if isinstance(node, list):
        return [text for item in node for text in preformatted(item)]
    if not isinstance(node, dict):
        return []
    if node.get("type") == "rich_text_preformatted":
        return ["".join(str(e.get("text", "")) for e in node["elements"])]
    return [text for value in node.values() for text in preformatted(value)]


async def test_a_hand_made_change_supersedes_the_card(cluster: Cluster, bots: Bots, slack: Driver, script: Script, namespace: str) -> None:
    """What was approved is no longer what would happen: a fresh card shows the new diff, and nothing is written."""
    script.play(scaling_script(namespace))
    bot = bots.make(namespace=namespace)
    await bot.start()
    people, audit = Oncall(slack), cluster.audit()

    thread = await people.ask("scale the shop to three")
    card = await people.card(thread)
    cluster.kubectl("-n", namespace, "scale", "deploy/web", "--replicas=2")
    await people.approve(card)
    fresh = await people.card(thread, holds="2 → 3")

    assert fresh["ts"] != card["ts"]
    assert replicas(cluster, namespace) == 2
    assert audit.writes(namespace, "deployments", by="kubectl-ai") == []


async def test_stop_ends_the_turn_and_says_what_was_done(bots: Bots, slack: Driver, script: Script, namespace: str) -> None:
    script.play(scaling_script(namespace))
    bot = bots.make(namespace=namespace)
    await bot.start()
    people = Oncall(slack)

    thread = await people.ask("! echo begun; sleep 100; echo finished")
    await slack.wait_for_message("oncall", lambda m: key_of(m).startswith("progress:") and "sleep 100" in json.dumps(m), thread)
    await until("the command runs in the sandbox", lambda: "sandbox_ready" in bot.process.output)
    await slack.say(ANA, "oncall", "stop", thread)
    await until("the turn is over", lambda: bot.database.rows("SELECT * FROM entries WHERE kind = 'ended'"))

    await slack.wait_for_message("oncall", "topped", thread)
    assert "finished" not in json.dumps(await slack.messages("oncall", thread)).replace("echo finished", "")


CUTS = [
    "after the event is acked",
    "while the rehearsal runs",
    "with the card open",
    "after the click is acked",
    "between click and replay",
    "during the replay",
]


@pytest.mark.parametrize("cut", CUTS)
async def test_kill_9_loses_nothing_and_doubles_nothing(
    cut: str, cluster: Cluster, bots: Bots, slack: Driver, script: Script, namespace: str, api: tuple[FaultyApiServer, str]
) -> None:
    """One write, one final card, one answer, wherever the power is cut."""
    proxy, kubeconfig = api
    script.play(scaling_script(namespace))
    bot = bots.make(namespace=namespace, api=kubeconfig)
    await bot.start()
    people, audit = Oncall(slack), cluster.audit()
    target = f"/namespaces/{namespace}/deployments/web"

    thread = await _until_cut(cut, bot, people, proxy, target)
    bot.kill9()
    proxy.release()
    await bot.start()
    card = await people.card(thread, holds="Change")
    if cut in CUTS[:3]:
        card = await people.card(thread)
        await people.approve(card)
    await people.card(thread, holds="done")
    await people.says(thread, "The shop has its three replicas.")

    assert replicas(cluster, namespace) == 3
    assert len(audit.writes(namespace, "deployments", by="kubectl-ai")) == 1
    assert [c["ts"] for c in await people.cards(thread)] == [card["ts"]]
    answers = [m for m in await slack.messages("oncall", thread) if "The shop has its three replicas." in json.dumps(m)]
    assert len(answers) == 1
    assert len(bot.database.rows("SELECT * FROM changes")) == 1


async def _until_cut(cut: str, bot: Bot, people: Oncall, proxy: FaultyApiServer, target: str) -> str:
    """Drives the story to the point where the power goes; the thread's ts."""
    if cut == "while the rehearsal runs":
        proxy.hold_requests = lambda method, path: method == "PATCH" and target in path
    thread = await people.ask("scale the shop to three")
    if cut == "after the event is acked":
        await until("the event is acknowledged", people.has_been_heard, every=0.002)
        return thread
    if cut == "while the rehearsal runs":
        await until("the dry run is under way", proxy.held.is_set)
        return thread
    card = await people.card(thread)
    if cut == "between click and replay":
        proxy.hold_requests = lambda method, path: target in path
    if cut == "during the replay":
        proxy.hold_answers = lambda method, path: persists(method, path) and target in path
    if cut == "after the click is acked":
        before = await people.count_heard()
        await people.approve(card)
        await until("the click is acknowledged", lambda: people.has_been_heard(before), every=0.002)
    elif cut != "with the card open":
        await people.approve(card)
        await until("the replay is under way", proxy.held.is_set)
    return thread
