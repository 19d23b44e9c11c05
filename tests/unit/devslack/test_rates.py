"""Slack's rates as the local Slack enforces them."""

from __future__ import annotations

import pytest

from bot.devslack.methods.table import METHODS
from bot.devslack.rates import PER_MINUTE, Rates


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_every_method_has_a_rate():
    assert METHODS.keys() - PER_MINUTE.keys() == {"assistant.threads.setStatus"}


def test_the_call_above_a_tier_is_told_when_to_come_back(clock):
    rates = Rates(clock, is_enforced=True)

    first = [rates.take("chat.update", {"channel": "C1"}) for _ in range(50)]
    clock.now += 20
    refused = rates.take("chat.update", {"channel": "C2"})
    clock.now += refused
    later = rates.take("chat.update", {"channel": "C2"})

    assert first == [0] * 50
    assert refused == 40
    assert later == 0


def test_refused_calls_do_not_count(clock):
    rates = Rates(clock, is_enforced=True)
    for _ in range(20):
        rates.take("usergroups.users.list", {})

    refused = [rates.take("usergroups.users.list", {}) for _ in range(5)]
    clock.now += 60
    accepted = [rates.take("usergroups.users.list", {}) for _ in range(20)]

    assert refused == [60] * 5
    assert accepted == [0] * 20


def test_a_channel_takes_one_post_a_second_and_others_do_not_wait_for_it(clock):
    rates = Rates(clock, is_enforced=True)

    answers = [rates.take("chat.postMessage", {"channel": channel}) for channel in ("C1", "C1", "C2")]
    clock.now += 1
    later = rates.take("chat.postMessage", {"channel": "C1"})

    assert answers == [0, 1, 0]
    assert later == 0


def test_the_workspace_takes_only_so_many_posts_a_minute(clock):
    rates = Rates(clock, is_enforced=True)

    answers = [rates.take("chat.postMessage", {"channel": f"C{number}"}) for number in range(301)]

    assert answers == [0] * 300 + [60]


def test_a_status_is_limited_per_thread(clock):
    rates = Rates(clock, is_enforced=True)
    for _ in range(60):
        rates.take("assistant.threads.setStatus", {"channel_id": "D1", "thread_ts": "1.0"})

    same = rates.take("assistant.threads.setStatus", {"channel_id": "D1", "thread_ts": "1.0"})
    other = rates.take("assistant.threads.setStatus", {"channel_id": "D1", "thread_ts": "2.0"})

    assert (same, other) == (60, 0)


def test_nothing_is_limited_while_rates_are_off(clock):
    rates = Rates(clock, is_enforced=False)

    assert {rates.take("chat.update", {}) for _ in range(500)} == {0}
