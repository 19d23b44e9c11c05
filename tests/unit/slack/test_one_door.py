"""Every call of Slack's Web API goes through `bot.slack.door.web`, and has a rate."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import bot
from bot.devslack.methods.table import METHODS
from bot.slack import limits

ROOT = Path(bot.__file__).parent
DOOR = ROOT / "slack" / "door" / "web.py"
HOLDERS = {DOOR, ROOT / "slack" / "door" / "signin.py", ROOT / "slack" / "door" / "listeners.py"}
"""Who may know the client: the door, who builds it, and who hands Bolt the one without a token."""
CALLS = {"api_call"} | {name.replace(".", "_") for name in METHODS}
"""The client's methods, as the SDK names them: `chat_postMessage` and the like."""


def read_sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        if ROOT / "devslack" not in path.parents:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_no_module_but_the_door_calls_the_client() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}"
        for path, tree in read_sources()
        for node in ast.walk(tree)
        if path != DOOR and isinstance(node, ast.Attribute) and node.attr in CALLS | {"throttle", "respond", "say_stream"}
    ]

    assert found == []


def test_only_the_door_and_who_builds_it_know_the_client() -> None:
    found = {
        path
        for path, tree in read_sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("slack_sdk.web", "slack_sdk.webhook"))
    }

    assert found == HOLDERS


def test_every_method_that_is_named_has_a_rate() -> None:
    named = {
        node.value
        for path, tree in read_sources()
        for node in ast.walk(tree)
        if ROOT / "slack" in path.parents and isinstance(node, ast.Constant) and node.value in METHODS
    }

    assert named - set(limits.RATES) == set()
    assert {"chat.postMessage", "views.publish", "apps.connections.open"} <= named
