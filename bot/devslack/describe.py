"""Slack's objects for people, channels, user groups and the bot."""

from __future__ import annotations

from bot.devslack.local_slack import LocalSlack
from bot.devslack.values import SLACKBOT, Channel, Json, Person, UserGroup

UPDATED = 1_700_000_000
"""The `created`/`updated` time of everything that was there from the start."""


def describe_person(slack: LocalSlack, person: Person) -> Json:
    """The user object of `users.info`."""
    return {
        "id": person.id,
        "team_id": person.team_id or slack.workspace.team_id,
        "name": person.handle,
        "real_name": person.real_name,
        "deleted": person.is_deleted,
        "tz": "Europe/Berlin",
        "profile": {
            "real_name": person.real_name,
            "display_name": person.handle,
            "title": person.title,
            "team": person.team_id or slack.workspace.team_id,
        },
        "is_admin": False,
        "is_owner": False,
        "is_restricted": person.is_restricted,
        "is_ultra_restricted": person.is_ultra_restricted,
        "is_stranger": person.is_stranger,
        "is_bot": False,
        "is_app_user": False,
        "updated": UPDATED,
    }


def describe_bot_user(slack: LocalSlack) -> Json:
    """The user object of the app's bot."""
    app = slack.app
    return {
        "id": app.bot_user_id,
        "team_id": slack.workspace.team_id,
        "name": app.name,
        "real_name": app.name,
        "deleted": False,
        "profile": {"real_name": app.name, "display_name": app.name, "api_app_id": app.id, "bot_id": app.bot_id},
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": True,
        "is_app_user": False,
        "updated": UPDATED,
    }


def describe_slackbot(slack: LocalSlack) -> Json:
    return {
        "id": SLACKBOT,
        "team_id": slack.workspace.team_id,
        "name": "slackbot",
        "real_name": "Slackbot",
        "deleted": False,
        "profile": {"real_name": "Slackbot", "display_name": "Slackbot"},
        "is_bot": False,
        "updated": UPDATED,
    }


def describe_channel(slack: LocalSlack, channel: Channel) -> Json:
    """The conversation object of `conversations.info`, as the bot sees it."""
    common = {
        "id": channel.id,
        "created": UPDATED,
        "updated": UPDATED * 1000,
        "context_team_id": slack.workspace.team_id,
        "is_archived": channel.is_archived,
        "is_ext_shared": channel.is_ext_shared,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "is_im": channel.is_im,
        "is_mpim": False,
        "is_shared": channel.is_ext_shared,
    }
    if channel.is_im:
        return common | {"user": channel.person, "is_user_deleted": False, "is_open": True, "priority": 0}
    return common | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_private": channel.is_private,
        "is_general": False,
        "is_member": channel.has_bot,
        "num_members": len(channel.members) + int(channel.has_bot),
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "shared_team_ids": [slack.workspace.team_id],
    }


def describe_user_group(slack: LocalSlack, group: UserGroup, *, include_users: bool) -> Json:
    """The usergroup object of `usergroups.list`."""
    described: Json = {
        "id": group.id,
        "team_id": slack.workspace.team_id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "is_external": False,
        "date_create": UPDATED,
        "date_update": UPDATED,
        "date_delete": 0,
        "user_count": len(group.users),
    }
    return described | {"users": list(group.users)} if include_users else described


def describe_bot_profile(slack: LocalSlack) -> Json:
    app = slack.app
    return {
        "id": app.bot_id,
        "app_id": app.id,
        "user_id": app.bot_user_id,
        "name": app.name,
        "deleted": False,
        "updated": UPDATED,
        "team_id": slack.workspace.team_id,
    }
