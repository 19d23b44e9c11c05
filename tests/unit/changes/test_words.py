"""Values on one line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.changes import words
from bot.changes.change import FieldDiff


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (5, "5"),
        ("5", '"5"'),
        ("nginx:1.27", "nginx:1.27"),
        ("", '""'),
        ("true", '"true"'),
        ("null", '"null"'),
        (True, "true"),
        (None, "null"),
        (" x", '" x"'),
        ("a\nb", '"a\\nb"'),
        ("a\u202eb", '"a\\u202eb"'),
        ({"a": [1]}, '{"a":[1]}'),
        ({"a": "\u2028"}, '{"a":"\\u2028"}'),
        ("x" * 100, "x" * 79 + "…"),
    ],
)
def test_a_value_is_one_line(value: Any, shown: str) -> None:
    assert words.of_value(value) == shown


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        (FieldDiff("x", 3, 5, "replace"), "3 → 5"),
        (FieldDiff("x", None, "a", "add"), "+ a"),
        (FieldDiff("x", "a", None, "remove"), "- a"),
        (FieldDiff("x", "x" * 200 + "old", "x" * 200 + "new", "replace"), f"…{'x' * 12}old → …{'x' * 12}new"),
        (FieldDiff("x", "old" + "x" * 200, "new" + "x" * 200, "replace"), f"old{'x' * 76}… → new{'x' * 76}…"),
        (FieldDiff("x", "x" * 100, "x" * 101, "replace"), f"…{'x' * 12} → …{'x' * 13}"),
    ],
)
def test_of_two_long_texts_the_difference_is_shown(field: FieldDiff, shown: str) -> None:
    assert words.of_field(field) == shown


@given(st.text(), st.integers(2, 50))
def test_no_value_has_two_lines_or_is_longer_than_allowed(value: str, limit: int) -> None:
    shown = words.of_value(value, limit)

    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1 or shown == ""
