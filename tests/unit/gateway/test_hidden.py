"""What was hidden once stays hidden in the same rehearsal, whatever it is called later."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from bot.gateway.hiding import hidden
from bot.gateway.hiding.redaction import Redactor
from bot.values.requests import RequestInfo

WORKS = RequestInfo("get", True, "/x", "work.example.com", "v1", "works")
PODS = RequestInfo("get", True, "/x", "", "v1", "pods")
VALUE = base64.b64encode(b"a value of a Secret").decode()
MARKER = "[redacted:not-compared]"


def work(**spec: Any) -> dict[str, Any]:
    return {"kind": "Work", "metadata": {"managedFields": [{"x": "y"}]}, "spec": spec}


def seeing(*items: Any) -> Redactor:
    redactor = Redactor(b"salt of this test")
    for item in items:
        redactor.redact_object(item, WORKS)
    return redactor


def test_a_value_is_covered_plain_and_in_base64_wherever_it_is() -> None:
    redactor = seeing(work(manifest={"kind": "Secret", "data": {"p": VALUE}}))

    shown = redactor.redact_object(work(manifest={"kind": "Other", "data": {"p": VALUE}}, notes=["x", "a value of a Secret"]), WORKS)

    assert shown["spec"] == {
        "manifest": {"kind": "Other", "data": {"p": base64.b64encode(MARKER.encode()).decode()}},
        "notes": ["x", MARKER],
    }


def test_a_part_of_a_list_is_covered_too() -> None:
    redactor = seeing(work(manifest={"kind": "Secret", "data": {"p": VALUE}}))

    assert VALUE not in repr(redactor.redact_part("items", [work(p=VALUE)], "Work", WORKS))


def test_objects_without_such_a_value_and_those_that_cannot_hold_one_are_not_copied() -> None:
    redactor = seeing(work(manifest={"kind": "Secret", "data": {"p": VALUE}}))
    other, pod = work(p="another value", q=VALUE[:-4]), {"kind": "Pod", "spec": {"p": VALUE}}

    assert redactor.redact_object(other, WORKS) is other
    assert redactor.redact_object(pod, PODS) is pod


def test_short_values_are_words_and_stay() -> None:
    redactor = seeing(work(manifest={"kind": "Secret", "stringData": {"p": "enabled"}}))
    item = work(mode="enabled")

    assert redactor.redact_object(item, WORKS) is item


def test_of_more_values_than_can_be_kept_the_newest_stay_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden, "_MOST_VALUES", 2)
    redactor = seeing(*(work(manifest={"kind": "Secret", "stringData": {"p": f"value number {number}"}}) for number in (2, 1, 2, 3)))

    shown = redactor.redact_object(work(p=[f"value number {number}" for number in (1, 2, 3)]), WORKS)

    assert shown["spec"]["p"] == ["value number 1", MARKER, MARKER]
