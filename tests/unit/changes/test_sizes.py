"""Where objects keep their size, and what a scale of them comes to."""

from __future__ import annotations

from typing import Any

import pytest

from bot.changes import sizes, undo
from bot.values.requests import RecordedWrite, RequestInfo
from tests.unit.changes.builders import write

SCALE = {"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": 5}}


def scale_of(before: Any, after: Any, group: str = "example.com") -> RecordedWrite:
    written = write("patch", "widgets", "w", {"spec": {"replicas": 5}}, subresource="scale", before=before, after=after)
    info = RequestInfo("patch", True, written.info.path, group, "v1", "widgets", "scale", "shop", "w")
    return RecordedWrite(written.request, info, None, written.before, written.after)


def widget(**spec: Any) -> dict[str, Any]:
    return {"kind": "Widget", "metadata": {"name": "w"}, "spec": spec}


@pytest.mark.parametrize(
    ("before", "after", "group", "path"),
    [
        (widget(size=1), widget(size=5), "example.com", ("spec", "size")),
        (widget(pool={"size": 1}), widget(pool={"size": 5}), "example.com", ("spec", "pool", "size")),
        (widget(colour="red"), widget(colour="red", size=5), "example.com", ("spec", "size")),
        (widget(replicas=9, size=1), widget(replicas=9, size=5), "example.com", ("spec", "size")),
        (widget(replicas=3), widget(replicas=5), "example.com", ("spec", "replicas")),
        (widget(replicas=3), SCALE, "example.com", ("spec", "replicas")),
        (widget(replicas=5), widget(replicas=5), "apps", ("spec", "replicas")),
        (widget(size=5), widget(size=5), "example.com", None),
        (widget(size=1), SCALE, "example.com", None),
        (widget(**{"a.b": 1}), widget(**{"a.b": 5}), "example.com", None),
    ],
)
def test_a_scale_tells_where_the_size_is_kept(before: Any, after: Any, group: str, path: tuple[str, ...] | None) -> None:
    assert sizes.path_of(scale_of(before, after, group)) == path


def test_the_answer_to_a_scale_is_seen_in_the_object_as_it_is_now() -> None:
    now = widget(size=2, colour="green")

    assert sizes.scaled(scale_of(widget(size=1), widget(size=5)), now, SCALE) == widget(size=5, colour="green")
    assert sizes.scaled(scale_of(widget(size=1), SCALE), now, SCALE) == SCALE
    assert sizes.scaled(scale_of(widget(size=1), widget(size=5)), None, SCALE) == SCALE


def test_a_scale_of_which_only_the_number_was_kept_cannot_be_taken_back() -> None:
    assert undo.obstacle(scale_of(widget(size=1), SCALE)) == "its size is kept in a field that is not known here."
    assert undo.obstacle(scale_of(widget(size=1), widget(size=5))) == ""
