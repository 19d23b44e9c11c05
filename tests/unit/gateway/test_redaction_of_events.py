"""What is skipped for speed hides nothing: texts and lists of Events come out as if every rule were tried on every text."""

from __future__ import annotations

import itertools
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.hiding.redaction import Redactor
from bot.gateway.reading.splitting import ListReader
from bot.values import assignments, redact_text
from bot.values.requests import RequestInfo
from tests.unit.gateway.test_redaction_of_text import CREDENTIALS, HARMLESS, KNOWN_FORMS

EVENTS = RequestInfo("list", True, "/api/v1/events", "", "v1", "events")
MARKER = "[redacted:not-compared]"
ABOUT = st.sampled_from(["Pod", "Secret", "SecretList", "ConfigMap", "Status", "TokenRequest", "CertificateSigningRequest", "Event", ""])

WORDS = [*(hint for rule in redact_text._RULES for hint in rule.hints), "password", "Token", "SECRET", "auth", "name", "value", "api-key"]
PIECES = st.sampled_from([*CREDENTIALS.values(), *KNOWN_FORMS, *HARMLESS, *WORDS]) | st.text(
    st.sampled_from("aZ9 =:-_./'\"\\\n<>&İ\u212aß€😀\u2028\x00"), max_size=6
)
TEXTS = st.lists(PIECES, max_size=5).map("".join)


def try_everything(text: str) -> str:
    """Every rule on the text, whatever is in it."""
    for rule in redact_text._RULES:
        text = rule.pattern.sub(lambda found, rule=rule: redact_text._replace(found, rule, lambda _: MARKER), text)  # type: ignore[misc]
    text = redact_text._redact_tails(text, lambda _: MARKER)
    shown, done = "", 0
    for value in assignments._Search(text, assignments._lower(text)).credentials(0):
        shown, done = shown + text[done : value.start] + MARKER, value.end
    return shown + text[done:]


@given(TEXTS)
def test_a_text_without_a_hint_has_nothing_that_a_rule_would_take(text: str) -> None:
    assert redact_text.redact(text, lambda _: MARKER) == try_everything(text)


@pytest.mark.parametrize("text", [*CREDENTIALS.values(), *KNOWN_FORMS])
def test_the_reference_finds_credentials(text: str) -> None:
    assert try_everything(f"it says {text} here") != f"it says {text} here"


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    item = {
        "metadata": {"name": draw(st.sampled_from(["web.17f", "token.1", "}"])), "managedFields": [{"fieldsV1": {"f:message": {}}}]},
        "involvedObject": {"kind": draw(ABOUT), "name": draw(st.sampled_from(["web", "password"])), "namespace": "shop"},
        "reason": "BackOff",
        "message": draw(TEXTS),
        "source": {"component": "kubelet"},
        "count": draw(st.integers(1, 9)),
        "firstTimestamp": None,
    }
    return {**item, "note": draw(TEXTS)} if draw(st.booleans()) else item


def escaped(item: Any) -> bytes:
    """Every letter of every text written as an escape, as JSON allows."""
    if isinstance(item, dict):
        return b"{" + b",".join(escaped(key) + b":" + escaped(value) for key, value in item.items()) + b"}"
    if isinstance(item, list):
        return b"[" + b",".join(map(escaped, item)) + b"]"
    if isinstance(item, str):
        units = item.encode("utf-16-be").hex()
        return b'"' + "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4)).encode() + b'"'
    return orjson.dumps(item)


WAYS = {"plain": orjson.dumps, "ascii": lambda item: json.dumps(item).encode(), "escaped": escaped}


@given(
    st.lists(events(), min_size=1, max_size=8),
    st.lists(st.integers(0, 20_000), max_size=12),
    st.sampled_from(sorted(WAYS)),
    st.sampled_from([1, 300, 65536]),
)
def test_a_list_of_events_is_shown_as_if_every_rule_were_tried(items: list[dict[str, Any]], cuts: list[int], how: str, batch: int) -> None:
    members = [("kind", b'"EventList"'), ("metadata", b"{}"), ("items", WAYS[how](items))]
    body = b"{" + b",".join(orjson.dumps(name) + b":" + value for name, value in members) + b"}"
    reading = ListReader(Redactor(b"salt of this test"), EVENTS, batch=batch)
    places = [0, *sorted({cut % (len(body) + 1) for cut in cuts}), len(body)]

    shown = b"".join([*(reading.feed(body[start:end]) for start, end in itertools.pairwise(places)), reading.finish()])

    texts = ("message", "note")
    assert orjson.loads(shown)["items"] == [{k: try_everything(v) if k in texts else v for k, v in item.items()} for item in items]


def test_a_credential_is_found_in_whichever_event_of_many_it_is() -> None:
    """In a list of several batches, between events that have none."""
    plain = {"metadata": {"name": "web.17f"}, "involvedObject": {"kind": "Pod"}, "message": "Back-off restarting failed container " * 9}
    told = {**plain, "message": "exec failed: psql --password hunter2 --host db"}
    items = [told if number % 97 == 5 else plain for number in range(1000)]
    body = orjson.dumps({"kind": "EventList", "items": items})
    reading = ListReader(Redactor(b"salt of this test"), EVENTS)

    shown = reading.feed(body) + reading.finish()

    assert len(body) > 300_000
    assert b"hunter2" not in shown
    assert shown.count(MARKER.encode()) == sum(item is told for item in items)
    assert len(orjson.loads(shown)["items"]) == len(items)
