"""The manifest of the Slack app: what it asks for is what the bot uses, each with its reason, within Slack's limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bot.devslack.fixture import build_default_workspace
from bot.settings import SlackSettings
from bot.slack.door.scopes import REQUIRED, WANTED, find_missing, find_scope_problems
from bot.slack.parse import INVESTIGATE
from bot.slack.rendering.home import PROMPTS

PATH = Path(__file__).resolve().parents[3] / "manifests" / "slack-app.yaml"
TEXT = PATH.read_text(encoding="utf-8")
APP = yaml.safe_load(TEXT)
SCOPES = APP["oauth_config"]["scopes"]["bot"]


def test_scopes_are_those_that_the_bot_uses_and_no_more():
    assert sorted(SCOPES) == sorted({*REQUIRED, *WANTED})


def test_every_scope_has_a_reason_beside_it():
    lines = re.findall(r"^      - ([a-z_]+:[a-z._]+|commands)\b *(#.*)?$", TEXT, re.MULTILINE)

    without = [scope for scope, reason in lines if not reason]
    assert len(lines) == len(SCOPES)
    assert without == ["groups:read"]  # the line above it speaks for both


def test_events_shortcuts_and_commands_are_those_that_the_bot_understands():
    [shortcut] = APP["features"]["shortcuts"]
    [command] = APP["features"]["slash_commands"]

    assert APP["settings"]["event_subscriptions"]["bot_events"] == [
        *("agent_session_stopped", "app_home_opened", "app_mention", "message.channels", "message.groups", "message.im"),
    ]
    assert (shortcut["callback_id"], shortcut["type"]) == (INVESTIGATE, "message")
    assert command["command"] == SlackSettings().command
    assert command["should_escape"] is True
    assert APP["settings"]["interactivity"]["is_enabled"] is True
    assert APP["settings"]["socket_mode_enabled"] is True


def test_suggested_questions_are_those_that_the_bot_sends():
    view = APP["features"]["agent_view"]

    assert tuple((item["title"], item["message"]) for item in view["suggested_prompts"]) == PROMPTS
    assert len(view["suggested_prompts"]) <= 4
    assert len(view["agent_description"]) <= 300


def test_texts_are_within_slacks_limits():
    display = APP["display_information"]
    [shortcut] = APP["features"]["shortcuts"]
    [command] = APP["features"]["slash_commands"]

    assert len(display["name"]) <= 35
    assert len(display["description"]) <= 140
    assert len(shortcut["name"]) <= 24 + 12  # Slack shows 24 and keeps the rest
    assert len(shortcut["description"]) <= 150
    assert len(command["description"]) <= 2_000
    assert len(command["usage_hint"]) <= 1_000


def test_local_slack_is_an_installation_of_this_manifest():
    app = build_default_workspace().app

    assert set(SCOPES) <= set(app.scopes)
    assert set(APP["settings"]["event_subscriptions"]["bot_events"]) == set(app.events)
    assert [(item.callback_id, item.name) for item in app.shortcuts] == [
        (item["callback_id"], item["name"]) for item in APP["features"]["shortcuts"]
    ]
    assert list(app.slash_commands) == [item["command"] for item in APP["features"]["slash_commands"]]


@pytest.mark.parametrize(
    ("granted", "missing", "says"),
    [
        (None, [], []),
        (",".join(SCOPES), [], []),
        (",".join(set(SCOPES) - {"files:write"}), [], ["files:write: long outputs come without a file"]),
        (", ".join(set(SCOPES) - {"users:read", "im:read"}), ["im:read", "users:read"], ["lacks the bot scopes im:read, users:read"]),
    ],
)
def test_granted_scopes_are_compared_and_the_fix_is_said(granted, missing, says):
    problems = find_scope_problems(granted)

    assert find_missing(granted) == missing
    assert [said in problem for said, problem in zip(says, problems, strict=True)] == [True] * len(says)
    assert all("manifests/slack-app.yaml" in problem for problem in problems)
