from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack import limits
from bot.slack.rendering.answers import OUTPUT, Otherwise, join_whole, lay_out, render_plain, render_root
from tests.unit.slack.judging import all_text, assert_acceptable, nasty


def show(text, code="", key="answer:3"):
    layout = lay_out(text, code, key)
    assert layout is not None
    assert_acceptable(layout.message)
    return layout


def test_short_answer_is_one_message_of_markdown():
    layout = show("The shop is **down**: `web` has no ready pod.")

    assert layout.message.blocks == ({"type": "markdown", "text": "The shop is **down**: `web` has no ready pod."},)
    assert layout.message.text == "The shop is **down**: 'web' has no ready pod."
    assert layout.file is None


def test_output_is_literal_below_the_text():
    layout = show("Output:", "NAME  READY\nweb   <none>")

    assert layout.message.blocks[1] == {
        "type": "rich_text",
        "elements": [{"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "NAME  READY\nweb   <none>"}]}],
    }


def test_code_fences_cannot_be_broken_out_of():
    layout = show("```\nline\n```` still code\n<!here>\n```\nafter")

    code, prose = layout.message.blocks
    assert code["elements"][0]["elements"][0]["text"] == "line\n```` still code\n<!here>"
    assert prose == {"type": "markdown", "text": "after"}


def test_nothing_to_say_is_no_message():
    assert lay_out("  \n ", "\n", "answer:3") is None


def test_answer_over_a_screen_is_its_beginning_with_a_file_and_a_button():
    text = "\n\n".join(f"Paragraph {number}. " + "word " * 100 for number in range(40))

    layout = show(text)

    shown = all_text(layout.message.blocks)
    assert shown.startswith("Paragraph 0. ")
    assert "Paragraph 39." not in shown
    assert "all 79 lines are in the file below" in shown
    assert layout.message.blocks[-1]["accessory"] | {"text": None} == {
        "type": "button",
        "action_id": OUTPUT,
        "value": "answer:3",
        "text": None,
    }
    assert layout.file.name == "answer-3.md"
    assert all(f"Paragraph {number}. " in layout.file.content for number in range(40))


def test_output_over_a_screen_keeps_head_and_tail_and_the_file_has_every_line():
    output = "\n".join(f"pod-{number}  Running" for number in range(5_000))

    layout = show("", output)

    shown = all_text(layout.message.blocks)
    assert "pod-0  Running" in shown
    assert "pod-4999  Running" in shown
    assert "more lines" in shown
    assert "all 5,000 lines are in the file below" in shown
    assert layout.file.name == "answer-3.txt"
    assert layout.file.content == f"{output}\n"


def test_long_text_without_a_key_says_that_it_is_a_part():
    layout = show("word " * 5_000, key="")

    assert layout.file is None
    assert "This is a part: the whole has 24,999 characters" in all_text(layout.message.blocks)


def test_wide_table_of_kubectl_becomes_a_table_that_does_not_wrap():
    header = "NAME                       READY   STATUS    RESTARTS       AGE   IP            NODE     NOMINATED NODE"
    row = "web-7c9f5d4b8-abcde        1/1     Running   2 (3m ago)     5d    10.244.0.12   node-1   <none>"

    layout = show("", f"{header}\n{row}")

    [block] = layout.message.blocks
    assert block["type"] == "table"
    assert [cell["text"] for cell in block["rows"][1]] == [
        *("web-7c9f5d4b8-abcde", "1/1", "Running", "2 (3m ago)", "5d", "10.244.0.12", "node-1", "<none>"),
    ]


def test_rows_that_lost_their_header_are_a_table_too():
    rows = [
        f"shop{' ' * 40}web-{number}{' ' * 30}0/1     CrashLoopBackOff   {restarts:<13}   <none>"
        for number, restarts in ((1, "3 (28s ago)"), (2, "0"))
    ]

    [table] = show("", "\n".join(rows)).message.blocks

    assert [[cell["text"] for cell in row] for row in table["rows"]] == [
        [" "] * 6,
        ["shop", "web-1", "0/1", "CrashLoopBackOff", "3 (28s ago)", "<none>"],
        ["shop", "web-2", "0/1", "CrashLoopBackOff", "0", "<none>"],
    ]


@pytest.mark.parametrize(
    "output",
    [
        "2026/11/30 09:26:35  ERROR  the store did not answer in time, and nobody knows why that is so\n2026/11/30 09:27:01  INFO  ok",
        f"one{' ' * 80}line",
        "\n".join(f"  {number:>6} {'word ' * 20}" for number in range(3)),
    ],
)
def test_other_wide_lines_stay_as_they_are(output):
    layout = show("", output)

    assert {block["type"] for block in layout.message.blocks} == {"rich_text"}


def test_of_several_wide_tables_one_scrolls_and_a_file_has_all():
    pods = f"NAME{' ' * 60}READY   NOMINATED NODE\n{'web':<64}1/1     <none>"
    services = f"NAME{' ' * 60}TYPE        EXTERNAL-IP\n{'w' * 60}    ClusterIP   <none>"
    output = f"== shop\n{pods}\n\n{services}\ndone"

    layout = show("", output)

    words, table, second, note = layout.message.blocks
    assert "== shop" in all_text(words)
    assert [[cell["text"] for cell in row] for row in table["rows"]] == [["NAME", "READY", "NOMINATED NODE"], ["web", "1/1", "<none>"]]
    assert "ClusterIP" in all_text(second)
    assert "done" in all_text(second)
    assert "the file below" in all_text(note)
    assert (layout.file.name, layout.file.content) == ("answer-3.txt", f"{output}\n")


def test_a_wide_table_among_narrow_ones_needs_no_file():
    narrow, wide = "NAME   READY\nweb    1/1", f"NAME{' ' * 70}READY   NODE\n{'web':<74}1/1     one"

    layout = show("", f"{narrow}\n\n{wide}\nNAME   AGE\nweb    5d")

    assert [block["type"] for block in layout.message.blocks] == ["rich_text", "table", "rich_text"]
    assert layout.file is None


def test_narrow_table_stays_monospace():
    layout = show("", "NAME   READY   STATUS\nweb    1/1     Running")

    assert layout.message.blocks[0]["type"] == "rich_text"


def test_long_wide_table_shows_its_first_rows_and_is_a_spreadsheet():
    header = "NAMESPACE" + " " * 40 + "NAME" + " " * 40 + "READY"
    rows = [f"{'shop':<49}{f'web-{number}':<44}1/1" for number in range(1_000)]

    layout = show("", "\n".join([header, *rows]))

    table, rest = layout.message.blocks
    assert len(table["rows"]) == 1 + limits.SUMMARY_ROWS
    assert "all 1,001 lines" in all_text(rest)
    assert layout.file.name == "answer-3.csv"
    assert layout.file.content.splitlines()[0] == "NAMESPACE,NAME,READY"
    assert layout.file.content.splitlines()[1_000] == "shop,web-999,1/1"


def test_markdown_table_becomes_a_table_and_the_next_one_text():
    table = "| pod | restarts |\n|---|--:|\n| `web` | 3 |\n| **cart** | 12 |"

    layout = show(f"Before\n\n{table}\n\nbetween\n\n{table}\n\nafter")

    before, first, between, second, after = layout.message.blocks
    assert [block.get("text") for block in (before, between, after)] == ["Before", "between", "after"]
    assert first["rows"][2] == [{"type": "raw_text", "text": "cart"}, {"type": "raw_text", "text": "12"}]
    assert first["column_settings"] == [{"align": "left"}, {"align": "right"}]
    assert all_text(second) == "pod    restarts\nweb           3\ncart         12"


def test_root_of_a_thread_quotes_the_question_safely():
    message = render_root("U01ANA", "why is <!channel> http://evil.example down?")

    assert_acceptable(message)
    assert message.blocks[0]["text"]["text"] == "<@U01ANA> asked: why is &lt;!channel&gt; `http://evil.example` down?"


tables = st.lists(st.lists(st.text("ab |`*<&\\", max_size=6), min_size=1, max_size=4).map(" | ".join), max_size=6).map(
    lambda rows: "\n".join(["| A | B |", "|---|:-:|", *rows])
)
"""Markdown tables with whatever in their cells."""


@given(nasty | tables, nasty | tables, st.sampled_from(["", "answer:3"]))
def test_any_answer_is_acceptable(text, code, key):
    layout = lay_out(text, code, key)

    if layout is not None:
        assert_acceptable(layout.message)
        assert_acceptable(render_plain(layout.message, "invalid_blocks", Otherwise("This is an answer", "x" * 200)))
    assert_acceptable(render_root("U01ANA", text))


UNITS = (
    *("a", "kubectl get pods\n", "<!channel> ", "`x` ", "```\n", "😀", "שלום ", "| a | b |\n", "|-|-|\n", "\x1b[31mx", "&", "<", "\n\n"),
    *(
        "NAME  READY  AGE\n",
        "AAAA                  BBBB                  CCCC                  DDDD        EEEE\n",
        "https://evil.example/x ",
        "\ud800",
    ),
    *("- item\n", "> quote\n", "# head\n", "\u202e", "x" * 700 + "\n", "\t"),
)
recipes = st.lists(st.tuples(st.sampled_from(UNITS), st.integers(1, 1_000_000)), min_size=1, max_size=4)
"""What texts of up to a million characters are made of."""


def cook(recipe: list[tuple[str, int]]) -> str:
    return "".join(unit * (size // len(recipe) // len(unit)) for unit, size in recipe)


@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_of_anything_fits_and_its_file_has_all_of_it(unit):
    text = unit * (1_000_000 // len(unit))

    layout = lay_out(text, text, "answer:3")

    if layout is not None:
        assert_acceptable(layout.message)
        assert layout.file.content == f"{join_whole(text, text)}\n"


@settings(max_examples=40)
@given(recipes, st.booleans())
def test_any_large_answer_fits_and_nothing_is_cut_silently(recipe, is_code):
    text = cook(recipe)

    layout = lay_out("" if is_code else text, text if is_code else "", "answer:3")

    if layout is not None:
        assert_acceptable(layout.message)
        is_told = "in the file below" in all_text(layout.message.blocks)
        assert is_told == (layout.file is not None)
        assert is_told or len(text) <= limits.SCREEN_CHARS
