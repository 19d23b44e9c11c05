"""The three-way merge behind Undo, and the JSON patch it becomes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.changes.restoring import json_patch, own_part, restore
from bot.gateway.protocol.patches import PatchError, apply_json_patch

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b/c", "~"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "y/z", "labels"]), inner, max_size=3)
        | st.lists(st.builds(lambda name, value: {"name": name, "value": value}, st.sampled_from("pqr"), inner), max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries({"spec": _VALUES, "data": _VALUES})


@given(before=OBJECTS, after=OBJECTS)
def test_without_others_everything_comes_back(before: dict[str, Any], after: dict[str, Any]) -> None:
    restored = restore(before, after, after)

    assert (restored.object, restored.conflicts) == (before, ())


@given(before=OBJECTS, live=OBJECTS)
def test_a_change_that_did_nothing_takes_nothing_back(before: dict[str, Any], live: dict[str, Any]) -> None:
    restored = restore(before, before, live)

    assert (restored.object, restored.conflicts) == (live, ())


@given(old=OBJECTS, new=OBJECTS)
def test_the_patch_leads_from_one_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert apply_json_patch(old, list(json_patch(old, new))) == new


def containers(**images: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, "image": image} for name, image in images.items()]}}


def test_what_others_added_and_changed_stays() -> None:
    before, after = containers(web="1", side="1"), containers(web="2", side="1")
    live = containers(side="9", web="2", more="1")

    assert restore(before, after, live).object == containers(side="9", web="1", more="1")


def test_what_others_set_since_is_a_conflict_and_stays() -> None:
    restored = restore(containers(web="1"), containers(web="2"), containers(web="3"))

    assert restored.object == containers(web="3")
    assert [conflict.path for conflict in restored.conflicts] == ["spec.containers[web].image"]


def test_an_item_that_was_removed_comes_back_to_its_place() -> None:
    before, after = containers(a="1", b="1", c="1"), containers(a="1", c="1")

    assert restore(before, after, containers(a="1", c="2", d="1")).object == containers(a="1", b="1", c="2", d="1")


def test_an_item_that_was_added_goes_unless_somebody_made_something_of_it() -> None:
    before, after = containers(a="1"), containers(a="1", b="1")

    assert restore(before, after, containers(a="2", b="1")).object == containers(a="2")
    assert restore(before, after, containers(a="1", b="2")).object == containers(a="1", b="2")


def test_a_label_that_was_the_first_goes_without_the_labels_of_others() -> None:
    before: dict[str, Any] = {"metadata": {}}
    after = {"metadata": {"labels": {"ours": "1"}}}
    live = {"metadata": {"labels": {"ours": "1", "theirs": "1"}}}

    assert list(json_patch(live, restore(before, after, live).object)) == [{"op": "remove", "path": "/metadata/labels/ours"}]


def test_a_port_that_the_server_chose_is_the_changes_whatever_it_is() -> None:
    before, after, live = [{"spec": {"ports": [{"port": 80, **more}]}} for more in ({}, {"nodePort": 30001}, {"nodePort": 31111})]

    restored = restore(before, after, live, frozenset({"nodePort"}))

    assert (restored.object, restored.conflicts) == (before, ())


def test_a_patch_of_a_list_fails_where_the_list_has_another_order() -> None:
    operations = list(json_patch(containers(a="1", b="1"), containers(a="1", b="2")))

    with pytest.raises(PatchError):
        apply_json_patch(containers(b="1", a="1"), operations)


def test_what_the_server_sets_is_no_part_of_it() -> None:
    item = {"metadata": {"name": "a", "uid": "u", "resourceVersion": "1", "deletionTimestamp": "now"}, "status": {"x": 1}, "spec": {}}

    assert own_part(item) == {"metadata": {"name": "a"}, "spec": {}}


def test_what_others_add_to_a_list_or_map_that_the_change_began_or_ended_is_theirs() -> None:
    mine, theirs = {"name": "a", "value": "1"}, {"name": "b", "value": "2"}

    def env(*entries: dict[str, Any]) -> dict[str, Any]:
        return {"env": list(entries), "map": {entry["name"]: entry["value"] for entry in entries}} if entries else {}

    begun, ended = restore({}, env(mine), env(mine, theirs)), restore(env(mine), {}, env(theirs))

    assert (begun.object, begun.conflicts) == (env(theirs), ())
    assert (ended.object["map"], ended.conflicts) == (env(mine, theirs)["map"], ())
    assert sorted(entry["name"] for entry in ended.object["env"]) == ["a", "b"]
    assert restore({}, env(mine), env(mine)).object == {}


def test_another_part_of_several_fields_in_place_of_one_that_went_stays_as_a_whole() -> None:
    was, now = {"probe": {"http": {"path": "/"}, "period": 5}}, {"probe": {"exec": {"command": ["true"]}}}

    restored = restore({**was, "x": 1}, {"x": 2}, {**now, "x": 2})

    assert restored.object == {**now, "x": 1}
    assert [conflict.path for conflict in restored.conflicts] == ["probe"]
