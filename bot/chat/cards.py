"""A change as a terminal shows it: the lines of the card in Slack, in a frame. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from bot.changes import refusals, undo
from bot.changes.change import Change, ObjectDiff, SendState, State
from bot.local.surface import PEOPLE
from bot.slack.rendering.details import describe_body
from bot.slack.rendering.differences import describe_change, describe_creation, describe_fields, name_write
from bot.slack.rendering.execs import describe_end, describe_stdin, join_output
from bot.slack.rendering.outcomes import write_check
from bot.slack.rendering.text import cut_middle, flatten, reveal

_COLOURS = {State.PROPOSED: "yellow", State.DONE: "green", State.FAILED: "red", State.PARTIAL: "red", State.UNKNOWN: "magenta"}
_REFUSED = 5
"""Refused requests that a card names."""
_SENTENCE_CHARS = 500
_VALUE_CHARS = 2_000
_OUTPUT_CHARS, _OUTPUT_LINES = 20_000, 200


def render_card(change: Change, *, undo_seconds: float, now: float) -> RenderableType:
    """What the change is, for the one who decides; when it is decided, what became of it. `now` is epoch seconds."""
    if change.state is State.PROPOSED:
        lines = [*_describe_objects(change), *_describe_refused(change), *_describe_notes(change)]
    else:
        lines = list(_describe_outcome(change))
    if undo.is_offered(change, undo_seconds, now):
        lines.append(Text(f"undo {change.id} takes it back, until {_show_time(change.decided_at + undo_seconds, now)}", style="dim"))
    title = f"Change {change.id} · {describe_state(change, now)}"
    return Panel(Group(*lines), title=Text(flatten(title, 200)), title_align="left", border_style=_COLOURS.get(change.state, "dim"))


def describe_state(change: Change, now: float) -> str:
    """`done · approved by you`: the headline after the change's number. `now` is epoch seconds."""
    place = f"{change.cluster} · {change.namespace or 'no namespace'}"
    landed = sum(send.state is SendState.LANDED for send in change.sends)
    match change.state:
        case State.PROPOSED:
            replaces = f" · replaces change {change.supersedes}, the object has moved" if change.supersedes else ""
            undoes = f" · undoes change {change.undoes}" if change.undoes is not None else ""
            return f"{place}{undoes}{replaces} · lapses at {_show_time(change.expires_at, now)}"
        case State.APPROVED | State.REPLAYING:
            return "being applied"
        case State.SUPERSEDED:
            return f"superseded by change {change.superseded_by}" if change.superseded_by else "superseded"
        case State.DONE | State.DENIED if change.decided_by:
            decided = "approved" if change.state is State.DONE else "dropped"
            return f"{change.state} · {decided} by {PEOPLE[change.decided_by].name if change.decided_by in PEOPLE else change.decided_by}"
        case State.EXPIRED:
            return "lapsed: approved, but not carried out in time" if change.decided_by else "lapsed: nobody decided in time"
        case State.FAILED:
            return "failed, nothing was changed"
        case State.PARTIAL:
            return f"partly applied, {landed} of {len(change.writes)} in"
        case State.UNKNOWN:
            return "outcome unknown, check it by hand"
        case State.UNDONE:
            return f"undone by change {change.undone_by}" if change.undone_by is not None else "undone"
        case _:
            return str(change.state)


def render_details(change: Change) -> RenderableType:
    """Every field, and the requests as they would be sent; values of Secrets are shown to nobody."""
    parts: list[RenderableType] = [Text(f"digest {change.digest}", style="dim")]
    for diff in change.diffs:
        parts.append(_title(diff))
        parts += [Text(f"  {reveal(field.path) or '(whole object)'}\n    {describe_change(field, _VALUE_CHARS)}") for field in diff.fields]
    if change.refused:
        parts.append(Text("Refused, and no part of this change", style="bold"))
    parts += [Text(f"  {reveal(refusals.describe_fully(refused))}") for refused in change.refused]
    for position, write in enumerate(change.writes):
        request = write.request
        parts.append(Text(f"Request {position + 1} of {len(change.writes)}: {reveal(f'{request.method} {request.path}')}", style="bold"))
        body = describe_body(write) if write.connect is None else describe_stdin(write)
        if body:
            parts.append(Text(body))
    return Group(*parts)


def _describe_objects(change: Change) -> Iterator[Text]:
    yield Text(reveal(cut_middle(change.command, _OUTPUT_CHARS, _OUTPUT_LINES)), style="cyan")
    for diff in change.diffs:
        yield _title(diff)
        lines = describe_creation(diff.fields) if diff.action == "create" else describe_fields(diff.fields)
        for line in "\n".join(lines).split("\n"):
            yield Text(f"  {line}")


def _title(diff: ObjectDiff) -> Text:
    return Text.assemble((flatten(diff.title, 200), "bold"), f"  {flatten(diff.action, 40)}")


def _describe_refused(change: Change) -> Iterator[Text]:
    for line in refusals.lines(change.refused, _REFUSED):
        yield Text(flatten(f"! {line}", _SENTENCE_CHARS), style="yellow")


def _describe_notes(change: Change) -> Iterator[Text]:
    notes = [f"! {diff.title}: {note}" for diff in change.diffs for note in diff.notes]
    told = {note for diff in change.diffs for note in diff.notes}
    notes += [f"! {write.note}" for write in change.writes if write.note and write.note not in told]
    for note in dict.fromkeys([*notes, *(f"• {line}" for line in change.impact)]):
        yield Text(flatten(note, _SENTENCE_CHARS), style="yellow" if note.startswith("!") else "")


def _describe_outcome(change: Change) -> Iterator[Text]:
    for diff in change.diffs:
        yield _title(diff)
    if change.state is not State.DENIED:
        yield from _describe_refused(change)
    if change.reason:
        yield Text(flatten(change.reason, _SENTENCE_CHARS))
    if change.state in {State.PARTIAL, State.FAILED, State.UNKNOWN}:
        for send in change.sends:
            why = f": {flatten(send.message, _SENTENCE_CHARS)}" if send.message else ""
            yield Text(f"{send.state}: {name_write(change, send.position)}{why}")
    if change.state is State.UNKNOWN:
        yield Text("Compare with the difference that was shown before anything is tried again:")
        for command in dict.fromkeys(write_check(write) for write in change.writes):
            yield Text(f"  {command}")
    for send in change.sends:
        if send.output is not None:
            yield Text(f"{name_write(change, send.position)}: {describe_end(send.output)}")
            yield Text(cut_middle(join_output(send.output), _OUTPUT_CHARS, _OUTPUT_LINES))
    if change.rollout:
        yield Text(f"rollout: {flatten(change.rollout, _SENTENCE_CHARS)}")


def _show_time(epoch_seconds: float, now: float) -> str:
    """`14:17`, with its day if that is another one."""
    at, today = time.localtime(epoch_seconds), time.localtime(now)
    return time.strftime("%H:%M" if at[:3] == today[:3] else "%a %H:%M", at)
