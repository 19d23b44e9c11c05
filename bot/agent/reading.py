"""`read_output`: a part of an output that this thread's transcript keeps whole, without running anything again.

An expression of a model runs in this process, so it is RE2: no pattern takes more than linear time. Of jq's programs only paths are
read here; for any other there is a `Query`, to be run where the thread's commands run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import re2

from bot.agent import observation
from bot.agent.history import forgotten
from bot.agent.paths import parse, select
from bot.values.transcript import Answered, Entry, ToolResult

_MOST_CONTEXT = 50
_MOST_PATTERN = 1_000
_EXPRESSION = re2.Options()
_EXPRESSION.case_sensitive = False
_EXPRESSION.log_errors = False
_EXPRESSION.max_mem = 1 << 20
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_LINES = re.compile(r"(?P<first>\d{1,9})(?:\s*[-,:]\s*(?P<last>\d{1,9}))?|-(?P<tail>\d{1,9})")
_NUMBER = re.compile(r"\d{1,9}(?:\.0)?")
"""Some models write every number as a fraction."""


@dataclass(frozen=True, slots=True)
class Query:
    """A program for jq, and the JSON that it is about."""

    program: str
    text: str
    number: int
    """Of the output."""
    sources: tuple[str, ...] = ()
    """Those of the output."""


def read(entries: Sequence[Entry], arguments: Mapping[str, object]) -> ToolResult | Query:
    """The answer of one call of `read_output`, or what jq must be asked for it; a wrong argument is answered with what would be right.
    Its sources are those of the output that it is a part of."""
    kept = [entry.result for entry in entries if isinstance(entry, Answered)]
    last_unknown = forgotten(entries)
    first = 1 + sum(isinstance(entry, Answered) and entry.turn <= last_unknown for entry in entries)
    number = _number(arguments.get("output"))
    if first > len(kept):
        return _refuse("Nothing ran.")
    if number is None or not first <= number <= len(kept):
        return _refuse(f"The argument `output` must be the number of an output of this thread, {first} to {len(kept)}.")
    whole = kept[number - 1]
    return replace(_read(whole, number, arguments), sources=whole.sources)


def _read(result: ToolResult, number: int, arguments: Mapping[str, object]) -> ToolResult | Query:
    text = observation.clean(result.stdout if arguments.get("stream") != "stderr" else result.stderr)
    if not text.strip():
        text = observation.clean(result.stderr)
    pattern, lines, program = arguments.get("grep"), arguments.get("lines"), arguments.get("jq")
    if isinstance(program, str) and program.strip():
        return _of_json(text, observation.clean(program), number)
    if isinstance(lines, str | int | float) and str(lines).strip():
        return _range(text.splitlines(), str(lines).strip(), pattern, number)
    if isinstance(pattern, str) and pattern:
        return _grep(list(enumerate(text.splitlines(), start=1)), pattern, _context(arguments), number)
    return _tell(text, f"The whole output {number}.")


def _range(all_lines: Sequence[str], wanted: str, pattern: object, number: int) -> ToolResult:
    match = _LINES.fullmatch(wanted)
    if match is None:
        return _refuse("The argument `lines` must be a range such as `100-180`, or `-50` for the last 50.")
    if match["tail"]:
        first, last = max(len(all_lines) - int(match["tail"]) + 1, 1), len(all_lines)
    else:
        first, last = max(int(match["first"]), 1), min(int(match["last"] or match["first"]), len(all_lines))
    chosen = list(enumerate(all_lines[first - 1 : last], start=first))
    if isinstance(pattern, str) and pattern:
        return _grep(chosen, pattern, 0, number)
    told = f"Lines {first} to {last} of {len(all_lines)} of output {number}." if chosen else f"Output {number} has {len(all_lines)} lines."
    return _tell("\n".join(line for _, line in chosen), told)


def _grep(numbered: Sequence[tuple[int, str]], pattern: str, context: int, number: int) -> ToolResult:
    if len(pattern) > _MOST_PATTERN:
        return _refuse(f"The argument `grep` is longer than {_MOST_PATTERN:,} characters; search for less.")
    try:
        expression = re2.compile(observation.clean(pattern), _EXPRESSION)
    except re2.error as exc:
        why = exc.args[0].decode("utf-8", "replace")
        return _refuse(
            f"The argument `grep` is no regular expression ({why}); correct it, with a backslash before what is meant literally."
        )
    hits = [place for place, (_, line) in enumerate(numbered) if expression.search(line)]
    shown: dict[int, str] = {}
    for place in hits:
        for near in range(max(place - context, 0), min(place + context + 1, len(numbered))):
            shown.setdefault(near, "-")
        shown[place] = ":"
    text = "\n".join(f"{numbered[place][0]}{shown[place]}{numbered[place][1]}" for place in sorted(shown))
    return _tell(text, f"{len(hits)} of {len(numbered)} lines of output {number} match {pattern!r}.")


def _of_json(text: str, program: str, number: int) -> ToolResult | Query:
    try:
        documents = _parse_documents(text)
    except (ValueError, RecursionError):
        return _refuse(f"Output {number} is not JSON; use `grep` or `lines`, or run the command again with -o json.")
    stages = parse(program)
    if stages is None:
        return Query(program, text, number)
    found = [value for document in documents for value in select(document, stages)]
    lines = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=None) for value in found]
    return _tell("\n".join(lines), f"{len(lines)} values of output {number}.")


def _parse_documents(text: str) -> list[Any]:
    """One JSON document or several, as jq reads them. Raises ValueError, or RecursionError if they are nested too deeply."""
    documents: list[Any] = []
    place = _skip_space(text, 0)
    while place < len(text) or not documents:
        document, place = _DECODER.raw_decode(text, place)
        documents.append(document)
        place = _skip_space(text, place)
    return documents


def _skip_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _context(arguments: Mapping[str, object]) -> int:
    return min(_number(arguments.get("context")) or 0, _MOST_CONTEXT)


def _number(value: object) -> int | None:
    """The whole number that a model means; None if it is none."""
    text = str(value).strip()
    return int(text.removesuffix(".0")) if _NUMBER.fullmatch(text) else None


def _tell(text: str, told: str) -> ToolResult:
    return ToolResult(status="ok", stdout=text, note=told)


def _refuse(sentence: str) -> ToolResult:
    return ToolResult(status="error", note=sentence)
