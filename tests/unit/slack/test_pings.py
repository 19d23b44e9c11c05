from __future__ import annotations

import pytest
from hypothesis import given

from bot.settings import ChangeSettings
from bot.slack.rendering.pings import render_lapse, render_reminder
from bot.values.people import Reach
from tests.unit.slack.judging import all_text, assert_acceptable, nasty
from tests.unit.slack.rows import make_change

LINK = "https://our.slack.example/archives/C01ONCALL/p1000001"
RULES = ChangeSettings(approvers=("S01ONCALL", "U01BEN"))


def test_a_reminder_pings_everybody_who_may_approve_and_leads_to_the_card():
    rendered = render_reminder(make_change(), RULES, LINK)

    text = all_text(rendered.blocks)
    assert "<!subteam^S01ONCALL>, <@U01BEN>" in text
    assert f"<{LINK}|Change 42>" in text
    assert "<!date^9990000900^" in text
    assert "kubectl -n shop scale deploy/web --replicas=5" in text
    assert_acceptable(rendered)


def test_without_approvers_the_asker_is_reminded():
    assert "⏰ <@U01ANA> Change 42" in all_text(render_reminder(make_change(), ChangeSettings(), "").blocks)


def test_the_asker_is_pinged_about_a_lapse_with_its_reason():
    undecided, late = (all_text(render_lapse(make_change(decided_by=by), LINK).blocks) for by in ("", "U01BEN"))

    told = f"⌛ <@U01ANA> <{LINK}|Change 42> on prod-eu lapsed, nothing was applied."
    assert undecided == f"{told} Nobody decided in time. Ask again if it is still wanted."
    assert late == f"{told} It was approved, but not carried out in time. Ask again if it is still wanted."


@pytest.mark.parametrize("render", [lambda change: render_reminder(change, RULES, LINK), lambda change: render_lapse(change, LINK)])
@given(words=nasty)
def test_nothing_in_a_ping_is_live_that_is_not_ours(render, words):
    assert_acceptable(render(make_change(command=words, cluster=words, reason=words)))


def test_where_no_approver_would_see_it_the_asker_is_reminded_to_invite_one():
    text = all_text(render_reminder(make_change(), RULES, LINK, Reach.ABSENT).blocks)

    assert text.startswith("⏰ <@U01ANA> ")
    assert "None of those who may approve is in this channel: invite one." in text
    assert "S01ONCALL" not in text
