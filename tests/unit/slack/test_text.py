from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack import limits
from bot.slack.rendering.text import (
    clean,
    cut_end,
    cut_middle,
    escape,
    flatten,
    make_fallback,
    make_name,
    mention,
    reveal,
    show_day_and_time,
    show_time,
    split_lines,
    wrap_links,
)
from tests.unit.slack.judging import assert_only_our_markup, nasty


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\u202eb\u200bc\ufeffd\u2066e", "abcde"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("null\x00 bell\x07 del\x7f c1\x85", "null bell del c1"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("ok ✅ 👍🏽 é שלום", "ok ✅ 👍🏽 é שלום"),
    ],
)
def test_only_visible_characters_stay(raw, shown):
    assert clean(raw) == shown


SHAPELESS = (
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F)),
    *(*range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4)),
    *(*range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)),
)
"""What is not drawn: Unicode's property Default_Ignorable_Code_Point."""
EMOJI_OR_SIGN = (0xFE0E, 0xFE0F)
BLANKS = (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x2800, 0x3000)


def test_nothing_without_a_shape_is_shown_but_what_makes_a_sign_an_emoji():
    assert [code for code in SHAPELESS if chr(code) in clean(chr(code))] == list(EMOJI_OR_SIGN)


def test_what_people_approve_has_nothing_that_they_cannot_see_or_take_for_a_space():
    assert [hex(code) for code in (*SHAPELESS, *BLANKS) if not reveal(chr(code)).isascii()] == []
    assert reveal("web \U0001f600 é") == "web \U0001f600 é"


def test_escapes_are_slacks_three():
    assert escape("a < b && c > d &lt;") == "a &lt; b &amp;&amp; c &gt; d &amp;lt;"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("U0123ABC", "<@U0123ABC>"),
        ("W0123ABC", "<@W0123ABC>"),
        ("S0123ABC", "<!subteam^S0123ABC>"),
        ("!here", "!here"),
        ("U1>|<!channel", "U1&gt;·&lt;!channel"),
        ("", "somebody"),
    ],
)
def test_mentions_are_made_of_valid_ids_only(target, shown):
    assert mention(target) == shown


def test_time_is_shown_in_the_readers_zone_with_a_fallback():
    assert show_time(1_790_000_000.9) == "<!date^1790000000^{time}|14:13 UTC>"
    assert show_day_and_time(1_790_000_000.9) == "<!date^1790000000^{date_short_pretty} at {time}|2026-09-21 14:13 UTC>"


@pytest.mark.parametrize(
    ("prose", "shown"),
    [
        ("see https://evil.example/a?b=c.", "see `https://evil.example/a?b=c`."),
        ("(www.evil.example)", "(`www.evil.example`)"),
        ("**registry.k8s.io/pause**", "**`registry.k8s.io/pause`**"),
        ("ping @channel now", "ping `@channel` now"),
        ("mail ops@evil.example", "mail `ops@evil.example`"),
        ("h*tt*p://evil.example", "`h*tt*p://evil.example`"),
        ("http&#58;//evil", "`http&#58;//evil`"),
        ("3.5 s, v1.29.3, e.g. deploy/web: ok. Next", "3.5 s, v1.29.3, e.g. deploy/web: ok. Next"),
    ],
)
def test_what_slack_would_link_becomes_code(prose, shown):
    assert wrap_links(prose) == shown


def test_allow_listed_hosts_stay_links_but_not_their_lookalikes():
    hosts = frozenset({"grafana.example"})

    assert wrap_links("https://grafana.example/d/1", hosts) == "https://grafana.example/d/1"
    for fake in ("https://grafana.example@evil.example/", "https://grafana.example.evil.example/", "ftp://grafana.example/"):
        assert wrap_links(fake, hosts).startswith("`")


def test_cuts_say_how_much_is_missing():
    lines = "\n".join(f"line {number}" for number in range(1_300))

    assert cut_end("short", 10, 2) == "short"
    assert cut_end(lines, 10_000, 66, "see Details").endswith("line 65\n… 1,234 more lines, see Details")
    assert cut_end("x" * 50, 20, 2) == f"{'x' * 20}\n… 30 more characters"
    assert "… 1,285 more lines" in cut_middle(lines, 400, 16)
    assert cut_middle(lines, 400, 16).endswith("line 1299")
    assert "more characters" in cut_middle("x" * 5_000, 400, 16)


@given(nasty, st.integers(200, 2_000), st.integers(3, 50))
def test_head_and_tail_stay_within_their_limits(text, most_chars, most_lines):
    shown = cut_middle(text, most_chars, most_lines)

    assert len(shown) <= most_chars
    assert shown.count("\n") < most_lines
    assert shown == text or "more" in shown


@given(st.text(alphabet="ab\n", max_size=400), st.integers(1, 40))
def test_pieces_hold_everything_and_fit(text, most):
    pieces = split_lines(text, most)

    assert all(len(piece) <= most for piece in pieces)
    assert "".join(pieces).replace("\n", "") == text.replace("\n", "")


@given(nasty)
def test_notification_text_is_short_and_dead(text):
    shown = make_fallback(text)

    assert len(shown.encode()) <= limits.FALLBACK_BYTES
    assert "<" not in shown
    assert ">" not in shown


@given(nasty)
def test_names_are_one_line_without_markup(text):
    shown = make_name(text)

    assert_only_our_markup(shown)
    assert "\n" not in shown
    assert "*" not in shown
    assert len(flatten(text, 80)) <= 80
