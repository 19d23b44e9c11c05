"""A change that is asked for where nobody who may approve would see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.changes.change import State
from bot.devslack.config import Config
from bot.devslack.fixture import build_default_workspace
from bot.devslack.values import Channel
from bot.errors import SurfaceError
from tests.integration.slack.whole import run_whole

SHOP = Channel(id="C01SHOP", name="shop", members=("U01MIA",), is_private=True)


def with_shop() -> Config:
    """A private channel besides that nobody of those on call is in."""
    workspace = build_default_workspace()
    return Config(workspace=replace(workspace, channels=(*workspace.channels, SHOP)))


def list_buttons(message: dict[str, Any]) -> list[str]:
    return [element["action_id"] for block in message["blocks"] if block["type"] == "actions" for element in block["elements"]]


def is_card(text: str):
    return lambda message: "Change 1*" in str(message) and text in str(message)


async def test_a_change_asked_for_in_a_direct_message_says_at_once_where_to_ask():
    async with run_whole() as whole:
        first = await whole.driver.say("ana", "dm", "scale it")

        card = await whole.driver.wait_for_message("D01ANA", is_card("only shown, it cannot be approved here"), first["ts"])
        await whole.driver.wait_for_message("D01ANA", "Nobody who may approve it sees this direct message", first["ts"])

        assert list_buttons(card) == ["details"]
        assert "spec.replicas" in str(card)
        assert "<!subteam^S01ONCALL>" in str(card)
        assert (await whole.stores.changes.get(1)).state is State.EXPIRED
        whole.move_time(10_000)
        await whole.driver.say("ana", "dm", "why?", first["ts"])
        await whole.driver.wait_for_message("D01ANA", "restarts again and again", first["ts"])
        messages = await whole.driver.messages("D01ANA", first["ts"])
        assert not [message for message in messages if "⏰" in str(message) or "⌛" in str(message)]
        assert whole.cluster.landed == []


async def test_a_channel_without_approvers_says_whom_to_invite_until_somebody_comes():
    async with run_whole(with_shop()) as whole:
        first = await whole.driver.say("mia", "shop", "@kubectl-ai scale it")
        card = await whole.driver.wait_for_message("shop", is_card("None of them is in this channel now: invite one"), first["ts"])
        assert list_buttons(card) == ["approve", "deny", "details", "edit"]

        await whole.driver.act("channel", channel={"id": "C01SHOP", "members": ["U01MIA", "U01BEN"]})
        whole.move_time(800)

        reminder = await whole.driver.wait_for_message("shop", "⏰", first["ts"])
        assert "<!subteam^S01ONCALL>" in str(reminder)
        card = await whole.driver.wait_for_message("shop", is_card("May approve"), first["ts"])
        assert "None of them" not in str(card)
        assert await whole.driver.click("ben", "shop", card["ts"], "approve")
        await whole.driver.wait_for_message("shop", "The change is **applied**", first["ts"])


async def test_the_asker_is_reminded_where_still_no_approver_is():
    async with run_whole(with_shop()) as whole:
        first = await whole.driver.say("mia", "shop", "@kubectl-ai scale it")
        await whole.driver.wait_for_message("shop", is_card("None of them is in this channel now"), first["ts"])

        whole.move_time(800)

        reminder = await whole.driver.wait_for_message("shop", "⏰", first["ts"])
        assert "<@U01MIA>" in str(reminder)
        assert "S01ONCALL" not in str(reminder)


async def test_who_is_not_among_too_many_members_is_neither_in_nor_out(desk, monkeypatch):
    monkeypatch.setattr("bot.slack.limits.MEMBERS_PAGE", 1)
    monkeypatch.setattr("bot.slack.limits.MEMBERS_PAGES", 2)
    running = await desk.start()

    assert await running.surface.is_member("C01ONCALL", "U01BEN")
    with pytest.raises(SurfaceError, match="too many members"):
        await running.surface.is_member("C01ONCALL", "U01GIL")
