"""Which cells of a Table are shown of an object that hides something."""

from __future__ import annotations

from typing import Any

import pytest

from bot.gateway.hiding.columns import HIDDEN_CELL, Printed, View, printed_by

WHOLE = {"metadata": {"name": "a"}, "spec": {"secret": {"pin": "4711"}, "size": 3}}
SHOWN = {"metadata": {"name": "a"}, "spec": {"secret": {"pin": "[redacted]"}, "size": 3}}
SIZE, PIN = [".spec.size"], [".spec.secret.pin"]
BOTH = [{"name": "Name"}, {"name": "First"}, {"name": "Second"}]


def cells(printed: Printed | None, definitions: Any, shown: Any = SHOWN) -> list[str]:
    [row] = View("None", printed).rows(
        [{"cells": ["a", "b", "c"], "object": WHOLE}], [{"cells": ["a", "b", "c"], "object": shown}], definitions
    )
    assert row["object"] is None
    return ["hidden" if cell == HIDDEN_CELL else cell for cell in row["cells"]]


@pytest.mark.parametrize(
    ("printed", "definitions", "shown"),
    [
        ({"First": SIZE, "Second": SIZE}, BOTH, ["a", "b", "c"]),
        ({"First": PIN, "Second": SIZE}, BOTH, ["a", "hidden", "c"]),
        ({"First": SIZE, "Second": [*SIZE, *PIN]}, BOTH, ["a", "b", "hidden"]),
        ({"First": SIZE}, BOTH, ["a", "b", "hidden"]),
        ({"First": SIZE, "Second": SIZE}, BOTH[:2], ["a", "b", "hidden"]),
        ({"First": SIZE, "Second": SIZE}, None, ["a", "hidden", "hidden"]),
        (None, BOTH, ["a", "hidden", "hidden"]),
    ],
)
def test_a_cell_is_shown_only_if_it_is_known_to_print_nothing_hidden(printed: Printed | None, definitions: Any, shown: list[str]) -> None:
    assert cells(printed, definitions) == shown


def test_of_an_object_that_hides_nothing_all_is_shown() -> None:
    assert cells(None, BOTH, shown=WHOLE) == ["a", "b", "c"]


def test_what_a_definition_prints_is_found_by_version() -> None:
    columns = [{"name": "First", "jsonPath": ".a"}, {"name": "First", "jsonPath": ".b"}, {"name": "Second", "jsonPath": ".c"}]
    crd = {"spec": {"versions": [{"name": "v1", "additionalPrinterColumns": columns}, {"name": "v2"}]}}

    assert printed_by(crd, "v1") == {"First": [".a", ".b"], "Second": [".c"]}
    assert printed_by(crd, "v2") == {"Age": (".metadata.creationTimestamp",)}
    assert printed_by(crd, "v3") is None
