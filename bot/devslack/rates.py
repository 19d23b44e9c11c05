"""Slack's rates: how often each method may be called, strictly.

Slack lets short bursts pass; a bot that never needs them is the safer one, so there are none here. Source: the tiers of
https://docs.slack.dev/apis/web-api/rate-limits, per method and workspace.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.devslack.values import Json

TIER_2, TIER_3, TIER_4 = 20, 50, 100
SPECIAL = 600

PER_MINUTE: Mapping[str, int] = {
    "agents.sessions.rename": TIER_3,
    "agents.sessions.setStatus": TIER_3,
    "apps.connections.open": 10,  # tier 1, but an app may open its ten connections
    "apps.manifest.export": TIER_3,
    "assistant.threads.setSuggestedPrompts": TIER_3,
    "auth.test": SPECIAL,
    "bots.info": TIER_3,
    "chat.appendStream": TIER_4,
    "chat.delete": TIER_3,
    "chat.getPermalink": SPECIAL,
    "chat.postEphemeral": TIER_4,
    "chat.postMessage": 300,  # "several hundred" per workspace, beside one a second and channel
    "chat.startStream": TIER_2,
    "chat.stopStream": TIER_2,
    "chat.update": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.list": TIER_2,
    "conversations.members": TIER_4,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "files.completeUploadExternal": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.info": TIER_4,
    "reactions.add": TIER_3,
    "reactions.remove": TIER_2,
    "team.info": TIER_3,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "views.open": TIER_4,
    "views.publish": TIER_4,
    "views.push": TIER_4,
    "views.update": TIER_4,
}
CHANNEL_SECONDS = 1.0
"""Least time between two posts to one channel."""
STATUSES_PER_MINUTE = 60
"""`assistant.threads.setStatus`, per thread."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """At most `calls` within `seconds`, counted by `key`."""

    key: tuple[str, ...]
    calls: int
    seconds: float


class Rates:
    """Counts calls by a clock in seconds; refused calls do not count."""

    def __init__(self, clock: Callable[[], float], *, is_enforced: bool) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, ...], deque[float]] = {}
        self.is_enforced = is_enforced

    def take(self, method: str, arguments: Json) -> int:
        """Counts a call. 0 if it may go, otherwise the whole seconds after which it may be tried again."""
        if not self.is_enforced:
            return 0
        now, rules = self._clock(), _find_rules(method, arguments)
        if wait := max((self._measure(rule, now) for rule in rules), default=0.0):
            return max(1, math.ceil(wait))
        for rule in rules:
            self._calls[rule.key].append(now)
        return 0

    def _measure(self, rule: _Rule, now: float) -> float:
        calls = self._calls.setdefault(rule.key, deque())
        while calls and now - calls[0] >= rule.seconds:
            calls.popleft()
        return calls[0] + rule.seconds - now if len(calls) >= rule.calls else 0.0


def _find_rules(method: str, arguments: Json) -> list[_Rule]:
    if method == "assistant.threads.setStatus":
        key = (method, str(arguments.get("channel_id")), str(arguments.get("thread_ts")))
        return [_Rule(key, STATUSES_PER_MINUTE, 60.0)]
    if method not in PER_MINUTE:
        return []
    rules = [_Rule((method,), PER_MINUTE[method], 60.0)]
    if method == "chat.postMessage":
        rules.append(_Rule((method, str(arguments.get("channel"))), 1, CHANNEL_SECONDS))
    return rules
