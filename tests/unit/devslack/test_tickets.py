"""Trigger ids and response URLs: time and number of uses."""

from __future__ import annotations

import pytest

from bot.devslack.config import Config
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.tickets import ResponseUrls, Triggers


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_trigger_works_once(clock):
    triggers = Triggers(Config(clock=clock))
    trigger = triggers.issue("U01ANA")

    assert triggers.redeem(trigger) == "U01ANA"
    with pytest.raises(ApiRefusalError, match="exchanged_trigger_id"):
        triggers.redeem(trigger)


@pytest.mark.parametrize(("seconds", "is_late"), [(3.0, False), (3.1, True)])
def test_a_trigger_works_for_three_seconds(clock, seconds, is_late):
    triggers = Triggers(Config(clock=clock))
    trigger = triggers.issue("U01ANA")

    clock.now += seconds

    if is_late:
        with pytest.raises(ApiRefusalError, match="expired_trigger_id"):
            triggers.redeem(trigger)
    else:
        assert triggers.redeem(trigger) == "U01ANA"


def test_a_response_url_works_five_times(clock):
    urls = ResponseUrls(Config(clock=clock))
    name = urls.issue("U01ANA", "C01ONCALL")

    for _ in range(5):
        urls.use(name)

    with pytest.raises(ApiRefusalError, match="used_url"):
        urls.use(name)


def test_a_response_url_works_for_half_an_hour(clock):
    urls = ResponseUrls(Config(clock=clock))
    name = urls.issue("U01ANA", "C01ONCALL")

    clock.now += 1_800
    urls.use(name)
    clock.now += 1

    with pytest.raises(ApiRefusalError, match="expired_url"):
        urls.use(name)
