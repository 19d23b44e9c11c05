"""What a JSON patch reads of an object that is not shown whole."""

from __future__ import annotations

from typing import Any

import pytest

from bot.gateway.hiding.pointing import hides_field, points_at_hidden, reads_values, selected_fields

BEFORE = {"spec": {"m": [{"kind": "Secret", "data": {"p": "value"}}, {"kind": "Other"}], "a/b": {"c~d": 1}}, "note": "seen"}
SHOWN = {"spec": {"m": [{"kind": "Secret", "data": {"p": "[redacted]"}}, {"kind": "Other"}], "a/b": {"c~d": 1}}, "note": "seen"}


@pytest.mark.parametrize(
    ("operation", "is_hidden"),
    [
        ({"op": "copy", "from": "/spec/m/0/data/p", "path": "/note"}, True),
        ({"op": "move", "from": "/spec/m/0/data/p", "path": "/note"}, True),
        ({"op": "COPY", "from": "/spec/m/0", "path": "/note"}, True),
        ({"op": "copy", "from": "/spec/m/-2/data", "path": "/note"}, True),
        ({"op": "copy", "from": "", "path": "/note"}, True),
        ({"op": "copy", "path": "/note"}, True),
        ({"op": "copy", "from": "/spec/m/7", "path": "/note"}, True),
        ({"op": "copy", "from": "/nowhere", "path": "/note"}, True),
        ({"op": "test", "path": "/spec/m/0/data/p", "value": "guess"}, True),
        ({"op": "test", "path": "/note", "value": "seen"}, False),
        ({"op": "copy", "from": "/spec/m/1", "path": "/spec/m/-"}, False),
        ({"op": "copy", "from": "/spec/m/-1/kind", "path": "/note"}, False),
        ({"op": "move", "from": "/spec/a~1b/c~0d", "path": "/note"}, False),
        ({"op": "add", "path": "/spec/m/0/data/p", "value": "new"}, False),
        ({"op": "replace", "path": "/spec/m/0/data/p", "value": "new"}, False),
        ({"op": "remove", "path": "/spec/m/0"}, False),
    ],
)
def test_a_patch_that_reads_what_is_hidden_is_found(operation: Any, is_hidden: bool) -> None:
    assert points_at_hidden([{"op": "add", "path": "/x", "value": 1}, operation], BEFORE, SHOWN) is is_hidden
    assert points_at_hidden([operation], BEFORE, BEFORE) is False


def test_only_some_operations_read() -> None:
    assert reads_values([{"op": "test", "path": "/a", "value": 1}])
    assert not reads_values([{"op": "add", "path": "/a", "value": 1}, "odd"])
    assert not reads_values({"op": "copy"})


@pytest.mark.parametrize(
    ("field", "is_hidden"),
    [
        ("spec.m", True),
        (".spec", True),
        ("spec.m[0].data.p", True),
        ("spec.m[1].kind", True),
        ("spec['a/b'].c", True),
        ("spec..p", True),
        ("", True),
        ("note", False),
        ("note.inside", False),
        ("nowhere", False),
        ("spec.nowhere", False),
    ],
)
def test_a_field_is_hidden_if_it_may_stand_for_what_is(field: str, is_hidden: bool) -> None:
    assert hides_field(field, BEFORE, SHOWN) is is_hidden
    assert hides_field(field, BEFORE, BEFORE) is False


@pytest.mark.parametrize(
    ("selectors", "fields"),
    [
        (["metadata.name=a,metadata.namespace!=b"], []),
        (["spec.a=1", "spec.b!=2,spec.c==3"], ["spec.a", "spec.b", "spec.c"]),
        (["spec.a=x!=y"], ["spec.a"]),
        (["spec.a=x\\,spec.b=y"], ["spec.a", "spec.b"]),
        ([" spec.a = x, "], ["spec.a"]),
        (["", ","], []),
    ],
)
def test_every_field_that_a_selector_may_compare_is_found(selectors: list[str], fields: list[str]) -> None:
    assert selected_fields(selectors) == fields
