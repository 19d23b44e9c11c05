"""The main job as people do it: in a real browser, on the local Slack's page, against the real cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from bot.devslack.driver import Driver
from tests.e2e.conftest import Bot, Bots, Cluster, Script
from tests.e2e.parts import until
from tests.page import CHROMIUM, PHONE, SOON, WHY_SKIPPED, Room, choose_pictures, open_room

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=WHY_SKIPPED),
]


@pytest_asyncio.fixture
async def room(slack: Driver, tmp_path: Path) -> AsyncIterator[Room]:
    """A script error on any page fails the test."""
    async with open_room(slack.base_url, choose_pictures(tmp_path)) as opened:
        yield opened
    assert opened.problems == []


@pytest_asyncio.fixture
async def bot(bots: Bots, script: Script, namespace: str) -> Bot:
    """The bot, connected, for the test's own namespace."""
    return await start(bots, script, namespace)


async def start(bots: Bots, script: Script, namespace: str, **changes: Any) -> Bot:
    """A bot whose model looks, scales, and closes with what really happened."""
    script.play(
        {
            "models": ["scripted"],
            "rules": [
                {"when": {"question": "scale", "step": 0}, "reply": [{"text": "I look first."}, call(f"kubectl -n {namespace} get pods")]},
                {"when": {"question": "scale", "step": 1}, "reply": [call(f"kubectl -n {namespace} scale deploy/web --replicas=3")]},
                {
                    "when": {"question": "scale", "answer": "^status: applied"},
                    "reply": [{"text": "Three replicas of `web`, as you wished."}],
                },
                {
                    "when": {"question": "scale", "answer": "^status: expired"},
                    "reply": [{"text": "Nobody decided in time, so `web` stays as it is."}],
                },
                {"when": {"question": "scale", "answer": "^status: denied"}, "reply": [{"text": "Then `web` stays as it is."}]},
                {"when": {"question": "how many", "step": 0}, "reply": [call(f"kubectl -n {namespace} get deploy web")]},
                {
                    "when": {"question": "how many", "step": 1, "answer": r"^web\s+(?P<ready>\d+/\d+)\s"},
                    "reply": [{"text": "`web` has ${ready} pods ready."}],
                },
            ],
        }
    )
    made = bots.make(namespace=namespace, **changes)
    await made.start()
    return made


def call(command: str) -> dict[str, Any]:
    return {"call": {"name": "shell", "args": {"command": command}}}


def replicas(cluster: Cluster, namespace: str) -> int:
    return int(cluster.kubectl("-n", namespace, "get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"))


async def test_a_colleague_approves_in_the_browser_and_the_cluster_changes_once(
    cluster: Cluster, bot: Bot, room: Room, namespace: str
) -> None:
    ana, ben = await room.enter("ana"), await room.enter("ben")
    audit = cluster.audit()

    await ana.write("@kubectl-ai scale web to three")
    await ana.open_thread()
    await ana.sees(f"kubectl -n {namespace} get pods")
    await ana.sees("spec.replicas")
    await expect(ana.card).to_contain_text("1 → 3")
    await expect(ana.card).to_contain_text("May approve: @oncall, not the asker")
    await ana.press("Approve")
    await ana.sees("Only visible to you")
    await ana.sees("You asked for change 1, so somebody else has to approve it.")
    await ana.picture("proposed-and-refused")
    before_click = audit.writes(namespace, "deployments", by="kubectl-ai")

    await ben.open_thread()
    await expect(ben.thread.get_by_text("Only visible to you")).to_have_count(0)
    await ben.press("Details")
    details = ben.page.get_by_role("dialog", name="Change 1")
    await ben.sees(f"Deployment {namespace}/web", details)
    await ben.sees(f"PATCH /apis/apps/v1/namespaces/{namespace}/deployments/web/scale", details)
    await ben.sees('"replicas": 3', details)
    await ben.picture("details")
    await details.get_by_role("button", name="Close").last.click()

    clicked_at = datetime.now(UTC)
    await ben.press("Approve")
    await ana.sees("done · approved by @ben")
    await ana.sees("Rollout: 3/3 ready")
    await ana.sees("Three replicas of web, as you wished.")
    await ana.picture("done")

    assert before_click == []
    assert replicas(cluster, namespace) == 3
    (write,) = audit.writes(namespace, "deployments", by="kubectl-ai")
    assert datetime.fromisoformat(write["requestReceivedTimestamp"]) > clicked_at
    await expect(ana.thread.get_by_role("button", name="Approve")).to_have_count(0)
    await expect(ben.thread.get_by_role("button", name="Approve")).to_have_count(0)

    await ana.reply("how many are there now?")
    await ana.sees("web has 3/3 pods ready.")
    assert len(bot.database.rows("SELECT * FROM threads")) == 1


async def test_a_denial_tells_the_thread_and_the_model_why(cluster: Cluster, bot: Bot, room: Room, namespace: str) -> None:
    """The same page, another person: the switcher."""
    audit = cluster.audit()
    person = await room.enter("ana")

    await person.write("@kubectl-ai scale web to three")
    await person.open_thread()
    await person.sees("1 → 3")
    await person.switch_to("Ben Oncall")
    await person.press("Deny")
    dialog = person.page.get_by_role("dialog", name="Deny Change 1")
    await dialog.get_by_role("textbox").fill("Not during the sale, @here")
    await dialog.get_by_role("button", name="Deny").click()

    await expect(dialog).to_have_count(0)
    await person.sees("denied by @ben")
    await person.sees("Reason: Not during the sale, @here")
    await person.sees("Then web stays as it is.")
    await expect(person.thread.locator(".broadcast")).to_have_count(0)
    await person.picture("denied")
    assert replicas(cluster, namespace) == 1
    assert audit.writes(namespace, "deployments", by="kubectl-ai") == []


async def test_a_card_nobody_decides_lapses_before_everybodys_eyes(bots: Bots, script: Script, room: Room, namespace: str) -> None:
    await start(bots, script, namespace, lapse_seconds=12)
    ana = await room.enter("ana")

    await ana.write("@kubectl-ai scale web to three")
    await ana.open_thread()
    await ana.sees("1 → 3")
    await ana.sees("lapsed at")

    await expect(ana.thread.get_by_role("button", name="Approve")).to_have_count(0, timeout=SOON)
    await ana.sees("Nobody decided in time, so web stays as it is.")
    await ana.picture("lapsed")


async def test_a_slash_command_opens_a_thread_of_its_own(bot: Bot, room: Room) -> None:
    ana = await room.enter("ana")

    await ana.write("/kubectl-ai how many pods has web?")
    await ana.sees("asked: how many pods has web?", ana.channel)
    await ana.open_thread()
    await ana.sees("web has 1/1 pods ready.")
    await ana.write("/kubectl-ai help")

    await ana.sees("Ask me about the cluster, or run a command line:", ana.channel)
    await ana.picture("slash-command")


async def test_a_command_line_is_answered_with_its_output(bot: Bot, room: Room, namespace: str) -> None:
    ana = await room.enter("ana")

    await ana.write("@kubectl-ai kubectl get pods")
    await ana.open_thread()
    await ana.sees("NAME")
    await ana.reply("! kubectl get deploy -o name | tr a-z A-Z; exit 3")
    await ana.sees("DEPLOYMENT.APPS/WEB")

    await ana.sees("exit code 3")
    await expect(ana.thread.locator("pre").first).to_contain_text("web-")
    assert bot.database.rows("SELECT * FROM changes") == []


async def test_the_stop_button_ends_a_command_that_would_run_on(bot: Bot, room: Room) -> None:
    ana = await room.enter("ana")

    await ana.write("@kubectl-ai ! echo begun; sleep 200; echo finished")
    await ana.open_thread()
    await until("the command runs in the sandbox", lambda: "sandbox_ready" in bot.process.output)
    await ana.press("Stop")

    await ana.sees("Stopped by ana. Nothing was changed in the cluster.")
    await expect(ana.thread.get_by_role("button", name="Stop")).to_have_count(0)
    await ana.picture("stopped")


async def test_a_guest_reads_in_the_channel_why_nothing_happens(bot: Bot, room: Room) -> None:
    """A private message in a thread without replies would be seen by nobody."""
    gil = await room.enter("gil")

    await gil.write("@kubectl-ai scale web to three")
    await gil.sees("Only visible to you", gil.channel)
    await gil.sees("Guests", gil.channel)

    await expect(gil.channel.locator("button.replies")).to_have_count(0)
    assert bot.database.rows("SELECT * FROM threads") == []


async def test_a_card_is_approved_on_a_phone_in_the_dark(cluster: Cluster, bot: Bot, slack: Driver, room: Room, namespace: str) -> None:
    await slack.say("ana", "oncall", "@kubectl-ai scale web to three")
    ben = await room.enter("ben", color_scheme="dark", **PHONE)

    await ben.open_thread()
    await ben.sees("1 → 3")
    await ben.picture("phone")
    is_wider = await ben.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    await ben.press("Approve")
    await ben.sees("Rollout: 3/3 ready")

    assert not is_wider
    assert replicas(cluster, namespace) == 3
