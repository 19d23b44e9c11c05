"""Kept messages: time stamps, threads, and what reading adds."""

from __future__ import annotations

import pytest

from bot.devslack.journal import Journal
from bot.devslack.messages import Messages


@pytest.fixture
def messages() -> Messages:
    return Messages(lambda: 1_700_000_000.5, Journal(None))


def test_time_stamps_grow_even_when_the_clock_stands_still(messages):
    stamps = [messages.next_ts() for _ in range(3)]

    assert stamps == ["1700000000.500000", "1700000000.500001", "1700000000.500002"]


def test_time_stamps_stay_behind_those_that_were_restored(messages):
    messages.restore("C1", {"ts": "1800000000.000009", "user": "U1"})

    assert messages.next_ts() == "1800000000.000010"


def test_a_root_counts_its_replies_and_a_reply_names_the_roots_author(messages):
    messages.put("C1", {"ts": "1.000001", "user": "U1"})
    messages.put("C1", {"ts": "1.000002", "user": "U2", "thread_ts": "1.000001"})
    messages.put("C1", {"ts": "1.000003", "user": "U1", "thread_ts": "1.000001"})

    root, first, _ = messages.list_replies("C1", "1.000001")

    assert (root["reply_count"], root["reply_users"], root["latest_reply"]) == (2, ["U2", "U1"], "1.000003")
    assert root["thread_ts"] == "1.000001"
    assert first["parent_user_id"] == "U1"


def test_replies_are_not_in_the_channel_unless_they_were_broadcast(messages):
    messages.put("C1", {"ts": "1.000001", "user": "U1"})
    messages.put("C1", {"ts": "1.000002", "user": "U2", "thread_ts": "1.000001"})
    messages.put("C1", {"ts": "1.000003", "user": "U2", "thread_ts": "1.000001", "subtype": "thread_broadcast"})

    assert [message["ts"] for message in messages.list_top_level("C1")] == ["1.000001", "1.000003"]


def test_a_removed_last_reply_makes_the_root_an_ordinary_message_again(messages):
    messages.put("C1", {"ts": "1.000001", "user": "U1"})
    messages.put("C1", {"ts": "1.000002", "user": "U2", "thread_ts": "1.000001"})

    messages.remove("C1", "1.000002")

    assert messages.list_top_level("C1") == [{"ts": "1.000001", "user": "U1"}]
