"""What doctor says of an app that is set up in another way than its manifest."""

from __future__ import annotations

from copy import deepcopy

import pytest

from bot.settings import SlackSettings
from bot.slack.door.manifest import EVENTS, find_differences
from tests.unit.slack.test_manifest import APP


def change(path: str, value: object) -> dict:
    manifest = deepcopy(APP)
    *parents, last = path.split(".")
    part = manifest
    for name in parents:
        part = part[name]
    part[last] = value
    return manifest


def test_the_manifest_itself_has_no_difference():
    assert find_differences(APP, SlackSettings()) == []
    assert sorted(EVENTS) == sorted(APP["settings"]["event_subscriptions"]["bot_events"])


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_a_missing_event_says_what_does_not_work_without_it(event):
    manifest = change("settings.event_subscriptions.bot_events", sorted(set(EVENTS) - {event}))

    [told] = find_differences(manifest, SlackSettings())

    assert told.startswith(f"The Slack app lacks the event {event}: {EVENTS[event]}; add it ")
    assert told.endswith("as in manifests/slack-app.yaml.")


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (
            "settings.event_subscriptions.bot_events",
            [*EVENTS, "reaction_added"],
            "has the event reaction_added, which the bot does not use",
        ),
        ("features.shortcuts", [], "lacks the shortcut investigate"),
        ("features.shortcuts", [{"callback_id": "investigate", "type": "global"}], "is not one on messages"),
        (
            "features.shortcuts",
            [*APP["features"]["shortcuts"], {"callback_id": "old", "type": "message"}],
            "has the shortcut old, which the bot does not answer",
        ),
        ("features.slash_commands", [{"command": "/kubectl-ai"}], "`should_escape: true`"),
        ("settings.interactivity", {}, "has interactivity off"),
        ("settings.socket_mode_enabled", False, "has Socket Mode off"),
    ],
)
def test_each_other_difference_is_one_sentence(path, value, told):
    [said] = find_differences(change(path, value), SlackSettings())

    assert told in said
    assert "manifests/slack-app.yaml" in said


def test_the_command_is_that_of_the_settings():
    told = find_differences(APP, SlackSettings(command="/kube"))

    assert [sentence.split("; ")[0] for sentence in told] == [
        "The Slack app lacks the command /kube (the setting `slack.command`)",
        "The Slack app has the command /kubectl-ai, which the bot does not answer",
    ]


def test_over_http_socket_mode_has_to_be_off():
    assert "has Socket Mode on" in find_differences(APP, SlackSettings(mode="http"))[0]
    assert find_differences(change("settings.socket_mode_enabled", False), SlackSettings(mode="http")) == []


def test_an_empty_manifest_lacks_everything():
    assert len(find_differences({}, SlackSettings())) == len(EVENTS) + 4
