"""Who approves is asked about at the click, however they stood when the card was drawn; who cannot be asked about approves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bot.changes.change import State
from bot.devslack.driver import wait_until
from bot.slack.door import people
from tests.integration.slack.whole import SCALE, Whole

MORE_THAN_TRIED = 20
"""Calls that fail: more than the adapter makes for one click."""
FAILING = [
    pytest.param("users.info", {"kind": "status"}, id="users.info answers 500"),
    pytest.param("users.info", {"kind": "close_before"}, id="users.info is cut off"),
    pytest.param("usergroups.users.list", {"kind": "error", "error": "internal_error"}, id="the group cannot be read"),
]
CHANGED = [
    pytest.param({"is_deleted": True}, "This account is deactivated.", id="deleted"),
    pytest.param({"is_restricted": True}, "Guests cannot use kubectl-ai", id="guest"),
    pytest.param({"team_id": "T0OTHER"}, "Only members of this workspace", id="of another team"),
    pytest.param({"is_stranger": True}, "Only members of this workspace", id="stranger"),
]


async def propose(whole: Whole) -> dict:
    """Ana asks for a change that Ben may approve; its card."""
    root = await whole.driver.say("ana", "oncall", f"@kubectl-ai {SCALE}")
    card = await whole.driver.wait_for_message("oncall", "Approve", root["ts"])
    assert "3 → 5" in str(card)
    return card


async def approve(whole: Whole, card: dict, *, is_typed: bool) -> None:
    """Ben approves, by button or in words."""
    if is_typed:
        await whole.driver.say("ben", "oncall", "approve 1", card["thread_ts"])
    else:
        assert await whole.driver.click("ben", "oncall", card["ts"], "approve")


async def assert_nothing_happened(whole: Whole) -> None:
    change = await whole.stores.changes.get(1)
    assert change is not None
    assert (change.state, change.decided_by) == (State.PROPOSED, "")
    assert whole.cluster.landed == []
    assert whole.cluster.object["spec"]["replicas"] == 3


async def is_done(whole: Whole) -> bool:
    change = await whole.stores.changes.get(1)
    return change is not None and change.state is State.DONE


@pytest.mark.parametrize("is_typed", [False, True], ids=["button", "words"])
@pytest.mark.parametrize(("fields", "why"), CHANGED)
async def test_who_is_no_approver_any_more_is_told_and_approves_nothing(
    whole: Whole, fields: dict[str, Any], why: str, is_typed: bool
) -> None:
    card = await propose(whole)
    await whole.driver.act("person", person={"id": "U01BEN", **fields})

    await approve(whole, card, is_typed=is_typed)

    await whole.driver.wait_for_ephemeral("ben", why)
    await assert_nothing_happened(whole)


@pytest.mark.parametrize("is_typed", [False, True], ids=["button", "words"])
@pytest.mark.parametrize(("method", "fault"), FAILING)
async def test_who_cannot_be_asked_about_approves_nothing_until_slack_answers_again(
    whole: Whole, method: str, fault: dict[str, Any], is_typed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "_GROUP_SECONDS", 0.0)  # the card has asked for the members a moment ago
    card = await propose(whole)
    await whole.driver.act("fault", method=method, times=MORE_THAN_TRIED, **fault)

    await approve(whole, card, is_typed=is_typed)

    await whole.driver.wait_for_ephemeral("ben", "Slack could not be asked who you are, so nothing was done.")
    await assert_nothing_happened(whole)
    await whole.driver.act("clear_faults")
    await approve(whole, card, is_typed=is_typed)
    await wait_until(lambda: is_done(whole))
    assert whole.cluster.object["spec"]["replicas"] == 5
