"""Texts of several lines, told by the lines that differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.changes.texts import changed_lines, is_long


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a\nb\nc", "a\nx\nc", ["@ 2", "− b", "+ x"]),
        ("a\nb", "a\nb\nc", ["@ 3", "+ c"]),
        ("a\nb\nc", "a\nc", ["@ 2", "− b"]),
        ("a\nb\nc\nd\ne", "x\nb\nc\nd\ny", ["@ 1", "− a", "+ x", "@ 5", "− e", "+ y"]),
        ("a\n", "a", ["@ 2", "− "]),
        ("a\nb", "a\nb", []),
    ],
)
def test_only_the_lines_that_differ_are_told(old: str, new: str, expected: list[str]) -> None:
    assert changed_lines(old, new) == expected


LINES = st.lists(st.sampled_from(["a", "b", "", "− c", "+ d"]), max_size=8)


@given(LINES, LINES)
def test_every_line_that_goes_or_comes_is_told(old: list[str], new: list[str]) -> None:
    told = changed_lines("\n".join(old), "\n".join(new))

    gone, come = (sum(line.startswith(sign) for line in told) for sign in ("− ", "+ "))
    assert len(new or [""]) - len(old or [""]) == come - gone
    assert (told == []) == ("\n".join(old) == "\n".join(new))


def test_a_large_difference_is_one_block() -> None:
    told = changed_lines("\n".join(f"a{number}" for number in range(500)), "\n".join(f"b{number}" for number in range(500)))

    assert told[0] == "@ 1"
    assert len(told) == 1 + 500 + 500


def test_lines_that_hardly_repeat_are_compared_far_apart() -> None:
    lines = [f"line {number}" for number in range(900)]

    told = changed_lines("\n".join(["first", *lines]) + "\n", "\n".join(["1st", *lines]))

    assert told == ["@ 1", "− first", "+ 1st", "@ 902", "− "]


@pytest.mark.parametrize(("value", "expected"), [("a\nb", True), ("a\n", False), ("a", False), (None, False), (3, False)])
def test_only_texts_of_several_lines_are_told_by_lines(value: object, expected: bool) -> None:
    assert is_long(value) is expected
