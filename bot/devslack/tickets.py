"""Short-lived permissions Slack hands to an app: trigger ids and response URLs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bot.devslack.config import Config
from bot.devslack.refusal import ApiRefusalError


@dataclass(slots=True)
class _Trigger:
    person: str
    issued: float
    is_used: bool = False


class Triggers:
    """Trigger ids: three seconds, one use."""

    def __init__(self, config: Config) -> None:
        self._seconds = config.trigger_seconds
        self._clock: Callable[[], float] = config.clock
        self._triggers: dict[str, _Trigger] = {}

    def issue(self, person: str) -> str:
        trigger_id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = _Trigger(person, self._clock())
        return trigger_id

    def redeem(self, trigger_id: str) -> str:
        """The person behind a trigger. Raises ApiRefusalError for an unknown, late or used one."""
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise ApiRefusalError("invalid_trigger_id")
        if trigger.is_used:
            raise ApiRefusalError("exchanged_trigger_id")
        if self._clock() - trigger.issued > self._seconds:
            raise ApiRefusalError("expired_trigger_id")
        trigger.is_used = True
        return trigger.person


@dataclass(slots=True)
class Grant:
    """What a response URL allows: to answer one person in one place, about one message if there is one."""

    person: str
    channel: str
    issued: float
    uses_left: int
    thread_ts: str = ""
    message_ts: str = ""
    is_ephemeral: bool = False


class ResponseUrls:
    """Response URLs: half an hour, five uses."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._grants: dict[str, Grant] = {}

    def issue(self, person: str, channel: str, *, thread_ts: str = "", message_ts: str = "", is_ephemeral: bool = False) -> str:
        """A fresh id for the URL's path."""
        name = secrets.token_urlsafe(18)
        self._grants[name] = Grant(
            person, channel, self._config.clock(), self._config.response_url_uses, thread_ts, message_ts, is_ephemeral
        )
        return name

    def use(self, name: str) -> Grant:
        """Count one use. Raises ApiRefusalError when the URL is unknown, over time or used up."""
        grant = self._grants.get(name)
        if grant is None:
            raise ApiRefusalError("invalid_url")
        if self._config.clock() - grant.issued > self._config.response_url_seconds:
            raise ApiRefusalError("expired_url")
        if grant.uses_left < 1:
            raise ApiRefusalError("used_url")
        grant.uses_left -= 1
        return grant
