"""All of a change as one plain text, for where Slack refuses its card: nothing is cut, so who read it has seen what they decide. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bot.changes import refusals
from bot.changes.change import Change, FieldDiff, ObjectDiff
from bot.slack.rendering.answers import File
from bot.slack.rendering.details import describe_body, describe_head
from bot.slack.rendering.differences import describe_change, name_object
from bot.slack.rendering.execs import describe_stdin
from bot.slack.rendering.text import reveal
from bot.values.requests import RecordedWrite

_ALL = 2**31
"""More characters than a change can have."""


def write_whole(change: Change) -> str:
    """Command, refusals, impact, every field with both values, every request. Characters that cannot be seen show as escapes."""
    return "\n\n".join("\n".join(part) for part in _write_parts(change))


def make_file(change: Change) -> File:
    """The same as a file; its name is found again by the number of the change."""
    return File(f"change-{change.id}.txt", f"All of Change {change.id}", f"{write_whole(change)}\n")


def _write_parts(change: Change) -> Iterator[list[str]]:
    place = f"{change.cluster} · {change.namespace or 'no namespace'} · digest {change.digest}"
    yield [f"Change {change.id} · {reveal(place)}", reveal(change.command) or "(no command)"]
    if change.refused:
        yield ["Refused, and no part of this change:", *(reveal(refusals.describe_fully(one)) for one in change.refused)]
    if change.impact:
        yield ["What it means:", *map(reveal, change.impact)]
    for diff in change.diffs:
        yield list(_write_object(diff))
    for position, write in enumerate(change.writes):
        yield list(_write_request(position, write, len(change.writes)))


def _write_object(diff: ObjectDiff) -> Iterator[str]:
    yield reveal(f"{diff.title}  {diff.action}")
    yield from (f"  {_write_field(field)}" for field in diff.fields)
    if not diff.fields:
        yield "  (the whole object goes)" if diff.action == "delete" else "  (no field is known to change)"
    yield from (f"  ⚠️ {reveal(note)}" for note in diff.notes)


def _write_field(field: FieldDiff) -> str:
    change = describe_change(field, _ALL).replace("\n", "\n  ")
    return f"{reveal(field.path) or '(whole object)'}  {change}"


def _write_request(position: int, write: RecordedWrite, total: int) -> Iterator[str]:
    yield f"Request {position + 1} of {total}: {reveal(name_object(write))}"
    yield from map(reveal, describe_head(write))
    body = describe_body(write, is_whole=True) if write.connect is None else describe_stdin(write, is_whole=True)
    if body:
        yield body
