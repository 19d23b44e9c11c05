"""The digest stands for exactly what would be sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from bot.changes import digest
from bot.values.requests import ApiRequest, Identity, RecordedWrite, RequestInfo

INFO = RequestInfo("patch", True, "/x")
TEXT = st.text(max_size=4)
REQUESTS = st.builds(
    ApiRequest,
    method=TEXT,
    path=TEXT,
    query=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
    content_type=TEXT,
    body=st.binary(max_size=4),
    accept=TEXT,
)
IDENTITIES = st.none() | st.builds(Identity, TEXT, st.lists(TEXT, max_size=2).map(tuple))
WRITES = st.lists(st.builds(RecordedWrite, REQUESTS, st.just(INFO), IDENTITIES, st.none(), st.none()), max_size=3)


CHANGES = st.tuples(WRITES, TEXT, TEXT)


@given(CHANGES, CHANGES)
def test_any_difference_is_another_digest(first: Any, second: Any) -> None:
    assume(first != second)

    assert digest.of(first[0], cluster=first[1], asked_by=first[2]) != digest.of(second[0], cluster=second[1], asked_by=second[2])


@given(REQUESTS, st.integers(0, 30))
def test_one_byte_of_a_body_is_another_digest(request: ApiRequest, place: int) -> None:
    assume(request.body)
    at = place % len(request.body)
    flipped = request.body[:at] + bytes([request.body[at] ^ 1]) + request.body[at + 1 :]

    def of(one: ApiRequest) -> str:
        return digest.of([RecordedWrite(one, INFO, None, None, None)], cluster="c", asked_by="U1")

    assert of(request) != of(replace(request, body=flipped))


def test_what_was_shown_is_no_part_of_it() -> None:
    bare = RecordedWrite(ApiRequest("DELETE", "/x"), INFO, None, None, None)
    shown = replace(bare, before={"a": 1}, after={"a": 2}, note="n", has_preview=False, depends_on=(0,))

    assert digest.of([bare], cluster="c", asked_by="U1") == digest.of([shown], cluster="c", asked_by="U1")
    assert len(digest.of([], cluster="c", asked_by="U1")) == 64


def test_parts_cannot_be_moved_from_one_field_to_the_next() -> None:
    assert digest.of([], cluster="ab", asked_by="c") != digest.of([], cluster="a", asked_by="bc")
