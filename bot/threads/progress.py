"""What the thread shows of a turn, computed from its rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.agent import budgets, observation
from bot.agent import calls as calls_
from bot.agent.loop import WAITING, successor_of
from bot.changes.change import Change, State
from bot.threads.ports import ProgressView, Step
from bot.values.transcript import Answered, Asked, Ended, Entry, Mode, Proposed, Replied, ToolResult

_OUTPUT_CHARS = 3_000_000
"""Output of one command that people may read: all that is kept of it. The chat shows a part, and all of it in a file and a window."""
_STEP_STATES = {"applied": "ok", WAITING: "left", "stopped": "stopped", "denied": "denied", "expired": "expired"}
_NOT_RUN = "error: recorded for approval, not run yet"
_RECORDING_NOTES = ("Warning: recorded for approval, not yet applied", "Warning: shows a rehearsed change", _NOT_RUN)
"""What the gateway makes kubectl print about writes and execs, for the model; people have the card."""
_TURN_STATES = {"answered": "done", "stopped": "stopped", "waiting": "done", "limit": "limited", "failed": "failed", "no_model": "failed"}


@dataclass(slots=True)
class Live:
    """What is true only while a task works on the turn."""

    turn: int = 0
    call_id: str = ""
    """The call that runs now."""
    headline: str = ""
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text message of a turn."""

    key: str
    text: str
    code: str = ""


def has_progress(own: Sequence[Entry], *, has_model: bool = True) -> bool:
    """Whether the turn has a progress message. The answer never goes from yes to no, or the message would stay as it was: a
    person's turn has one from its beginning, a note about a change once a command comes of it, a question to no model never."""
    first = own[0]
    if isinstance(first, Asked):
        return has_model or first.mode is not Mode.QUESTION
    return any(isinstance(e, Answered) or (isinstance(e, Replied) and bool(e.calls)) for e in own)


def view_of(own: Sequence[Entry], changes: Mapping[int, Change], namespace: str, live: Live) -> ProgressView:
    """The progress message of a turn. `own` are its entries."""
    turn = own[0].turn
    ended = next((e for e in own if isinstance(e, Ended)), None)
    steps = _steps(own, live if live.turn == turn and ended is None else Live())
    if ended is not None:
        return ProgressView(_TURN_STATES.get(ended.reason, "done"), _summary(ended, steps, own, changes), steps)
    undecided = [change.id for change in _open_changes(own, changes) if change.state is State.PROPOSED]
    decided = [change.id for change in _open_changes(own, changes) if change.state is not State.PROPOSED]
    if decided:
        return ProgressView("working", f"applying {_list_changes(decided)}", steps)
    if undecided and live.turn != turn:
        return ProgressView("waiting", f"waiting for a decision on {_list_changes(undecided)}", steps)
    headline, thinking = (live.headline, live.thinking) if live.turn == turn else ("", "")
    said = next((e.text for e in reversed(own) if isinstance(e, Replied) and e.text), "")
    return ProgressView("working", headline or f"looking at {namespace}", steps, thinking or said, thinking)


def texts_of(own: Sequence[Entry]) -> tuple[Text, ...]:
    """The messages that say the turn's answer, as far as it has one."""
    first = own[0]
    turn = first.turn
    texts: list[Text] = []
    ended = next((e for e in own if isinstance(e, Ended)), None)
    if isinstance(first, Asked) and first.mode is not Mode.QUESTION:
        texts += _output_of(own, turn)
    elif ended is not None and ended.reason != "stopped":
        last = next((e for e in reversed(own) if isinstance(e, Replied)), None)
        if last is not None and not last.calls and last.text.strip():
            texts.append(Text(f"answer:{turn}", last.text))
    if ended is not None and ended.text:
        texts.append(Text(f"ended:{turn}", ended.text))
    return tuple(texts)


def find_text(turns: Mapping[int, Sequence[Entry]], key: str) -> Text | None:
    """The whole text behind a key: of an answer, or the output of a step (`step:3:0` is the first command of turn 3)."""
    kind, _, rest = key.partition(":")
    turn, _, index = rest.partition(":")
    own = turns.get(int(turn)) if turn.isdecimal() else None
    if own is None:
        return None
    if kind != "step":
        return next((text for text in texts_of(own) if text.key == key), None)
    calls = calls_.of_turn(own, own[0].turn)
    if not index.isdecimal() or int(index) >= len(calls):
        return None
    results = {e.call_id: e.result for e in own if isinstance(e, Answered | Proposed)}  # the answer of a change comes after its proposal
    result = results.get(calls[int(index)].id)
    return None if result is None else Text(key, "", observation.for_people(result, _OUTPUT_CHARS))


def question_of(entries: Iterable[Entry]) -> str:
    """What was asked first; '' if nothing was."""
    return next((entry.text for entry in entries if isinstance(entry, Asked)), "")


def by_turn(entries: Iterable[Entry]) -> dict[int, list[Entry]]:
    """The entries of each turn, turns in order."""
    turns: dict[int, list[Entry]] = {}
    for entry in entries:
        turns.setdefault(entry.turn, []).append(entry)
    return {turn: turns[turn] for turn in sorted(turns)}


def _output_of(own: Sequence[Entry], turn: int) -> list[Text]:
    """Output of a person's own command line. Of a change the card tells, except for what the command printed besides."""
    proposed = next((e for e in own if isinstance(e, Proposed)), None)
    if proposed is not None:
        result = proposed.result
        told = f"Rehearsed; nothing is applied yet. {result.note}".strip()
        output = _output_only(result)
        printed = observation.for_people(output, _OUTPUT_CHARS) if output.stdout or output.stderr else ""
        return [Text(f"answer:{turn}", told, printed)] if _says_more(result) else []
    answered = next((e for e in own if isinstance(e, Answered)), None)
    if answered is None or answered.result.status == "stopped":
        return []
    if answered.result.status != "ok":
        return [Text(f"answer:{turn}", answered.result.note or "The command could not run.")]
    ran = answered.result
    told = ran.note if isinstance(own[0], Asked) and own[0].mode is Mode.EDIT else ""  # of a change, not of the command
    return [Text(f"answer:{turn}", told, observation.for_people(replace(ran, note="") if told else ran, _OUTPUT_CHARS))]


def _says_more(result: ToolResult) -> bool:
    """Whether a rehearsal printed more than the line that kubectl prints per write. An exec that was recorded explains a failure."""
    is_explained = _NOT_RUN in result.stderr and not _output_only(result).stderr.strip()
    return bool(result.note) or (bool(result.exit_code) and not is_explained) or len(result.stdout.splitlines()) > 1


def _output_only(result: ToolResult) -> ToolResult:
    stderr = "\n".join(line for line in result.stderr.splitlines() if not line.startswith(_RECORDING_NOTES))
    return ToolResult(result.status, result.command, result.exit_code, result.stdout, stderr, truncated=result.truncated)


def _steps(own: Sequence[Entry], live: Live) -> tuple[Step, ...]:
    results = {e.call_id: e.result for e in own if isinstance(e, Answered)}
    proposed = {e.call_id: e.result for e in own if isinstance(e, Proposed)}
    steps = []
    is_own_command = isinstance(own[0], Asked) and own[0].mode in (Mode.COMMAND, Mode.EDIT)  # its output is a message already
    for index, call in enumerate(calls_.of_turn(own, own[0].turn)):
        command = calls_.shown(call)
        key = "" if is_own_command else f"step:{own[0].turn}:{index}"
        if call.id in results:
            steps.append(_step(command, results[call.id], key))
        elif call.id in proposed:
            result = proposed[call.id]
            steps.append(Step(command, "waiting", result.seconds, _count_lines(result), key if _count_lines(result) else ""))
        elif call.id == live.call_id:
            steps.append(Step(command, "running"))
    return tuple(steps)


def _step(command: str, result: ToolResult, key: str) -> Step:
    state = _STEP_STATES.get(result.status, "error")
    if result.status == "ok":
        state = "error" if result.exit_code else "ok"
    lines = _count_lines(result)
    return Step(command, state, result.seconds, lines, key if lines else "")


def _count_lines(result: ToolResult) -> int:
    return sum(text.count("\n") + (not text.endswith("\n")) for text in (result.stdout, result.stderr) if text)


def _open_changes(own: Sequence[Entry], changes: Mapping[int, Change]) -> list[Change]:
    answered = {e.call_id for e in own if isinstance(e, Answered)}
    found = [successor_of(changes, e.change_id) for e in own if isinstance(e, Proposed) and e.call_id not in answered]
    return [change for change in found if change.is_open]


def _summary(ended: Ended, steps: Sequence[Step], own: Sequence[Entry], changes: Mapping[int, Change]) -> str:
    """How the turn ended, and what the model used for it where its service tells."""
    used = budgets.describe(budgets.of_entries(own))
    return " · ".join(part for part in (_outcome(ended, steps, own, changes), used) if part)


def _outcome(ended: Ended, steps: Sequence[Step], own: Sequence[Entry], changes: Mapping[int, Change]) -> str:
    count = f"{len(steps)} command{'' if len(steps) == 1 else 's'}"
    match ended.reason:
        case "answered":
            return f"done, {count}" if steps else "done"
        case "stopped":
            return f"stopped after {count}" if steps else "stopped"
        case "waiting":
            waiting = [e.call_id for e in own if isinstance(e, Answered) and e.result.status == WAITING]
            ids = [e.change_id for e in own if isinstance(e, Proposed) and e.call_id in waiting]
            ids = [successor_of(changes, number).id for number in ids]
            return f"put aside for a newer message; see the card{'' if len(ids) == 1 else 's'} of {_list_changes(ids)}"
        case "limit":
            return f"gave up after {count}"
        case _:
            return "no answer"


def _list_changes(ids: Sequence[int]) -> str:
    return ("change " if len(ids) == 1 else "changes ") + ", ".join(str(number) for number in ids)
