"""Values on one line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.changes import words


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
    ("old", "new", "shown"),
    [
        ("3", "5", ("3", "5")),
        ("x" * 200 + "old", "x" * 200 + "new", (f"…{'x' * 12}old", f"…{'x' * 12}new")),
        ("old" + "x" * 200, "new" + "x" * 200, ("old" + "x" * 200, "new" + "x" * 200)),
        ("x" * 100, "x" * 101, (f"…{'x' * 12}", f"…{'x' * 13}")),
    ],
)
def test_of_two_long_texts_the_difference_is_shown(old: str, new: str, shown: tuple[str, str]) -> None:
    assert words.focus(old, new, 80) == shown


@given(st.text(), st.integers(2, 50))
def test_no_value_has_two_lines_or_is_longer_than_allowed(value: str, limit: int) -> None:
    shown = words.of_value(value, limit)

    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1 or shown == ""
