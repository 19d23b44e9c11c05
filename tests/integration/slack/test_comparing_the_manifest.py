"""Doctor reads the app's manifest from Slack with an app configuration token, and says what is different."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from bot.devslack.config import Config
from bot.devslack.fixture import build_default_workspace
from bot.slack.door.manifest import check_manifest
from bot.slack.door.signin import sign_in

TOKEN = "xoxe.xoxp-1-local-configuration"


def with_app(**fields: object) -> Config:
    workspace = build_default_workspace()
    return Config(workspace=replace(workspace, app=replace(workspace.app, **fields)))


async def check(desk, token: str = TOKEN) -> list[str]:
    settings = desk.settings(config_token=SecretStr(token))
    signed_in = await sign_in(settings)
    desk.stack.push_async_callback(signed_in.close)
    return await check_manifest(signed_in, settings)


async def test_an_app_that_is_as_its_manifest_says_has_no_problem(desk):
    assert await check(desk) == []


async def test_an_event_that_was_removed_is_said_with_what_it_breaks(start_desk):
    events = tuple(event for event in build_default_workspace().app.events if event != "message.groups")
    desk = await start_desk(with_app(events=events))

    assert await check(desk) == [
        "The Slack app lacks the event message.groups: answers in its threads in private channels are not heard without a mention; "
        "add it on the app's page “App Manifest”, as in manifests/slack-app.yaml."
    ]


async def test_shortcut_command_and_connection_are_compared_too(start_desk):
    desk = await start_desk(with_app(shortcuts=(), slash_commands=(), is_interactive=False, uses_socket_mode=False))

    told = await check(desk)

    assert [word in sentence for word, sentence in zip(("shortcut", "command", "interactivity", "Socket Mode"), told, strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize("token", ["xoxe-1-refresh", "xoxb-local", "xoxp-1"])
async def test_another_kind_of_token_is_sent_nowhere(desk, token):
    [told] = await check(desk, token)

    assert told.startswith("SLACK_CONFIG_TOKEN is no app configuration token")
    assert token not in told
    assert await desk.driver.requests("apps.manifest.export") == []


@pytest.mark.parametrize("error", ["token_expired", "invalid_auth", "invalid_app_id"])
async def test_a_token_that_slack_refuses_says_how_to_get_another(desk, error):
    await desk.driver.act("fault", method="apps.manifest.export", kind="error", error=error)

    [told] = await check(desk)

    assert f"({error}); make one at https://api.slack.com/apps" in told


async def test_a_slack_that_does_not_answer_is_asked_again_later(desk):
    await desk.driver.act("fault", method="bots.info", kind="status", times=9)

    [told] = await check(desk)

    assert told.endswith("so its manifest was not compared; run doctor again.")


async def test_the_token_is_in_no_log(desk, capfd, caplog):
    caplog.set_level("DEBUG")
    await desk.driver.act("fault", method="apps.manifest.export", kind="error", error="token_expired")

    told = await check(desk) + await check(desk)

    written = capfd.readouterr()
    assert "local-configuration" not in f"{told}{written.out}{written.err}{caplog.text}"
