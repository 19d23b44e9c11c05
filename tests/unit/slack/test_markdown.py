from __future__ import annotations

import pytest
from hypothesis import example, given

from bot.slack.rendering.markdown import Code, Prose, defuse, read
from tests.unit.slack.judging import assert_nothing_live, nasty


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("see [the docs](http://evil.example/x)", "see the docs (`http://evil.example/x`)"),
        ("![pixel](http://evil.example/p.png)", "pixel (`http://evil.example/p.png`)"),
        ("[http://a.example](http://a.example)", "`http://a.example`"),
        ("<http://evil.example|click me>", "&lt;`http://evil.example`|click me&gt;"),
        ("[x][ref]\n[ref]: http://evil.example", "[x] [ref]\n[ref] : `http://evil.example`"),
        ("<!here> and <@U123>", "&lt;!here&gt; and &lt;@U123&gt;"),
        ("> quoted <b>", "> quoted &lt;b&gt;"),
        ("use `a<b` and ``c`d``", "use `a&lt;b` and `c'd`"),
        ("\\`http://evil.example`", "\\ `http://evil.example`"),
        ("a lone ` tick, http://evil.example", "a lone ' tick, `http://evil.example`"),
        ("**bold** _it_ ~no~\n- a\n- b\n| a | b |", "**bold** _it_ ~no~\n- a\n- b\n| a | b |"),
    ],
)
def test_markdown_keeps_its_words_and_loses_its_hooks(raw, shown):
    assert defuse(raw) == shown


def test_fenced_code_leaves_the_markdown_literally():
    text = "Look:\n```bash\nkubectl get pods <none>\n```\nand\n~~~\n``` not a fence\n~~~\nend"

    assert read(text) == [
        Prose("Look:"),
        Code("kubectl get pods <none>"),
        Prose("and"),
        Code("``` not a fence"),
        Prose("end"),
    ]


def test_unclosed_fence_runs_to_the_end():
    assert read("a\n```\nb\n<!here>") == [Prose("a"), Code("b\n<!here>")]


def test_fence_inside_a_list_item_is_code():
    assert read("1. run\n   ```sh\n   ls\n   ```\n2. done") == [Prose("1. run"), Code("   ls"), Prose("2. done")]


@given(nasty)
@example("`` ` ``http://evil.example`")
@example("[a]` `(http://evil.example)")
@example("[x" + "](" * 50)
def test_nothing_is_live_whatever_the_text(text):
    for piece in read(text):
        if isinstance(piece, Prose):
            assert_nothing_live(piece.text)


@pytest.mark.parametrize("unit", ["a.", "`", "``` ", "[", "](", "![[", "<", "```\n", "` `` ", "http://x ", "x", "\n\n"])
def test_a_megabyte_of_anything_is_read(unit):
    pieces = read(unit * (1_000_000 // len(unit)))

    assert all(isinstance(piece, Prose | Code) for piece in pieces)
