"""Which answers tell the same."""

from __future__ import annotations

import orjson
import pytest

from bot.gateway.rehearsal.fingerprints import fingerprint
from bot.values.requests import Json


def item(version: str = "1", uid: str = "u") -> Json:
    return {"metadata": {"uid": uid, "resourceVersion": version}, "kind": "Pod"}


def row(age: str, version: str = "1") -> Json:
    return {"cells": ["web", age], "object": item(version)}


def of(code: int, body: Json) -> object:
    return fingerprint(code, orjson.dumps(body))


SAME: dict[str, tuple[Json, Json]] = {
    "an object": (item(), item()),
    "a Table that grew older": ({"kind": "Table", "rows": [row("5s")]}, {"kind": "Table", "rows": [row("9s")]}),
    "a list of another version": (
        {"metadata": {"resourceVersion": "7"}, "items": [item()]},
        {"metadata": {"resourceVersion": "9"}, "items": [item()]},
    ),
    "an empty list": ({"metadata": {"resourceVersion": "7"}, "items": []}, {"metadata": {"resourceVersion": "9"}, "items": None}),
}
OTHER: dict[str, tuple[Json, Json]] = {
    "a changed object": (item("1"), item("2")),
    "another object of the name": (item(uid="a"), item(uid="b")),
    "a changed row": ({"rows": [row("5s", "1")]}, {"rows": [row("5s", "2")]}),
    "one item more": ({"items": [item()]}, {"items": [item(), item("2", "v")]}),
    "rows without objects": ({"rows": [{"cells": ["5s"]}]}, {"rows": [{"cells": ["6s"]}]}),
    "metrics": ({"kind": "PodMetrics", "usage": "1m"}, {"kind": "PodMetrics", "usage": "2m"}),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_the_time_alone_makes_no_difference(one: Json, other: Json) -> None:
    assert of(200, one) == of(200, other)


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_what_changed_does(one: Json, other: Json) -> None:
    assert of(200, one) != of(200, other)


def test_an_error_is_another_answer_and_a_page_tells_nothing() -> None:
    assert of(200, {}) != of(404, {})
    assert of(200, {"metadata": {"continue": "x"}, "items": []}) is None
    assert fingerprint(502, b"bad gateway") == fingerprint(502, b"bad gateway")
