"""What the workspace is made of: people, channels, user groups, the app. Plain values, no state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SLACKBOT = "USLACKBOT"
"""The id under which Slack itself speaks to a person."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member, guest or stranger. `handle` is what is typed after `@`."""

    id: str
    handle: str
    real_name: str
    title: str = ""
    team_id: str = ""
    """Empty for people of this workspace, the other workspace's id for people of a shared channel."""
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A conversation. Direct messages with the app have `person`, the others a name and members."""

    id: str
    name: str = ""
    topic: str = ""
    members: tuple[str, ...] = ()
    has_bot: bool = True
    is_private: bool = False
    is_ext_shared: bool = False
    is_archived: bool = False
    """Nobody writes here any more; what was written can be read."""
    person: str = ""

    @property
    def is_im(self) -> bool:
        return bool(self.person)

    @property
    def kind(self) -> str:
        """`channel_type` of message events."""
        if self.is_im:
            return "im"
        return "group" if self.is_private else "channel"


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A user group (`@oncall`)."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A message shortcut of the app."""

    callback_id: str
    name: str


@dataclass(frozen=True, slots=True)
class App:
    """The one installed app, as its manifest would describe it."""

    id: str
    bot_id: str
    bot_user_id: str
    name: str
    description: str = ""
    slash_commands: tuple[str, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    scopes: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    is_interactive: bool = True
    """What the app's manifest says of it; so does the next one. Neither changes what this Slack sends."""
    uses_socket_mode: bool = True


@dataclass(frozen=True, slots=True)
class Session:
    """What the app says of one of its threads."""

    status: str
    """`processing`, `active`, `suspended` or `closed`"""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything there is before anybody has spoken."""

    team_id: str
    name: str
    domain: str
    app: App
    people: tuple[Person, ...] = ()
    channels: tuple[Channel, ...] = ()
    user_groups: tuple[UserGroup, ...] = field(default_factory=tuple)
