from __future__ import annotations

from dataclasses import replace

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.devslack.blockkit.views import check_view
from bot.slack import limits
from bot.slack.rendering.outputs import render_filtering, render_output
from bot.threads.inbound.incoming import Glance
from tests.unit.slack.judging import all_text, nasty
from tests.unit.slack.test_answers import cook, recipes

GLANCE = Glance("T01LOCAL", "U01ANA", "T01LOCAL:C01ONCALL:1.000001", "step:3:0")
LINES = "\n".join(f"line {number} {'error' if number % 100 == 7 else 'ok'}" for number in range(1, 451))


def render(text, **changes):
    view = render_output(text, replace(GLANCE, **changes))
    check_view(view)
    return view


def buttons(view):
    return {
        element["text"]["text"]: element["value"] for block in view["blocks"] if block["type"] == "actions" for element in block["elements"]
    }


def test_first_page_tells_how_much_there_is_and_leads_on():
    view = render(LINES)

    shown = all_text(view["blocks"])
    assert "Lines 1–100 of 450 lines." in shown
    assert "line 100 ok" in shown
    assert "line 101 ok" not in shown
    assert buttons(view) == {"Next": "1"}


def test_page_in_the_middle_leads_both_ways_and_the_last_one_back():
    assert buttons(render(LINES, page=2)) == {"Previous": "1", "Next": "3"}
    assert buttons(render(LINES, page=4)) == {"Previous": "3"}
    assert "Lines 401–450 of 450 lines." in all_text(render(LINES, page=99)["blocks"])


def test_filter_shows_the_lines_that_hold_the_words_and_a_way_back():
    view = render(LINES, words="ERROR")

    shown = all_text(view["blocks"])
    assert "5 of 450 lines hold `ERROR`; here 1–5." in shown
    assert "line 407 error" in shown
    assert buttons(view) == {"Show all lines": "0"}
    assert orjson.loads(view["private_metadata"]) == {"thread": GLANCE.thread_id, "key": "step:3:0", "page": 0, "words": "ERROR"}


def test_filter_that_finds_nothing_says_so():
    assert "None of 450 lines hold `absent`." in all_text(render(LINES, words="absent")["blocks"])


def test_every_line_is_on_exactly_one_page():
    seen = []
    for page in range(5):
        seen += all_text([block for block in render(LINES, page=page)["blocks"] if block["type"] == "rich_text"]).split("\n")

    assert seen == LINES.split("\n")


def test_window_says_that_it_looks_while_the_lines_are_found():
    view = render_filtering(render(LINES)["private_metadata"], "<!here>")

    check_view(view)
    assert "&lt;!here&gt;" in view["blocks"][1]["text"]["text"]


@settings(max_examples=40)
@given(recipes, nasty, st.integers(0, 500), nasty)
@example([("a", 1)], "", 0, "\ud800")
def test_any_page_is_acceptable(recipe, ending, page, words):
    view = render(cook(recipe) + ending, page=page, words=words[: limits.FILTER_CHARS])

    check_view(render_filtering(view["private_metadata"], words[: limits.FILTER_CHARS]))
