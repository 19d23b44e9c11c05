"""Cards of changes that wait for a decision."""

from __future__ import annotations

import pytest

from bot.changes.change import ObjectDiff, State
from bot.changes.propose import replace_edited
from bot.settings import ChangeSettings
from bot.slack.rendering.cards import render_otherwise
from bot.values.people import Reach
from tests.unit.slack.cards import NOW, buttons, render
from tests.unit.slack.judging import all_text
from tests.unit.slack.rows import make_change, make_write
from tests.unit.store.values import new_change


def test_open_change_shows_all_that_a_decision_needs():
    rendered = render(make_change(expires_at=1_790_000_900.0))

    text = all_text(rendered.blocks)
    assert "🟠 *Change 42* · prod-eu · shop" in text
    assert "asked by <@U01ANA> at <!date^1790000000^{time}|14:13 UTC>" in text
    assert "kubectl -n shop scale deploy/web --replicas=5" in text
    assert "Deployment shop/web" in text
    assert "spec.replicas  3 → 5" in text
    assert "+2 pods" in text
    assert "May approve: <!subteam^S01ONCALL>, <@U01BEN>, not the asker · lapses at <!date^1790000900^{time}|" in text
    assert rendered.text == "Change 42 on prod-eu waits for approval: Deployment shop/web `spec.replicas` 3 → 5"


def test_buttons_carry_the_number_and_the_digest_and_nothing_else():
    found = buttons(render(make_change()))

    assert [(button["action_id"], button.get("style")) for button in found] == [
        ("approve", "primary"),
        ("deny", "danger"),
        ("details", None),
        ("edit", None),
    ]
    assert {button["value"] for button in found} == {'{"id":42,"digest":"abc123"}'}


def test_self_approval_is_said_where_it_is_allowed():
    rules = ChangeSettings(approvers=("U01BEN",), self_approval=True)

    assert "not the asker" not in all_text(render(make_change(), rules).blocks)


@pytest.mark.parametrize("approvers", [(), ("<!channel>", "@here")])
def test_nobody_configured_is_said_on_the_card(approvers):
    text = all_text(render(make_change(), ChangeSettings(approvers=approvers)).blocks)

    assert "Nobody may approve this" in text
    assert "channel" not in text


@pytest.mark.parametrize("action", ["delete", "deletecollection", "evict"])
def test_destructive_changes_are_red(action):
    change = make_change(diffs=(ObjectDiff(action, "Deployment", "shop", "web"),))

    assert "🔴 *Change 42*" in all_text(render(change).blocks)


def test_writes_without_preview_are_red_and_say_why():
    change = make_change(writes=(make_write(has_preview=False, note="This API cannot be dry-run."),))

    text = all_text(render(change).blocks)

    assert "🔴 *Change 42*" in text
    assert "⚠️ This API cannot be dry-run." in text


def test_change_past_its_time_has_no_decision_buttons_even_before_its_row_says_so():
    rendered = render(make_change(expires_at=NOW - 1))

    assert [button["action_id"] for button in buttons(rendered)] == ["details"]
    assert "lapsed at" in all_text(rendered.blocks)


@pytest.mark.parametrize(
    "change",
    [
        make_change(command="x" * 3_001),
        make_change(undoes=41),
        make_change(state=State.APPROVED),
        make_change(expires_at=NOW),
    ],
    ids=["too long", "computed", "decided", "lapsed"],
)
def test_what_cannot_be_edited_has_no_button_for_it(change):
    assert "edit" not in [button["action_id"] for button in buttons(render(change))]


def test_a_card_of_an_edited_command_says_what_it_was_and_what_it_replaces():
    edited = replace_edited(make_change(id=41, command="kubectl scale deploy/web --replicas=4"), new_change())

    text = all_text(render(make_change(supersedes=edited.supersedes, impact=edited.impact)).blocks)

    assert "replaces Change 41" in text
    assert "Edited by the asker. Before: kubectl scale deploy/web --replicas=4" in text
    assert "the object has moved" not in text


SHOWN_ONLY = {"created_at": NOW - 10, "expires_at": NOW - 10}


@pytest.mark.parametrize("state", [State.PROPOSED, State.EXPIRED])
def test_what_nobody_can_approve_here_is_shown_whole_without_a_button_that_decides(state):
    rendered = render(make_change(state=state, **SHOWN_ONLY))

    text = all_text(rendered.blocks)
    assert "⚪ *Change 42* · only shown, it cannot be approved here" in text
    assert "spec.replicas  3 → 5" in text
    assert (
        "Nobody who may approve this sees our direct messages, so it lapsed at once. Ask for it in a channel where those are who may "
        "approve: <!subteam^S01ONCALL>, <@U01BEN>." in text
    )
    assert "May approve" not in text
    assert [button["action_id"] for button in buttons(rendered)] == ["details"]
    assert rendered.text.startswith("Change 42 on prod-eu cannot be approved in a direct message: Deployment shop/web")


def test_where_the_card_of_such_a_change_is_refused_words_say_why():
    otherwise = render_otherwise(make_change(state=State.EXPIRED, **SHOWN_ONLY), NOW, whole="all of it")

    assert (otherwise.what, otherwise.whole) == ("Change 42 was not applied", "all of it")
    assert (
        otherwise.rest
        == otherwise.if_whole
        == "Nobody who may approve it sees our direct messages; ask for it in a channel where approvers are."
    )


def test_where_no_approver_is_in_the_channel_the_card_says_whom_to_invite():
    rendered = render(make_change(), reach=Reach.ABSENT)

    assert (
        "⚠️ May approve: <!subteam^S01ONCALL>, <@U01BEN>, not the asker. None of them is in this channel now: invite one, or nobody "
        "sees this · lapses <!date^9990000900^" in all_text(rendered.blocks)
    )
    assert "approve" in [button["action_id"] for button in buttons(rendered)]
