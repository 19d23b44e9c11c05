"""Answers and changes that calls came to, compared with what follows from the rows before them. Pure.

What was run answers from outside. Ours are the answers of calls that nothing is run for, and what the notes of the others end with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.agent import calls as calls_
from bot.agent import custom_tools, edits, loop, reading, repeats, runbooks
from bot.agent.asked_with import restore
from bot.agent.findings import EQUAL, LOOKED_UP, NOT_UNDONE, PRINTED, RECORDED, UNTOLD_REQUEST, Finding, Verdict, compare, describe
from bot.agent.ports import Tool
from bot.changes.change import Change, State
from bot.values.transcript import Answered, Asked, Entry, Mode, Proposed, Replied, ToolResult


def check(
    before: Sequence[Entry],
    then: Mapping[int, Change],
    changes: Mapping[int, Change],
    step: loop.RunCall | loop.RunUndo,
    entry: Proposed | Answered,
) -> Finding:
    """Of the call that the step runs. `then` are the changes as they may have been before the entry, `changes` as they are now."""
    if isinstance(entry, Proposed):
        return _check_proposed(before, changes, step, entry)
    return _check_not_undone(step, entry) if isinstance(step, loop.RunUndo) else _check_answer(before, then, changes, step, entry)


def _check_answer(
    before: Sequence[Entry], then: Mapping[int, Change], changes: Mapping[int, Change], step: loop.RunCall, entry: Answered
) -> Finding:
    tools = _offered(before)
    if tools is None and step.call.name not in calls_.TOOL_NAMES:
        return UNTOLD_REQUEST
    edited = _find_edited(before, changes, step.turn)
    result = _without_running(before, step, tools or {})
    if result is not None:
        result, found = replace(result, command=step.shown), EQUAL
    else:
        given = _with_command(entry.result, step)
        result = replace(given, note=_cut(given.note, *_all_endings(edited), repeats.SAME))
        found = LOOKED_UP if step.call.name == calls_.RUNBOOK else PRINTED
    again = repeats.note(before, step.turn, result.command, result)
    endings = _endings(edited, then, result) if edited is not None else ("",)
    possible = [replace(entry, result=replace(result, note=_join(result.note, again, ending))) for ending in endings]
    return found if entry in possible else compare(possible[0], entry)


def _check_proposed(before: Sequence[Entry], changes: Mapping[int, Change], step: loop.RunCall | loop.RunUndo, entry: Proposed) -> Finding:
    """Who asked for what in which turn, in the row and in its change."""
    change = changes.get(entry.change_id)
    if change is None:
        return Finding(Verdict.DIFFERS, f"Change {entry.change_id} is not in the database.", "", describe(entry))
    result = replace(entry.result, command=calls_.shown(step.call)) if isinstance(step, loop.RunUndo) else _with_command(entry.result, step)
    edited = _find_edited(before, changes, step.turn)
    if edited is not None and change.supersedes == edited.id:
        result = replace(result, note=_cut(result.note, edits.beside(edited.id)))
    wanted = replace(
        change,
        turn=step.turn,
        call_id=step.call.id,
        command=result.command,
        asked_by=loop.asker_of(before, step.turn),
        undoes=step.change_id if isinstance(step, loop.RunUndo) else None,
    )
    if wanted != change:
        note = f"Change {change.id} is not the one that this call came to."
        return Finding(Verdict.DIFFERS, note, describe(wanted), describe(change))
    return compare(replace(entry, result=result), entry, RECORDED)


def _check_not_undone(step: loop.RunUndo, entry: Answered) -> Finding:
    """All but the reason."""
    result = ToolResult(status="error", command=calls_.shown(step.call), note=entry.result.note)
    return compare(Answered(step.turn, step.call.id, result), entry, NOT_UNDONE)


def _find_edited(before: Sequence[Entry], changes: Mapping[int, Change], turn: int) -> Change | None:
    """The change whose command the turn's question edits, as it is now."""
    asked = next((e for e in before if e.turn == turn and isinstance(e, Asked)), None)
    return changes.get(asked.change_id or 0) if asked is not None and asked.mode is Mode.EDIT else None


def _offered(before: Sequence[Entry]) -> dict[str, Tool] | None:
    """The tools of the last request by name; None if no row tells."""
    last = max((place for place, e in enumerate(before) if isinstance(e, Replied)), default=-1)
    replied = before[last] if last >= 0 else None
    if not isinstance(replied, Replied) or replied.request is None:
        return None
    listed = restore(replied.request, before[:last]).tools
    return None if listed is None else {tool["name"]: Tool(**tool) for tool in json.loads(listed)}


def _without_running(before: Sequence[Entry], step: loop.RunCall, tools: Mapping[str, Tool]) -> ToolResult | None:
    """The answer of a call that nothing outside was asked for; None if something was."""
    call, tool = step.call, tools.get(step.call.name)
    is_served = tool is not None and call.name not in calls_.TOOL_NAMES and not custom_tools.is_custom(tool)
    refused = None if is_served else calls_.answer_without_running(call, tools)
    refused = refused or repeats.refusal(before, step.turn, step.shown)
    if refused is None and call.name == calls_.READ_OUTPUT:
        read = reading.read(before, call.arguments)
        return read if isinstance(read, ToolResult) else None
    if refused is None and call.name == calls_.RUNBOOK:
        without = runbooks.find((), call.arguments.get("query"))
        return without if without.status == "error" or (tools and calls_.RUNBOOK not in tools) else None
    return refused


def _with_command(result: ToolResult, step: loop.RunCall) -> ToolResult:
    """The result with the command that it is of. What an installer's tool puts before a line is in no row but that of the result."""
    line = str(step.call.arguments.get("command", ""))
    is_completed = step.call.name not in calls_.TOOL_NAMES and bool(line) and result.command.endswith(line)
    return result if is_completed else replace(result, command=step.shown)


def _endings(edited: Change, then: Mapping[int, Change], result: ToolResult) -> Sequence[str]:
    """What the note may say of the edited change. One that is over now may have been open then: rows do not tell when it was decided."""
    if not edits.has_failed(result):
        return (edits.after_nothing(edited),)
    failed = edits.after_failure(then.get(edited.id) or replace(edited, state=State.PROPOSED))
    return (failed,) if edited.is_open or not failed else (failed, "")


def _all_endings(edited: Change | None) -> Sequence[str]:
    """Every sentence about the change that a note can end with."""
    if edited is None:
        return ()
    proposed, withdrawn = replace(edited, state=State.PROPOSED), replace(edited, state=State.DENIED, reason=edits.WITHDRAWN)
    return (edits.after_failure(proposed), edits.after_nothing(proposed), edits.after_nothing(withdrawn))


def _cut(note: str, *endings: str) -> str:
    """The note without these at its end."""
    for ending in endings:
        if note == ending or note.endswith(f" {ending}"):
            note = note.removesuffix(ending).removesuffix(" ")
    return note


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)
