"""Cards as Slack would take them, and what is on them."""

from __future__ import annotations

from bot.settings import ChangeSettings
from bot.slack.rendering.cards import render_change
from tests.unit.slack.judging import assert_acceptable

RULES = ChangeSettings(approvers=("S01ONCALL", "U01BEN"))


NOW = 1_790_000_100.0


DECIDED = {"decided_by": "U01BEN", "decided_at": NOW}


def render(change, rules=RULES, now=NOW, **options):
    rendered = render_change(change, rules, now, **options)
    assert_acceptable(rendered)
    return rendered


def buttons(rendered):
    return [element for block in rendered.blocks if block["type"] == "actions" for element in block["elements"]]
