"""A thread as people steer it, and tools that the installer adds: a real bot, a real MCP server, a real sandbox."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.devslack.driver import Driver
from bot.sandbox.claims import name_claim
from tests.e2e.conftest import Bots, Cluster, Script
from tests.e2e.model import listening_model
from tests.e2e.test_main_job import BEN, Oncall, call, key_of

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SERVER = Path(__file__).parent.parent / "integration" / "toolservers" / "server.py"
TALK = {"models": ["scripted"], "rules": [{"when": {}, "reply": [{"text": "Noted."}]}]}


def using(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A model that uses one tool and tells what it answered."""
    return {
        "models": ["scripted"],
        "rules": [
            {"when": {"step": 0}, "reply": [{"call": {"name": tool, "args": arguments}}]},
            {"when": {"step": 1, "answer": r"(?P<said>[\s\S]{0,1500})"}, "reply": [{"text": "It said: ${said}"}]},
        ],
    }


async def answered(people: Oncall, thread: str) -> dict[str, Any]:
    """The message with the answer of the first turn."""
    return await people.slack.wait_for_message("oncall", lambda message: key_of(message).endswith(":answer:1"), thread)


async def test_a_tool_of_an_mcp_server_is_called_once_after_approval(bots: Bots, slack: Driver, script: Script, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    script.play(using("tickets_close_ticket", {"number": 7, "why": "disk replaced"}))
    server = {"name": "tickets", "command": sys.executable, "args": [str(SERVER), str(notes)], "timeout": 60}
    bot = bots.make(more={"mcp": {"servers": [server]}})
    await bot.start()
    people = Oncall(slack)
    thread = await people.ask("close ticket 7")
    card = await people.card(thread)
    was_called_before = notes.exists()

    await people.approve(card)

    answer = await answered(people, thread)
    assert "Tool tickets/close_ticket" in json.dumps(card)
    assert not was_called_before
    assert notes.read_text() == "closed 7 disk replaced\n"
    assert "ticket 7 is closed" in json.dumps(answer)


async def test_a_tool_of_the_installer_runs_in_the_sandbox(bots: Bots, slack: Driver, script: Script, tmp_path: Path) -> None:
    tools = tmp_path / "tools.yaml"
    tools.write_text("- {name: shout, description: Shouts., command: printf '%s!', command_desc: What to shout.}\n")
    script.play(using("shout", {"command": "`uname -n`"}))
    bot = bots.make(more={"tools": {"path": str(tools)}})
    await bot.start()
    people = Oncall(slack)

    thread = await people.ask("shout your name")

    answer = await answered(people, thread)
    [row] = bot.database.rows("SELECT sandbox_pod FROM threads WHERE thread_ts = ?", thread)
    assert f"{row['sandbox_pod'].partition('/')[0]}!" in json.dumps(answer)


async def test_a_thread_is_exported_and_cleared(bots: Bots, slack: Driver) -> None:
    people = Oncall(slack)
    async with listening_model(json.dumps(TALK)) as listener:
        bot = bots.make(model=listener.environment)
        await bot.start()
        thread = await people.ask("the word is swordfish")
        await people.says(thread, "Noted.")

        await slack.say(BEN, "oncall", "export", thread)
        shared = await people.slack.wait_for_message("oncall", lambda message: bool(message.get("files")), thread)
        await slack.say(BEN, "oncall", "clear", thread)
        await people.says(thread, "Cleared: the model no longer knows")
        await slack.say(BEN, "oncall", "which word?", thread)
        await people.slack.wait_for_message("oncall", lambda message: key_of(message).endswith(":answer:2"), thread)

        assert shared["files"][0]["name"].endswith(".md")
        assert "swordfish" in listener.bodies[0]
        assert "which word?" in listener.bodies[-1]
        assert "swordfish" not in listener.bodies[-1]


@pytest.mark.parametrize("is_drained", [False, True], ids=["its claim is deleted", "its pod comes back under the same name"])
async def test_a_thread_whose_sandbox_was_deleted_and_its_model_are_told_that_files_are_gone(
    cluster: Cluster, bots: Bots, slack: Driver, is_drained: bool
) -> None:
    rules = [
        {"when": {"question": "make a file", "step": 0}, "reply": [call("echo kept > note && cat note")]},
        {"when": {"question": "read the file", "step": 0}, "reply": [call("cat note")]},
        {"when": {"answer": "status: (?P<status>.+)"}, "reply": [{"text": "I have looked."}]},
    ]
    people = Oncall(slack)
    async with listening_model(json.dumps({"models": ["scripted"], "rules": rules})) as listener:
        bot = bots.make(model=listener.environment)
        await bot.start()
        thread = await people.ask("make a file")
        await answered(people, thread)
        [row] = bot.database.rows("SELECT id, sandbox_pod FROM threads WHERE thread_ts = ?", thread)
        pod = row["sandbox_pod"].partition("/")[0]
        what = ("pod", pod) if is_drained else ("sandboxclaim", name_claim(row["id"]))
        cluster.kubectl("-n", "kubectl-ai-sandboxes", "delete", *what, "--timeout=120s")

        await slack.say(BEN, "oncall", "read the file", thread)
        await people.slack.wait_for_message("oncall", lambda message: key_of(message).endswith(":answer:2"), thread)

    told = "This thread has a new sandbox: files that earlier commands made are gone."
    [now] = bot.database.rows("SELECT sandbox_pod FROM threads WHERE thread_ts = ?", thread)
    notices = [message for message in await slack.messages("oncall", thread) if told in json.dumps(message)]
    assert now["sandbox_pod"] != row["sandbox_pod"]
    assert now["sandbox_pod"].startswith(f"{pod}/") == is_drained
    assert len([message for message in notices if ":notice:files:" in key_of(message)]) == 1
    assert told not in listener.bodies[1]
    response = json.loads(listener.bodies[-1])["contents"][-1]["parts"][0]["functionResponse"]["response"]
    assert f"note: {told}" in next(iter(response.values()))
