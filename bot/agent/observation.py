"""What a tool result looks like: to the model (bounded, fenced, marked as data) and to people (bounded)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from bot.values.requests import Recording
from bot.values.transcript import ToolResult

MODEL_CHARS = 16_000
"""Output of one call that the model sees: some 4,000 tokens, 200 lines of `kubectl get` or 100 of `describe`."""
PEOPLE_CHARS = 2_900
"""Output of one call that the thread shows: a Slack text block holds 3,000 characters."""

_CHARS_PER_TOKEN = 4
_SHARE_OF_WINDOW = 0.125
_STUB_CHARS = 400
_SAMPLE_CHARS = 8_000
_NAMED = 5
"""Logs and watches that a note names."""
_BINARY_SHARE = 0.05

_TOLD_CHARS = 140
"""Room for the line that tells what is missing."""
_HEAD_SHARE = 0.6
_STDERR_SHARE = 0.25
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u0085\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_UNPRINTED = re.compile(r"[\x01-\x06\x0e-\x1a\x1c-\x1f\ufffd]")
_FENCE = re.compile(r"</?untrusted-output\b", re.IGNORECASE)
_RUNBOOK = re.compile(r"</?runbook\b", re.IGNORECASE)


_NARROW = "narrow the command (grep, tail, -o jsonpath, --tail) to see it"


def for_model(result: ToolResult, limit: int = MODEL_CHARS, number: int = 0) -> str:
    """The answer as the model reads it: status, exit code, notes, then the output as fenced data of at most `limit` characters.
    `number` is how `read_output` names the output; 0 if it cannot be read again."""
    lines = _facts(result)
    if result.truncated:
        lines.append("note: the command printed more than is kept; its middle is missing.")
    stderr_limit = int(limit * _STDERR_SHARE) if result.stdout else limit
    stderr = bound(result.stderr, stderr_limit, _hint(number))
    stdout = bound(result.stdout, limit - len(stderr), _hint(number))
    for name, text in (("stdout", stdout), ("stderr", stderr)):
        if text.strip():
            lines.append(fence(name, text, "runbook" if result.is_runbook else "untrusted-output"))
    if result.exit_code is not None and not (stdout.strip() or stderr.strip()):
        lines.append("(no output)")
    return "\n".join(lines)


def stub(result: ToolResult, number: int) -> str:
    """What is left of an answer in an old part of a conversation: all but the output. An output shorter than that is left as it is."""
    size = len(result.stdout) + len(result.stderr)
    if size <= _STUB_CHARS:
        return for_model(result, number=number)
    return "\n".join([*_facts(result), f"(output of {size:,} characters left out to save room; {_hint(number)} if you need it again)"])


def without_binary(result: ToolResult) -> ToolResult:
    """The result with a sentence in place of an output that is no text: an image, an archive, a core dump."""
    stdout, about_stdout = _without_binary("stdout", result.stdout)
    stderr, about_stderr = _without_binary("stderr", result.stderr)
    note = " ".join(part for part in (result.note, about_stdout, about_stderr) if part)
    return replace(result, stdout=stdout, stderr=stderr, note=note)


def _without_binary(name: str, printed: str) -> tuple[str, str]:
    """The text, or nothing and a sentence about it."""
    if not is_binary(printed):
        return printed, ""
    return "", (
        f"What it printed to {name} is binary data ({len(printed):,} characters), which cannot be shown; "
        "look at it with file, sha256sum, tar -t, strings or a program that reads its format."
    )


def is_binary(text: str) -> bool:
    """Whether it was bytes that are no text: NUL, or many characters that could not be decoded or are never printed."""
    sample = text[:_SAMPLE_CHARS]
    odd = len(_UNPRINTED.findall(sample))
    return "\0" in sample or odd > len(sample) * _BINARY_SHARE


def limited_logs(logs: Sequence[str], lines: int) -> str:
    """The sentence about logs of which only the last lines were read, because their command named no limit."""
    return (
        f"`kubectl logs` had no limit, so only the last {lines:,} lines were read of {_name_some(logs)}: counts and searches saw no more. "
        "For another part, name it: --tail=N, --since=1h or --since-time."
    )


def notes_about_streams(recording: Recording, lines: int) -> list[str]:
    """What a model must hear of logs and watches that it did not get as it asked for them. `lines` is the limit of a rehearsal."""
    notes = [limited_logs(recording.limited, lines)] if recording.limited else []
    return [*notes, ended_streams(recording.followed)] if recording.followed else notes


def ended_streams(followed: Sequence[str]) -> str:
    """The sentence about what its command would have shown for ever."""
    return f"Without an end, so ended after a moment: {_name_some(followed)}. What came until then is shown; ask again for more."


def _name_some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def model_chars(window_tokens: int) -> int:
    """Characters of one output that a model with this window sees: fewer where eight outputs would not fit."""
    return min(MODEL_CHARS, int(window_tokens * _CHARS_PER_TOKEN * _SHARE_OF_WINDOW))


def for_people(result: ToolResult, limit: int = PEOPLE_CHARS) -> str:
    """The output as people read it, plain text of at most `limit` characters: stdout and stderr, else the note, else the exit code."""
    parts = [part.strip("\n") for part in (result.stdout, result.stderr)]
    if result.exit_code:
        parts.append(f"exit code {result.exit_code}")
    if result.truncated:
        parts.append("(more was printed than is kept; the middle is missing)")
    if result.note:
        parts.append(result.note)
    text = "\n".join(part for part in parts if part.strip())
    return bound(text, limit, "") if text else "(no output)"


def fence(name: str, text: str, tag: str = "untrusted-output") -> str:
    """The text between marks that it cannot forge, not those of the other kind either: they carry a digest of the text itself."""
    mark = hashlib.sha256(text.encode()).hexdigest()[:10]
    body = _RUNBOOK.sub("< runbook", _FENCE.sub("<untrusted output", text.rstrip("\n")))
    return f"<{tag} {name} {mark}>\n{body}\n</{tag} {mark}>"


def clean(text: str) -> str:
    """Without terminal escapes, control characters, characters that reorder text and half surrogates; carriage returns become line ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def bound(text: str, limit: int, hint: str = _NARROW) -> str:
    """The cleaned text if it fits into `limit` characters; else its head and tail, cut at line ends where there are any, with a
    line between them that tells how much is missing."""
    if len(text) <= 4 * limit:
        head_source = tail_source = clean(text)
        if len(head_source) <= limit:
            return head_source
    else:  # megabytes are not worth cleaning for the few thousand characters that are shown
        head_source, tail_source = clean(text[: 2 * limit]), clean(text[-2 * limit :])
    room = max(limit - _TOLD_CHARS, 0)
    head_room = int(room * _HEAD_SHARE)
    head = _cut_back(head_source[:head_room])
    tail = _cut_forward(tail_source[max(len(tail_source) - (room - head_room), 0) :]) if room else ""
    characters = len(text) - len(head) - len(tail)
    lines = text.count("\n") - head.count("\n") - tail.count("\n")
    told = f"[… {characters:,} characters, {lines:,} line ends left out{'; ' + hint if hint else ''} …]"
    return "\n".join(part for part in (head.rstrip("\n"), told, tail) if part)[:limit]


def _cut_back(head: str) -> str:
    """Up to its last line end, unless that gives up more than half."""
    end = head.rfind("\n") + 1
    return head[:end] if end > len(head) // 2 else head


def _cut_forward(tail: str) -> str:
    start = tail.find("\n") + 1
    return tail[start:] if 0 < start < len(tail) // 2 else tail


def _facts(result: ToolResult) -> list[str]:
    lines = [f"status: {result.status}"]
    if result.exit_code is not None:
        lines.append(f"exit code: {result.exit_code}")
    if result.note:  # it may quote a server's words: on one line they cannot pass for a fact of ours
        lines.append(f"note: {' '.join(clean(result.note).splitlines())}")
    return lines


def _hint(number: int) -> str:
    return f"{_NARROW}, or call read_output with output {number}" if number else _NARROW
