"""users.*, usergroups.*, bots.info, team.info, auth.test."""

from __future__ import annotations

from bot.devslack.arguments import is_true, read_count, require
from bot.devslack.describe import (
    describe_bot_profile,
    describe_bot_user,
    describe_person,
    describe_slackbot,
    describe_user_group,
)
from bot.devslack.methods.call import Call
from bot.devslack.methods.pages import cut_page
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import SLACKBOT, Json


async def auth_test(call: Call) -> Json:
    """auth.test, for the bot token."""
    slack = call.slack
    return {
        "ok": True,
        "url": f"{slack.base_url}/",
        "team": slack.workspace.name,
        "user": slack.app.name,
        "team_id": slack.workspace.team_id,
        "user_id": slack.app.bot_user_id,
        "bot_id": slack.app.bot_id,
        "is_enterprise_install": False,
    }


async def users_info(call: Call) -> Json:
    """users.info: people, the bot's own user, Slackbot."""
    user = require(call.arguments, "user", "user_not_found")
    if user == call.slack.app.bot_user_id:
        return {"ok": True, "user": describe_bot_user(call.slack)}
    if user == SLACKBOT:
        return {"ok": True, "user": describe_slackbot(call.slack)}
    return {"ok": True, "user": describe_person(call.slack, call.person())}


async def users_list(call: Call) -> Json:
    """users.list."""
    described = [describe_person(call.slack, person) for person in call.slack.people.values()]
    described += [describe_bot_user(call.slack), describe_slackbot(call.slack)]
    page, metadata = cut_page(described, call.text("cursor"), read_count(call.arguments, "limit", 1000, 1000))
    return {"ok": True, "members": page, "cache_ts": int(call.slack.config.clock()), "response_metadata": metadata}


async def usergroups_list(call: Call) -> Json:
    """usergroups.list."""
    include_users = is_true(call.arguments.get("include_users"))
    groups = [describe_user_group(call.slack, group, include_users=include_users) for group in call.slack.user_groups.values()]
    return {"ok": True, "usergroups": groups}


async def usergroups_users_list(call: Call) -> Json:
    """usergroups.users.list."""
    group = call.slack.user_groups.get(require(call.arguments, "usergroup", "no_such_subteam"))
    if group is None:
        raise ApiRefusalError("no_such_subteam")
    return {"ok": True, "users": list(group.users)}


async def bots_info(call: Call) -> Json:
    """bots.info."""
    if call.text("bot") != call.slack.app.bot_id:
        raise ApiRefusalError("bot_not_found")
    return {"ok": True, "bot": describe_bot_profile(call.slack)}


async def team_info(call: Call) -> Json:
    """team.info."""
    workspace = call.slack.workspace
    return {
        "ok": True,
        "team": {"id": workspace.team_id, "name": workspace.name, "domain": workspace.domain, "email_domain": ""},
    }
