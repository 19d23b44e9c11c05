"""What holds in one channel in place of the defaults."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from bot.settings_base import Group


def _check_channel(text: str) -> str:
    if not re.fullmatch("[CGD][A-Z0-9]+", text):
        raise ValueError(f"{text!r} is no channel id (C0123ABC); Slack shows it at the bottom of the channel's details")
    return text


def _check_target(text: str) -> str:
    if not re.fullmatch("[UWS][A-Z0-9]+", text):
        raise ValueError(f"{text!r} is no id of a user (U0123ABC) or a user group (S0123ABC); names can be taken by anybody")
    return text


ChannelId = Annotated[str, AfterValidator(_check_channel)]
SlackTarget = Annotated[str, AfterValidator(_check_target)]
"""Id of a user or a user group."""


class ChannelSettings(Group):
    """One channel. Instructions for the model are in `instructions.channels`."""

    cluster: str = ""
    """Name of the cluster that its threads talk to; empty means the first one."""
    namespace: str = ""
    """Namespace that commands use when they name none; empty means the cluster's."""
    quiet: bool = False
    """Whether the bot answers only when it is mentioned, also in threads it is in."""
    askers: tuple[SlackTarget, ...] = ()
    """Slack user ids (`U…`, `W…`) and user group ids (`S…`) that may ask there. Empty: everybody who may use the bot."""
