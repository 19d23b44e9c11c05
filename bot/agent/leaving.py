"""The rows that end a turn before its calls came to their own answers: it gives way, a person stopped it, or it cannot go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.agent import answers, loop
from bot.agent import calls as calls_
from bot.agent.finish import text_of_stop
from bot.changes.change import Change
from bot.values.transcript import Answered, Ended, Entry, Proposed, ToolResult


def give_way(entries: Sequence[Entry], step: loop.YieldTurn, changes: Mapping[int, Change]) -> list[Entry]:
    """The waiting call is answered as waiting, what came after it as not run."""
    proposed, commands = proposed_of(entries, step.turn), calls_.commands(entries, step.turn)
    written: list[Entry] = []
    for call_id in step.call_ids:
        if call_id in proposed:
            change = loop.successor_of(changes, proposed[call_id].change_id)
            written.append(Answered(step.turn, call_id, answers.waiting(proposed[call_id], change)))
        else:
            written.append(Answered(step.turn, call_id, answers.not_run(commands.get(call_id, ""))))
    return [*written, Ended(step.turn, "waiting")]


def stop(entries: Sequence[Entry], step: loop.Stop, changes: Mapping[int, Change], name: str) -> list[Entry]:
    """An answer for each open call, and an end that says what was and was not done. `name` is that of the person who stopped it."""
    proposed, commands = proposed_of(entries, step.turn), calls_.commands(entries, step.turn)
    written: list[Entry] = []
    for call_id in step.call_ids:
        own = proposed.get(call_id)
        withdrawn = loop.successor_of(changes, own.change_id).id if own is not None else 0
        written.append(Answered(step.turn, call_id, answers.stopped(commands.get(call_id, ""), name, own, withdrawn)))
    text = text_of_stop(name, [change for change in changes.values() if change.turn == step.turn], step.change_ids)
    return [*written, Ended(step.turn, "stopped", text)]


def give_up(entries: Sequence[Entry], turn: int, why: str) -> list[Entry]:
    """An answer for each open call, and the end with the reason; nothing while a call waits for what becomes of its change."""
    answered = {e.call_id for e in entries if isinstance(e, Answered) and e.turn == turn}
    if proposed_of(entries, turn).keys() - answered:
        return []
    written: list[Entry] = [
        Answered(turn, call_id, ToolResult(status="error", command=command, note=why))
        for call_id, command in calls_.commands(entries, turn).items()
        if call_id not in answered
    ]
    return [*written, Ended(turn, "failed", why)]


def proposed_of(entries: Sequence[Entry], turn: int) -> dict[str, Proposed]:
    """What the turn's calls proposed, by call id."""
    return {e.call_id: e for e in entries if isinstance(e, Proposed) and e.turn == turn}
