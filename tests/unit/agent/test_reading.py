"""`read_output`: ranges, text and paths of what the transcript keeps, and what is left to jq."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from bot.agent import reading
from bot.agent.paths import parse, select
from bot.values.transcript import Entry, ToolResult
from tests.unit.agent.builders import answered, asked, ran, replied, shell

LOG = "".join(f"line {n} {'ERROR disk full' if n % 1000 == 0 else 'ok'}\n" for n in range(1, 100_001))
PODS = json.dumps(
    {"items": [{"metadata": {"name": f"web-{n}", "labels": {"app.kubernetes.io/name": "web"}}, "ready": n > 0} for n in range(3)]}
)
ROWS: list[Entry] = [
    asked(),
    replied(1, shell("a"), shell("b"), shell("c")),
    answered(1, "a", ran(LOG)),
    answered(1, "b", ran(PODS)),
    answered(1, "c", ran("", 1, "Error: not found\n")),
]
NDJSON = '{"level": "info", "pod": "web-0"}\n{"level": "error", "pod": "web-1"}\n'


def read(rows: list[Entry], arguments: Mapping[str, object]) -> ToolResult:
    """The answer of a call that asks nothing of jq."""
    result = reading.read(rows, arguments)
    assert isinstance(result, ToolResult)
    return result


def with_output(text: str) -> list[Entry]:
    return [asked(), replied(1, shell("a")), answered(1, "a", ran(text))]


def test_a_range_of_lines_out_of_megabytes() -> None:
    result = read(ROWS, {"output": 1, "lines": "50000-50002"})

    assert result.stdout == "line 50000 ERROR disk full\nline 50001 ok\nline 50002 ok"
    assert result.note == "Lines 50000 to 50002 of 100000 of output 1."


def test_numbers_that_a_model_writes_as_fractions_or_as_text_are_whole_numbers() -> None:
    whole = read(ROWS, {"output": 1, "grep": "line 3000 error", "context": 1})

    assert read(ROWS, {"output": 1.0, "grep": "line 3000 error", "context": 1.0}) == whole
    assert read(ROWS, {"output": " 1 ", "grep": "line 3000 error", "context": "1"}) == whole


@pytest.mark.parametrize(
    "arguments",
    [
        {"output": "9" * 5000},
        {"output": 1.5},
        {"output": float("nan")},
        {"output": float("inf")},
        {"output": True},
        {"output": 1, "lines": "9" * 5000},
        {"output": 1, "lines": 2.0},
    ],
)
def test_numbers_that_name_nothing_are_told(arguments: dict[str, object]) -> None:
    result = read(ROWS, arguments)

    assert result.status == "error"
    assert result.note.startswith(f"The argument `{list(arguments)[-1]}` must be")


@pytest.mark.parametrize("context", [float("nan"), float("inf"), -3, "some", None, "9" * 5000])
def test_lines_around_that_are_no_number_are_none(context: object) -> None:
    assert read(ROWS, {"output": 1, "grep": "line 3000 error", "context": context}).stdout == "3000:line 3000 ERROR disk full"


def test_the_last_lines() -> None:
    assert read(ROWS, {"output": 1, "lines": "-2"}).stdout == "line 99999 ok\nline 100000 ERROR disk full"


def test_a_range_behind_the_end_says_how_many_lines_there_are() -> None:
    assert read(ROWS, {"output": 1, "lines": "200000-200010"}).note == "Output 1 has 100000 lines."


def test_text_with_the_lines_around_it_and_their_numbers() -> None:
    result = read(ROWS, {"output": 1, "grep": "line 3000 error", "context": 1})

    assert result.stdout == "2999-line 2999 ok\n3000:line 3000 ERROR disk full\n3001-line 3001 ok"
    assert result.note == "1 of 100000 lines of output 1 match 'line 3000 error'."


@pytest.mark.parametrize(
    ("pattern", "hits"),
    [
        ("disk full", 100),
        ("error.*FULL$", 100),
        ("full.*ERROR", 0),
        ("line (7|8) ", 2),
        ("^line 9 ", 1),
        (r"^line \d{2} ok", 90),
        (r"line 1\.", 0),
        ("ok$|^nothing", 99_900),
    ],
)
def test_an_expression_finds_what_grep_finds(pattern: str, hits: int) -> None:
    assert read(ROWS, {"output": 1, "grep": pattern}).note.startswith(f"{hits} of ")


def test_a_pattern_that_would_never_end_as_an_expression_ends() -> None:
    assert read(with_output("a" * 100_000 + "!"), {"output": 1, "grep": "(a+)+$"}).note.startswith("0 of 1")


def test_half_a_character_in_a_pattern_does_no_harm() -> None:
    assert read(ROWS, {"output": 1, "grep": "disk \ud800full"}).note.startswith("100 of ")


def test_a_path_into_json() -> None:
    result = read(ROWS, {"output": 2, "jq": ".items[].metadata.name"})

    assert result.stdout == "web-0\nweb-1\nweb-2"


def test_stderr_is_read_when_there_is_nothing_else_or_when_asked() -> None:
    assert read(ROWS, {"output": 3, "grep": "not"}).stdout == "1:Error: not found"
    assert read(ROWS, {"output": 3, "stream": "stderr"}).stdout == "Error: not found\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "1 to 3"),
        ({"output": 0}, "1 to 3"),
        ({"output": 4}, "1 to 3"),
        ({"output": "x"}, "1 to 3"),
        ({"output": 1, "lines": "first"}, "range such as"),
        ({"output": 1, "grep": "line ("}, "no regular expression (missing ): line ()"),
        ({"output": 1, "grep": r"(a)\1"}, "no regular expression (invalid escape sequence: \\1)"),
        ({"output": 1, "grep": "(a{900}){900}"}, "no regular expression"),
        ({"output": 1, "grep": "x" * 1001}, "longer than 1,000 characters"),
        ({"output": 1, "jq": ".a"}, "is not JSON"),
        ({"output": 1, "jq": "map(.a)"}, "is not JSON"),
        ({"output": 3, "jq": "."}, "is not JSON"),
    ],
)
def test_a_wrong_argument_is_answered_with_what_would_be_right(arguments: dict[str, object], words: str) -> None:
    result = read(ROWS, arguments)

    assert result.status == "error"
    assert words in result.note


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".", [json.loads(PODS)]),
        (".items | length", [3]),
        (".items[0] | keys", [["metadata", "ready"]]),
        (".items[-1].metadata.name", ["web-2"]),
        ('.items[0].metadata.labels["app.kubernetes.io/name"]', ["web"]),
        ('.items[] | select(.metadata.name == "web-1") | .ready', [True]),
        (".items[] | select(.ready != true) | .metadata.name", ["web-0"]),
        (".no.such[].thing", []),
        (".items[9].name", [None]),
        ('.items[] | select(.metadata.name == "a|b")', []),
        (".items[] | select(.ready == 1) | .metadata.name", []),
        (".items[0].metadata | length", [2]),
    ],
)
def test_paths_mean_what_they_mean_in_jq(path: str, found: list[object]) -> None:
    stages = parse(path)

    assert stages is not None
    assert select(json.loads(PODS), stages) == found


@pytest.mark.parametrize(
    "program",
    [
        *("env", "$ENV.PATH", "input", "def f: f; f", "..|.name", ".items | map(.x)", ".a // .b", "[.a]", "{a: .b}"),
        *(".items[", ".a |", "| .a", ".a || .b", '.a"', ".a..b", ".items[] | select(.a == x)", ".items[] | no_such_thing | .name"),
        *(".spec.replicas-.status.replicas", ".a-1", "[0]", '["a"]', '"a"', r'."a\"b"', r'select(.a == "\(.b)")'),
    ],
)
def test_what_is_no_path_is_left_to_jq_whatever_the_output_holds(program: str) -> None:
    assert parse(program) is None
    assert reading.read(ROWS, {"output": 2, "jq": program}) == reading.Query(program, PODS, 2)


def test_a_path_is_read_in_each_of_several_documents() -> None:
    result = read(with_output(NDJSON), {"output": 1, "jq": 'select(.level == "error") | .pod'})

    assert (result.stdout, result.note) == ("web-1", "1 values of output 1.")


def test_several_documents_are_left_to_jq_together() -> None:
    assert reading.read(with_output(NDJSON), {"output": 1, "jq": "[inputs]"}) == reading.Query("[inputs]", NDJSON, 1)


@pytest.mark.parametrize("text", ["", '{"a": 1', NDJSON + "done", "[" * 200_000, '{"a": 1}\n[… 5,000 bytes left out …]\n{"a": 2}'])
def test_what_is_no_json_is_nothing_for_jq(text: str) -> None:
    assert "is not JSON" in read(with_output(text), {"output": 1, "jq": "map(.a)"}).note
