"""What a card says of a change that was decided, applied, undone, or neither."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.changes.change import ObjectDiff, Send, SendState, State
from bot.changes.freeze import Freeze
from bot.values.requests import RequestInfo
from tests.unit.slack.cards import DECIDED, NOW, RULES, buttons, render
from tests.unit.slack.judging import all_text
from tests.unit.slack.rows import make_change, make_write

STATES = {
    State.APPROVED: ("🔵", "approved by <@U01BEN> at <!date^1790000100^{time}|14:15 UTC> · about to be applied", DECIDED),
    State.REPLAYING: ("🔵", "being applied, 0 of 1 write in", DECIDED),
    State.DONE: ("🟢", "done · approved by <@U01BEN> at <!date^1790000100^{time}|14:15 UTC> · 1 write", DECIDED),
    State.DENIED: ("⚪", "denied by <@U01BEN> at", DECIDED | {"reason": "not during the sale"}),
    State.EXPIRED: ("⚪", "nobody decided in time", {}),
    State.SUPERSEDED: ("⚪", "superseded by Change 43 below", {"superseded_by": 43, "reason": "replicas is 4 now"}),
    State.FAILED: ("🔴", "failed, nothing was changed", DECIDED | {"reason": "the API server refused it"}),
    State.PARTIAL: ("🔴", "partly applied, 0 of 1 write in", DECIDED),
    State.UNKNOWN: ("🟣", "outcome unknown, check it by hand", DECIDED),
    State.UNDONE: ("⚪", "done and undone", DECIDED),
}


@pytest.mark.parametrize("state", STATES, ids=str)
def test_every_state_has_its_picture(state):
    mark, words, fields = STATES[state]

    rendered = render(make_change(state=state, **fields))

    text = all_text(rendered.blocks)
    assert f"{mark} *Change 42*" in text
    assert words in text
    assert fields.get("reason", "") in text
    assert "spec.replicas  3 → 5" in text
    assert "May approve" not in text
    assert [button["action_id"] for button in buttons(rendered)] == ["details"]


def test_every_state_but_the_open_one_is_covered():
    assert set(STATES) == set(State) - {State.PROPOSED}


def test_successor_is_linked_when_its_card_is_known():
    change = make_change(state=State.SUPERSEDED, superseded_by=43)

    rendered = render(change, successor_link="https://our.slack.example/archives/C1/p1")

    assert "superseded by <https://our.slack.example/archives/C1/p1|Change 43>" in all_text(rendered.blocks)


def test_partial_change_says_what_is_in_and_what_is_not():
    names = ("web", "db", "cache", "mail")
    change = make_change(
        state=State.PARTIAL,
        writes=tuple(make_write() for _ in names),
        diffs=tuple(ObjectDiff("update", "Deployment", "shop", name) for name in names),
        sends=(
            Send(0, SendState.LANDED, status=200),
            Send(1, SendState.REFUSED, status=403, message="quota exceeded"),
            Send(2, SendState.UNKNOWN),
        ),
        **DECIDED,
    )

    text = all_text(render(change).blocks)

    assert "partly applied, 1 of 4 writes in" in text
    assert "✓ in: Deployment shop/web" in text
    assert "✗ not in: Deployment shop/db: quota exceeded" in text
    assert "? unknown: Deployment shop/cache was sent, its answer was lost" in text
    assert "✗ not in: Deployment shop/mail (was not sent)" in text


def test_of_many_writes_the_card_names_first_what_is_unknown_or_refused():
    names = [f"web-{number}" for number in range(20)]
    sends = [Send(number, SendState.LANDED, status=200) for number in range(17)]
    refused, unknown = Send(15, SendState.REFUSED, status=403, message="quota exceeded"), Send(16, SendState.UNKNOWN)
    change = make_change(
        state=State.PARTIAL,
        writes=tuple(make_write() for _ in names),
        diffs=tuple(ObjectDiff("update", "Deployment", "shop", name) for name in names),
        sends=(*sends[:15], refused, unknown),
        **DECIDED,
    )

    text = all_text(render(change).blocks)

    assert "partly applied, 15 of 20 writes in" in text
    told = [line for line in text.split("\n") if line.startswith(("?", "✗", "✓")) and "Deployment" in line]
    assert told[:3] == [
        "? unknown: Deployment shop/web-16 was sent, its answer was lost",
        "✗ not in: Deployment shop/web-15: quota exceeded",
        "✗ not in: Deployment shop/web-17 (was not sent)",
    ]
    assert "… 12 more, see Details" in text


def test_unknown_outcome_names_the_command_that_checks_it():
    change = make_change(state=State.UNKNOWN, sends=(Send(0, SendState.UNKNOWN),), **DECIDED)

    assert "kubectl -n shop get deployments.apps web -o yaml" in all_text(render(change).blocks)


def test_unknown_outcome_stays_told_when_its_requests_are_forgotten():
    change = make_change(state=State.UNKNOWN, sends=(Send(0, SendState.UNKNOWN),), writes=(), **DECIDED)

    text = all_text(render(change).blocks)
    assert "Compare the cluster with the diff above before anything is tried again." in text
    assert "spec.replicas  3 → 5" in text


def test_rollout_is_told_as_it_settles():
    moving = make_change(state=State.DONE, rollout="3/5 ready", **DECIDED)
    settled = replace(moving, rollout="5/5 ready after 12 s", rollout_settled=True)

    assert "⏳ Rollout: \n3/5 ready" in all_text(render(moving).blocks)
    assert "\nRollout: \n5/5 ready after 12 s" in all_text(render(settled).blocks)


def test_a_time_on_another_day_is_told_with_its_day():
    day = 86_400.0
    open_for_long = make_change(expires_at=1_790_000_000.0 + 2 * day)
    decided_late = make_change(state=State.DONE, decided_by="U01BEN", decided_at=1_790_000_000.0 + day)

    waits, done = all_text(render(open_for_long).blocks), all_text(render(decided_late).blocks)

    assert "lapses <!date^1790172800^{date_short_pretty} at {time}|2026-09-23 14:13 UTC>" in waits
    assert "approved by <@U01BEN> <!date^1790086400^{date_short_pretty} at {time}|2026-09-22 14:13 UTC>" in done


def test_a_change_that_was_approved_and_not_applied_in_time_does_not_say_that_nobody_decided():
    text = all_text(render(make_change(state=State.EXPIRED, **DECIDED)).blocks)

    assert "lapsed, not carried out in time · approved by <@U01BEN>" in text
    assert "nobody decided" not in text


def test_a_done_change_can_be_undone_until_its_time_is_over():
    sends = (Send(0, SendState.LANDED, "10", 200),)
    deployment = {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3}}
    write = make_write(before=deployment, after={**deployment, "spec": {"replicas": 5}})
    change = make_change(state=State.DONE, writes=(write,), sends=sends, **DECIDED)

    early, late = render(change), render(change, now=NOW + RULES.undo_seconds)

    assert [button["action_id"] for button in buttons(early)] == ["undo", "details"]
    assert f"1 write · undo until <!date^{int(NOW + RULES.undo_seconds)}^" in all_text(early.blocks)
    assert [button["action_id"] for button in buttons(late)] == ["details"]
    assert "undo until" not in all_text(late.blocks)


def test_what_did_not_land_or_cannot_be_taken_back_has_no_undo():
    info = RequestInfo("patch", True, "/api/v1/namespaces/shop/secrets/s", "", "v1", "secrets", "", "shop", "s")
    landed = (Send(0, SendState.LANDED, "10", 200),)

    secret = make_change(state=State.DONE, writes=(make_write(info=info),), sends=landed, **DECIDED)
    spared = make_change(state=State.DONE, sends=(Send(0, SendState.LANDED, "10", 304),), **DECIDED)

    assert [button["action_id"] for button in buttons(render(secret))] == ["details"]
    assert [button["action_id"] for button in buttons(render(spared))] == ["details"]


def test_a_frozen_change_says_so_and_can_only_be_denied():
    freeze = Freeze("prod-eu", "U01BEN", "the <!channel> sale", NOW - 60, NOW + 60)

    rendered = render(make_change(), freeze=freeze)

    text = all_text(rendered.blocks)
    assert f"🧊 *Frozen* until <!date^{int(NOW + 60)}^" in text
    assert "by <@U01BEN>: the &lt;!channel&gt; sale" in text
    assert [button["action_id"] for button in buttons(rendered)] == ["deny", "details", "edit"]
    assert "May approve" not in text


def test_a_freeze_that_is_over_is_not_shown():
    rendered = render(make_change(), freeze=Freeze("prod-eu", "U01BEN", "sale", NOW - 60, NOW))

    assert [button["action_id"] for button in buttons(rendered)] == ["approve", "deny", "details", "edit"]


def test_an_undo_and_its_original_name_each_other():
    undo = all_text(render(make_change(id=43, undoes=42)).blocks)
    original = all_text(render(make_change(state=State.UNDONE, undone_by=43, **DECIDED)).blocks)

    assert "undoes Change 42" in undo
    assert "done and undone by Change 43" in original


def test_what_an_undo_leaves_as_it_is_stays_on_its_card():
    kept = "Stays as it is: Secret shop/s: no copy of a Secret is kept."

    text = all_text(render(make_change(state=State.DONE, impact=("+2 pods", kept), **DECIDED)).blocks)

    assert kept in text
    assert "+2 pods" not in text


def test_a_change_that_its_asker_took_back_is_withdrawn():
    withdrawn = make_change(state=State.DENIED, decided_by="U01ANA", decided_at=NOW, reason="The turn was stopped.")

    assert "withdrawn by <@U01ANA> at" in all_text(render(withdrawn).blocks)
