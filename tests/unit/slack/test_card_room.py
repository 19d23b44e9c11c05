"""A card has little room: what is shown first, what is counted, and that any change fits."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.changes.change import Change, FieldDiff, ObjectDiff, Send, SendState, State
from bot.settings import ChangeSettings
from bot.slack.rendering.blocks import count_chars
from bot.values.requests import RefusedRequest
from tests.unit.slack.cards import DECIDED, buttons, render
from tests.unit.slack.judging import all_text, nasty
from tests.unit.slack.rows import make_change, make_write


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


def test_what_is_said_of_many_objects_leaves_room_for_the_rest():
    note = "The namespace or the kind is made by this change too, so the server cannot preview this."
    diffs = tuple(ObjectDiff("create", "Role", "shop", f"r{number}", notes=(note,)) for number in range(20))

    text = all_text(render(make_change(diffs=diffs, impact=("⚠️ Gives User ada every right in shop",))).blocks)

    assert text.count(note) == 1
    assert f"⚠️ Role shop/r0, Role shop/r1, Role shop/r2 and 17 more: {note}" in text
    assert "⚠️ Gives User ada every right in shop" in text
