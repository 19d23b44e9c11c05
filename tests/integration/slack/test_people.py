"""Who may use the bot and where, as the local Slack says at that moment."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from bot.devslack.driver import wait_until
from bot.devslack.server import run_server
from bot.errors import ConfigError, SurfaceUnavailableError
from bot.slack.door.connect import Connections
from bot.slack.door.listeners import Listeners
from bot.slack.door.signin import sign_in


async def test_member_is_known_by_name_and_not_refused(desk):
    running = await desk.start()

    person = await running.surface.person("U01ANA")

    assert (person.name, person.refusal) == ("ana", "")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"is_restricted": True}, "Guests"),
        ({"is_ultra_restricted": True}, "Guests"),
        ({"is_stranger": True}, "members of this workspace"),
        ({"team_id": "T0OTHER"}, "members of this workspace"),
        ({"is_deleted": True}, "deactivated"),
    ],
)
async def test_people_who_may_not_are_refused_as_soon_as_they_change(desk, fields, word):
    running = await desk.start()
    assert (await running.surface.person("U01BEN")).refusal == ""

    await desk.driver.act("person", person={"id": "U01BEN", **fields})

    assert word in (await running.surface.person("U01BEN")).refusal


@pytest.mark.parametrize("user_id", ["USLACKBOT", "U01KUBECTL", "U0NOBODY", "nonsense", ""])
async def test_bots_and_unknown_people_are_refused(desk, user_id):
    running = await desk.start()

    person = await running.surface.person(user_id)

    assert person.refusal


async def test_asking_about_a_person_fails_closed(desk):
    running = await desk.start()
    await desk.driver.act("fault", method="users.info", kind="status", times=5)

    with pytest.raises(SurfaceUnavailableError):
        await running.surface.person("U01ANA")


async def test_user_group_members_are_kept_for_a_short_time(desk):
    running = await desk.start()

    first = await running.surface.members_of("S01ONCALL")
    second = await running.surface.members_of("S01ONCALL")

    assert first == second == frozenset({"U01ANA", "U01BEN"})
    assert len(await desk.driver.requests("usergroups.users.list")) == 1
    assert await running.surface.members_of("S0NOSUCH") == frozenset()


async def test_user_group_that_cannot_be_asked_fails_closed(desk):
    running = await desk.start()
    await desk.driver.act("fault", method="usergroups.users.list", kind="close_before", times=9)

    with pytest.raises(SurfaceUnavailableError):
        await running.surface.members_of("S01ONCALL")


async def test_channels_are_refused_for_a_reason(desk):
    running = await desk.start()

    assert await running.surface.channel_refusal("C01ONCALL") == ""
    assert await running.surface.channel_refusal("D01ANA") == ""
    await desk.driver.act("channel", channel={"id": "C01RANDOM", "is_ext_shared": True})
    assert "another organization" in await running.surface.channel_refusal("C01RANDOM")
    await desk.driver.act("channel", channel={"id": "C01RANDOM", "is_ext_shared": False, "has_bot": False})
    assert "invite" in await running.surface.channel_refusal("C01RANDOM")
    assert "invite" in await running.surface.channel_refusal("C0NOWHERE")


async def test_allow_list_of_channels_holds_for_direct_messages_too(desk):
    running = await desk.start(channels=("C01ONCALL",))

    assert await running.surface.channel_refusal("C01ONCALL") == ""
    assert "only in the channels" in await running.surface.channel_refusal("C01RANDOM")
    assert "only in the channels" in await running.surface.channel_refusal("D01ANA")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bot_token": SecretStr("")}, "Set SLACK_BOT_TOKEN"),
        ({"app_token": SecretStr("")}, "Set SLACK_APP_TOKEN"),
        ({"bot_token": SecretStr("xoxp-user")}, "begins with xoxb-"),
        ({"api_url": "http://127.0.0.1:9/api/"}, "cannot be reached"),
        ({"api_url": "slack.example"}, "SLACK_API_URL must be"),
    ],
)
async def test_start_is_refused_in_one_sentence(desk, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        await sign_in(desk.settings(**changes))


@pytest.mark.parametrize("error", ["invalid_auth", "token_revoked", "something_new"])
async def test_bot_token_that_slack_refuses_stops_the_start(desk, error):
    await desk.driver.act("fault", method="auth.test", kind="error", error=error)

    with pytest.raises(ConfigError, match="SLACK_BOT_TOKEN"):
        await sign_in(desk.settings())


async def test_missing_scopes_stop_the_start_by_name(desk):
    app = desk.config.workspace.app
    poor = replace(app, scopes=tuple(scope for scope in app.scopes if scope not in {"usergroups:read", "users:read"}))
    config = replace(desk.config, workspace=replace(desk.config.workspace, app=poor))
    url = await desk.stack.enter_async_context(run_server(config))

    with pytest.raises(ConfigError, match=r"lacks the bot scopes usergroups:read, users:read"):
        await sign_in(desk.settings(api_url=f"{url}/api/"))


async def test_proxy_of_the_environment_is_not_used_for_this_machine(desk, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    running = await desk.start(connect=True, connections=1)

    assert (await running.surface.person("U01ANA")).refusal == ""


@pytest.mark.parametrize("error", ["invalid_auth", "missing_scope", "not_allowed_token_type"])
async def test_app_token_that_slack_refuses_stops_the_start(desk, error):
    await desk.driver.act("fault", method="apps.connections.open", kind="error", error=error)
    signed_in = await sign_in(desk.settings())
    desk.stack.push_async_callback(signed_in.close)
    listeners = Listeners(signed_in.bare, signed_in.web, signed_in.bot, desk.inbox, lambda: None)

    with pytest.raises(ConfigError, match="SLACK_APP_TOKEN"):
        await Connections(signed_in, desk.settings(), listeners).open()


async def test_connection_that_breaks_comes_back(desk):
    running = await desk.start(connect=True, connections=1)

    await desk.driver.act("disconnect", reason="abort")

    await desk.driver.wait_for_connections(1)
    assert running.connections.find_trouble() == ""


async def test_connection_that_the_sdk_gave_up_is_replaced_by_the_watchdog(desk):
    running = await desk.start(connect=True, connections=1, ping_seconds=0.2)

    await running.connections._links[0].handler.client.close()

    await wait_until(lambda: _has_trouble(running, True))
    await wait_until(lambda: _has_trouble(running, False))
    await desk.driver.say("ana", "dm", "are you back?")
    await wait_until(lambda: _has_stored(desk))


async def _has_trouble(running, expected: bool) -> bool:
    return bool(running.connections.find_trouble()) is expected


async def _has_stored(desk) -> bool:
    return bool(desk.inbox.stored)
