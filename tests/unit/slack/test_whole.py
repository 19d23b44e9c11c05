"""A change as one text: nothing of it is left out, and nothing in it is live."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import orjson
from hypothesis import given
from hypothesis import strategies as st

from bot.changes.change import FieldDiff, ObjectDiff
from bot.settings import ChangeSettings
from bot.slack.rendering.answers import render_plain
from bot.slack.rendering.blocks import PART
from bot.slack.rendering.cards import render_change, render_otherwise
from bot.slack.rendering.whole import make_file, write_whole
from bot.values.requests import ApiRequest, RefusedRequest
from tests.fakes import FakeCluster
from tests.unit.slack.judging import assert_acceptable, nasty
from tests.unit.slack.rows import make_change, make_write

NOW = 1_790_000_100.0
words = st.text("abcdefghij", min_size=1, max_size=300)


def make_plain(change, **known):
    card = render_change(change, ChangeSettings(approvers=("U01BEN",)), NOW)
    return render_plain(card, "invalid_blocks", render_otherwise(change, NOW, whole=write_whole(change), **known))


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=60, unique_by=lambda field: field[0]))
def test_every_field_is_in_it_with_both_values(values):
    fields = tuple(FieldDiff(path, old, new, "replace") for path, old, new in values)
    objects = tuple(ObjectDiff("update", "Deployment", "shop", f"web{at}", fields[at::3]) for at in range(3))

    lines = write_whole(make_change(diffs=objects)).split("\n")

    assert all(f"  {path}  {old} → {new}" in lines for path, old, new in values)


def test_a_text_of_many_lines_is_there_to_its_last_line():
    new = "\n".join(f"line {number} {'x' * 3_000}" for number in range(900))
    change = make_change(diffs=(ObjectDiff("create", "ConfigMap", "shop", "web", (FieldDiff("data.app", None, new, "add"),)),))

    shown = write_whole(change)

    assert all(f"+ {text}" in shown for text in new.split("\n"))
    assert "…" not in shown


def test_requests_refusals_and_what_is_fed_to_an_exec_are_whole():
    body = orjson.dumps({"spec": {"args": [f"argument {number}" for number in range(2_000)]}})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(60):
            member = tarfile.TarInfo(f"file-{number}")
            content = f"content of {number}".encode()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    fed = FakeCluster().execing("tar", "-xmf", "-", stdin=buffer.getvalue())
    refused = tuple(RefusedRequest("POST", f"/api/v1/pods/{number}", "no", 403, f"Pod p{number}") for number in range(30))
    writes = (make_write(request=ApiRequest("PATCH", "/x", (), "application/json", body)), fed)

    shown = write_whole(make_change(writes=writes, refused=refused, impact=("impact 1", "impact 2")))

    for wanted in ("argument 1999", "content of 59", "file-59", "/api/v1/pods/29", "impact 2"):
        assert wanted in shown
    assert "no room" not in shown


def test_a_secret_stays_hidden():
    secret = make_write(
        info=replace(make_write().info, group="", resource="secrets"),
        request=ApiRequest("PATCH", "/x", (), "application/json", b'{"data": {"k": "aHVudGVyMg=="}}'),
    )

    assert "aHVudGVyMg" not in make_file(make_change(writes=(secret,))).content


@given(nasty)
def test_the_plain_form_is_whole_to_the_letter_or_marked_as_a_part_that_nobody_is_asked_to_approve(command):
    change = make_change(command=command)

    shown = make_plain(change)

    assert_acceptable(shown)
    assert shown.is_part == ("`approve 42`" not in shown.text) == shown.digest.startswith(PART)
    if not shown.is_part:
        inside = shown.text.partition("```")[2].removesuffix("```")
        assert inside.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == write_whole(change)


def test_a_part_speaks_of_approval_when_a_file_has_the_rest():
    shown = make_plain(make_change(impact=("x" * 3_000,)), is_filed=True)

    assert shown.is_part
    assert "file `change-42.txt`" in shown.text
    assert "`approve 42`" in shown.text
