from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.changes.change import Change, FieldDiff, ObjectDiff, Send, SendState, State
from bot.changes.freeze import Freeze
from bot.changes.propose import replace_edited
from bot.settings import ChangeSettings
from bot.slack.rendering.blocks import count_chars
from bot.slack.rendering.cards import render_change, render_otherwise
from bot.values.people import Reach
from bot.values.requests import RefusedRequest, RequestInfo
from tests.unit.slack.judging import all_text, assert_acceptable, nasty
from tests.unit.slack.rows import make_change, make_write
from tests.unit.store.values import new_change

RULES = ChangeSettings(approvers=("S01ONCALL", "U01BEN"))
NOW = 1_790_000_100.0
DECIDED = {"decided_by": "U01BEN", "decided_at": NOW}


def render(change, rules=RULES, now=NOW, **options):
    rendered = render_change(change, rules, now, **options)
    assert_acceptable(rendered)
    return rendered


def buttons(rendered):
    return [element for block in rendered.blocks if block["type"] == "actions" for element in block["elements"]]


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


def test_many_fields_and_objects_are_cut_and_counted():
    fields = tuple(FieldDiff(f"spec.field{number}", number, number + 1, "replace") for number in range(15))
    diffs = tuple(ObjectDiff("update", "ConfigMap", "shop", f"c{number}", fields) for number in range(30))

    text = all_text(render(make_change(diffs=diffs)).blocks)

    assert "… 7 more, see Details" in text
    left = 30 - text.count("ConfigMap shop/")
    assert f"… {left} more objects ({left} update), see Details" in text


def test_of_many_objects_the_card_shows_first_what_is_deleted_and_counts_the_rest_by_what_is_done_to_them():
    fields = tuple(FieldDiff(f"spec.field{number}", "a" * 70, "b" * 70, "replace") for number in range(8))
    updates = [ObjectDiff("update", "Deployment", "shop", f"web-{number}", fields) for number in range(20)]
    deletions = [ObjectDiff("delete", "PersistentVolumeClaim", "shop", f"db-{number}") for number in range(2)]

    text = all_text(render(make_change(diffs=(*updates, *deletions, *updates))).blocks)

    first = text.index("PersistentVolumeClaim shop/db-0\n  delete")
    assert first < text.index("PersistentVolumeClaim shop/db-1\n  delete") < text.index("Deployment shop/web-0\n  update")
    left = 42 - text.count("Deployment shop/") - 2
    assert f"… {left} more objects ({left} update), see Details" in text


def test_a_card_that_leads_to_details_has_a_button_for_them_also_when_its_requests_are_forgotten():
    diffs = tuple(ObjectDiff("update", "Deployment", "shop", f"web-{number}") for number in range(30))

    rendered = render(make_change(state=State.DONE, writes=(), diffs=diffs, **DECIDED))

    assert "see Details" in all_text(rendered.blocks)
    assert [button["action_id"] for button in buttons(rendered)] == ["details"]


def test_objects_that_all_have_room_stay_in_their_order():
    diffs = (ObjectDiff("update", "Deployment", "shop", "web"), ObjectDiff("delete", "Service", "shop", "web"))

    text = all_text(render(make_change(diffs=diffs)).blocks)

    assert text.index("Deployment shop/web") < text.index("Service shop/web")


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


def test_long_paths_have_their_value_below():
    fields = (
        FieldDiff("spec.template.spec.containers[web].image", "web:1", "web:2", "replace"),
        FieldDiff("spec.replicas", 3, 5, "replace"),
    )

    text = all_text(render(make_change(diffs=(ObjectDiff("update", "Deployment", "shop", "web", fields),))).blocks)

    assert "spec.template.spec.containers[web].image\n  web:1 → web:2\nspec.replicas  3 → 5" in text


def test_values_tell_kinds_apart_and_hide_nothing_invisible():
    fields = (
        FieldDiff("a", 5, "5", "replace"),
        FieldDiff("b", None, {"k": [1]}, "add"),
        FieldDiff("c", "true", None, "remove"),
        FieldDiff("image", "web:1", "web:1\u200b", "replace"),
        FieldDiff("long", "", "y" * 300, "replace"),
    )

    text = all_text(render(make_change(diffs=(ObjectDiff("update", "Deployment", "shop", "web", fields),))).blocks)

    assert 'a      5 → "5"' in text
    assert 'b      + {"k":[1]}' in text
    assert 'c      − "true"' in text
    assert "web:1 → web:1\\u200b" in text
    assert '"" → ' + "y" * 80 + "… (+220)" in text


def test_hidden_characters_in_a_command_are_shown():
    assert "rm \\u202e-rf" in all_text(render(make_change(command="rm \u202e-rf")).blocks)


def fill(state: State, texts: list[str], writes: int, kept: int, refused: tuple[RefusedRequest, ...]) -> Change:
    """A change with hostile texts in every place that holds text."""
    a, b, c, d = texts
    fields = tuple(FieldDiff(a, b, {c: d}, op) for op in ("add", "remove", "replace"))
    return make_change(
        state=state,
        cluster=a,
        namespace=b,
        command=c,
        asked_by=d,
        decided_by=a,
        reason=b,
        rollout=c,
        impact=(d, a),
        diffs=(ObjectDiff(b, c, d, a, fields, (b, c)),) * writes,
        writes=(make_write(note=d),) * kept,
        sends=tuple(Send(at, SendState.REFUSED, message=a) for at in range(writes)),
        superseded_by=43,
        refused=refused,
    )


refusals = st.lists(st.builds(RefusedRequest, nasty, nasty, nasty, st.sampled_from((0, 403, 422)), nasty), max_size=6).map(tuple)


@given(
    st.builds(fill, st.sampled_from(State), st.lists(nasty, min_size=4, max_size=4), st.integers(0, 4), st.sampled_from((3, 0)), refusals)
)
def test_any_change_fits_slack_and_mentions_nobody_it_should_not(change):
    rendered = render(change, now=0.0)

    assert count_chars(list(rendered.blocks)) < 13_000


def test_largest_card_fits_slack():
    long = "x" * 5_000
    field = FieldDiff(long, long, long, "replace")
    diff = ObjectDiff(long, long, long, long, (field,) * 100, (long,) * 100)
    change = make_change(
        command="\n".join([long] * 100),
        state=State.UNKNOWN,
        reason=long,
        rollout=long,
        impact=(long,) * 100,
        diffs=(diff,) * 100,
        writes=(make_write(note=long),) * 100,
        sends=tuple(Send(at, SendState.UNKNOWN, message=long) for at in range(100)),
        refused=(RefusedRequest(long, long, long, 422, long),) * 100,
        **DECIDED,
    )

    render(change)
    render(replace(change, state=State.PARTIAL))
    render(replace(change, state=State.PROPOSED), ChangeSettings(approvers=tuple(f"U{number:010}" for number in range(300))))


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


def test_what_is_said_of_many_objects_leaves_room_for_the_rest():
    note = "The namespace or the kind is made by this change too, so the server cannot preview this."
    diffs = tuple(ObjectDiff("create", "Role", "shop", f"r{number}", notes=(note,)) for number in range(20))

    text = all_text(render(make_change(diffs=diffs, impact=("⚠️ Gives User ada every right in shop",))).blocks)

    assert text.count(note) == 1
    assert f"⚠️ Role shop/r0, Role shop/r1, Role shop/r2 and 17 more: {note}" in text
    assert "⚠️ Gives User ada every right in shop" in text


def test_what_an_undo_leaves_as_it_is_stays_on_its_card():
    kept = "Stays as it is: Secret shop/s: no copy of a Secret is kept."

    text = all_text(render(make_change(state=State.DONE, impact=("+2 pods", kept), **DECIDED)).blocks)

    assert kept in text
    assert "+2 pods" not in text


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


def test_a_change_that_its_asker_took_back_is_withdrawn():
    withdrawn = make_change(state=State.DENIED, decided_by="U01ANA", decided_at=NOW, reason="The turn was stopped.")

    assert "withdrawn by <@U01ANA> at" in all_text(render(withdrawn).blocks)


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
