"""Who people are and where the bot may work, as Slack says right now. What Slack does not say counts against it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bot.errors import SurfaceError
from bot.settings import SlackSettings
from bot.slack import limits
from bot.slack.door.web import Answer, Refused, WebApi, refused
from bot.slack.parse import Bot
from bot.slack.rendering.text import flatten, is_channel_id, is_group_id, is_user_id
from bot.values.people import Person

_GROUP_SECONDS = 5.0
"""How long a user group's members are remembered: who leaves it can approve nothing moments later; Slack allows 20 looks a minute."""
_MEMBER_SECONDS = 60.0
_CHANNEL_SECONDS = 20.0
_NOBODY = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
_NO_CHANNEL = frozenset({"channel_not_found", "not_in_channel", "method_not_supported_for_channel_type"})
_NO_GROUP = frozenset({"no_such_subteam", "subteam_not_found", "not_found"})


class People:
    """Asks Slack; raises SurfaceUnavailableError when it cannot, so that callers fail closed."""

    def __init__(self, web: WebApi, bot: Bot, settings: SlackSettings) -> None:
        self._web = web
        self._bot = bot
        self._settings = settings
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}
        self._channels: dict[str, tuple[float, str]] = {}
        self._members: dict[str, tuple[float, frozenset[str], bool]] = {}

    async def fetch_person(self, user_id: str) -> Person:
        """Asked afresh each time. Somebody Slack does not know is external."""
        stranger = Person(user_id, "", "", is_external=True)
        if not is_user_id(user_id):
            return stranger
        reply = await self._web.ask("users.info", {"user": user_id})
        if isinstance(reply, Refused):
            if reply.error in _NOBODY:
                return stranger
            raise refused("users.info", reply)
        user = reply.data.get("user")
        return _read_person(user, user_id, self._bot.team_id) if isinstance(user, dict) else stranger

    async def fetch_members(self, group_id: str) -> frozenset[str]:
        """The user ids of a user group, at most a few seconds old. A group that is disabled or unknown has none."""
        if not is_group_id(group_id):
            return frozenset()
        now = asyncio.get_running_loop().time()
        cached = self._groups.get(group_id)
        if cached is not None and now - cached[0] < _GROUP_SECONDS:
            return cached[1]
        reply = await self._web.ask("usergroups.users.list", {"usergroup": group_id, "include_disabled": False})
        if isinstance(reply, Refused) and reply.error not in _NO_GROUP:
            raise refused("usergroups.users.list", reply)
        users = reply.data.get("users") if isinstance(reply, Answer) else None
        members = frozenset(user for user in users or [] if isinstance(user, str))
        self._groups[group_id] = (now, members)
        return members

    async def is_member(self, channel_id: str, user_id: str, *, is_fresh: bool = False) -> bool:
        """Whether the person is in the conversation, as Slack says now or said within the last minute. A direct message has one. Raises
        SurfaceError for somebody who is not among the members of a conversation that has too many to read them all."""
        now = asyncio.get_running_loop().time()
        cached = self._members.get(channel_id)
        if cached is None or is_fresh or now - cached[0] >= _MEMBER_SECONDS:
            cached = (now, *await self._fetch_channel_members(channel_id))
            self._members[channel_id] = cached
        if user_id not in cached[1] and not cached[2]:
            raise SurfaceError("This channel has too many members to look for one of them.")
        return user_id in cached[1]

    async def _fetch_channel_members(self, channel_id: str) -> tuple[frozenset[str], bool]:
        """Its members, and whether these are all."""
        members: set[str] = set()
        arguments: dict[str, Any] = {"channel": channel_id, "limit": limits.MEMBERS_PAGE}
        for _ in range(limits.MEMBERS_PAGES):
            reply = await self._web.ask("conversations.members", arguments)
            if isinstance(reply, Refused):
                if reply.error in _NO_CHANNEL:
                    return frozenset(), True
                raise refused("conversations.members", reply)
            members |= {member for member in reply.data.get("members") or [] if isinstance(member, str)}
            cursor = (reply.data.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return frozenset(members), True
            arguments["cursor"] = cursor
        return frozenset(members), False

    async def check_channel(self, channel_id: str) -> str:
        """Why the bot may not work in this channel, in one sentence, or ''. A yes is kept for 20 s."""
        if not is_channel_id(channel_id):
            return "kubectl-ai does not know this kind of conversation."
        if self._settings.channels and channel_id not in self._settings.channels:
            return "kubectl-ai works only in the channels that its settings name; ask in one of them."
        now = asyncio.get_running_loop().time()
        cached = self._channels.get(channel_id)
        if cached is not None and now - cached[0] < _CHANNEL_SECONDS:
            return cached[1]
        reply = await self._web.ask("conversations.info", {"channel": channel_id})
        if isinstance(reply, Refused):
            if reply.error in _NO_CHANNEL:
                return "kubectl-ai is not in this channel; invite it with /invite, then ask again."
            raise refused("conversations.info", reply)
        channel = reply.data.get("channel")
        refusal = _find_refusal(channel) if isinstance(channel, dict) else "Slack did not say what this channel is."
        if not refusal:
            self._channels[channel_id] = (now, refusal)
        return refusal


def _read_person(user: Mapping[str, Any], user_id: str, home: str) -> Person:
    profile = user.get("profile") or {}
    name = profile.get("display_name") or user.get("real_name") or user.get("name") or user_id
    enterprise = user.get("enterprise_user") or {}
    is_home = user.get("team_id") == home or home in (enterprise.get("teams") or ())
    return Person(
        user_id=user_id,
        team_id=str(user.get("team_id") or ""),
        name=flatten(str(name), limits.NAME_CHARS),
        is_bot=bool(user.get("is_bot") or user.get("is_workflow_bot")) or user_id == "USLACKBOT",
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_external=not is_home or bool(user.get("is_stranger") or user.get("is_external")) or user.get("id") != user_id,
        is_deleted=bool(user.get("deleted")),
    )


def _find_refusal(channel: Mapping[str, Any]) -> str:
    if channel.get("is_archived"):
        return "This channel is archived; use another one."
    # Slack always says it for channels; direct messages may lack the field.
    if channel.get("is_ext_shared") is not False and not (channel.get("is_im") and not channel.get("is_ext_shared")):
        return "kubectl-ai does not work in channels that are shared with another organization; use an internal one."
    if channel.get("is_pending_ext_shared") or channel.get("pending_shared") or channel.get("pending_connected_team_ids"):
        return "This channel is about to be shared with another organization; use an internal one."
    if channel.get("is_member") is False and not channel.get("is_im"):
        return "kubectl-ai is not in this channel; invite it with /invite, then ask again."
    return ""


def raise_unless_user(user_id: str) -> None:
    """Raises SurfaceError for what cannot be a person's id."""
    if not is_user_id(user_id):
        raise SurfaceError("Slack gave no valid id for this person; nothing was sent.")
