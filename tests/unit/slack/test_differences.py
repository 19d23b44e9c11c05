"""What a change does to an object, as lines on a card and in its details."""

from __future__ import annotations

from bot.changes.change import FieldDiff
from bot.changes.defaults import FOLDED
from bot.slack import limits
from bot.slack.rendering.differences import describe_change, describe_creation, describe_fields

DETAILS = 2_000


def added(path: str, value: object) -> FieldDiff:
    return FieldDiff(path, None, value, "add")


def test_a_creation_has_the_shape_of_its_yaml() -> None:
    fields = [
        added("metadata.labels.app", "api"),
        added("spec.replicas", 2),
        added("spec.template.spec.containers[nginx].image", "nginx:1.27"),
        added("spec.template.spec.containers[nginx].args", ["-v"]),
        added('data["app.conf"]', "a: 1\nb: 2\n"),
        added("data.empty", ""),
        added(FOLDED, {"spec.a": 1, "spec.b": 2}),
    ]

    assert describe_creation(fields) == [
        "metadata.labels.app: api",
        "spec:",
        "  replicas: 2",
        "  template.spec.containers[nginx]:",
        "    image: nginx:1.27",
        '    args: ["-v"]',
        "data:",
        '  "app.conf": | # 2 lines',
        "    a: 1",
        "    b: 2",
        '  empty: ""',
        "+ 2 defaults of the server",
    ]


def test_a_long_creation_says_how_much_is_left_out() -> None:
    lines = describe_creation([added(f"data.k{number}", number) for number in range(50)])

    assert len(lines) == 24
    assert lines[-1] == "… 28 more lines, see Details"


def test_a_path_that_is_also_above_others_loses_nothing() -> None:
    lines = describe_creation([added("a", 1), added("a.b", 2), added("a.c", 3)])

    assert [line.split(":")[-1].strip() for line in lines] == ["1", "", "2", "3"]


def test_folded_defaults_are_counted_on_the_card_and_listed_in_the_details() -> None:
    field = added(FOLDED, {"spec.a": 1})

    assert describe_change(field) == "+ 1 default of the server"
    assert describe_change(field, DETAILS) == "+ 1 default of the server\n  spec.a: 1"


def test_a_file_is_told_by_its_lines() -> None:
    old = "\n".join(f"line {number}" for number in range(100))
    field = FieldDiff('data["app.conf"]', old, old.replace("line 50", "line x"), "replace")

    assert describe_fields([field]) == ['data["app.conf"]', "  now 788 bytes", "  @ 51", "  − line 50", "  + line x"] or describe_fields(
        [field]
    ) == ['data["app.conf"]\n  now 788 bytes\n  @ 51\n  − line 50\n  + line x']


def test_a_file_that_comes_or_goes_is_cut_and_says_so() -> None:
    text = "\n".join(f"line {number}" for number in range(100))

    come = describe_change(added("data.a", text)).split("\n")
    gone = describe_change(FieldDiff("data.a", text, None, "remove")).split("\n")

    assert come[:2] == ["+ 789 bytes", "  + line 0"]
    assert come[-1] == "  … 92 more lines"
    assert gone[:2] == ["− all of it", "  − line 0"]
    assert len(describe_change(added("data.a", text), DETAILS).split("\n")) == 101


def test_two_long_texts_are_shown_where_they_differ() -> None:
    same = "registry.example.com/team/shop/web@sha256:" + "0" * 60

    told = describe_change(FieldDiff("image", f"{same}1", f"{same}2", "replace"))

    assert told.startswith("…")
    assert told.count("→") == 1
    old, new = told.split(" → ")
    assert old != new
    assert len(told) <= 2 * limits.VALUE_CHARS + 3
