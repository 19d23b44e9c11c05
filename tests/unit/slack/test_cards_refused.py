"""What a command asked for and was refused, on the card of the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.changes.change import State
from bot.settings import ChangeSettings
from bot.slack.rendering.cards import render_change
from bot.values.requests import RefusedRequest
from tests.unit.slack.judging import all_text, assert_acceptable
from tests.unit.slack.rows import make_change

NOW = 1_790_000_100.0
DECIDED = {"decided_by": "U01BEN", "decided_at": NOW}
INVALID = RefusedRequest(
    "POST", "/apis/apps/v1/namespaces/shop/deployments", "spec.replicas: Invalid value: -1", 422, "Deployment shop/<!here>"
)


def show(change):
    """All text of the card."""
    rendered = render_change(change, ChangeSettings(approvers=("U01BEN",)), NOW)
    assert_acceptable(rendered)
    return all_text(rendered.blocks)


@pytest.mark.parametrize("state", [state for state in State if state is not State.DENIED], ids=str)
def test_what_was_refused_is_on_the_card_whatever_became_of_the_rest(state):
    text = show(make_change(state=state, refused=(INVALID,), **DECIDED))

    assert (
        "⚠️ 1 request was refused and is not part of this change: "
        "POST Deployment shop/<!here> – spec.replicas: Invalid value: -1" in text.split("\n")
    )


def test_of_many_refusals_the_first_are_named_and_none_is_crowded_out():
    refused = tuple(replace(INVALID, title=f"Deployment shop/x{number}") for number in range(12))

    text = show(make_change(refused=refused, impact=("a line",) * 100))

    assert "⚠️ 12 requests were refused and are not part of this change:" in text
    assert [number for number in range(12) if f"POST Deployment shop/x{number} – " in text] == [0, 1, 2]
    assert "… 9 more, see Details" in text


def test_of_a_change_that_was_denied_nothing_has_to_be_told():
    assert "refused" not in show(make_change(state=State.DENIED, refused=(INVALID,), **DECIDED))
