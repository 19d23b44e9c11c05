"""The answers of calls that did not simply run, and the notes about changes that were decided after their turn."""

from __future__ import annotations

from dataclasses import replace

from bot.agent.observation import bound, fence
from bot.changes.change import Change, Send, SendState, State
from bot.values.tool_use import read_use
from bot.values.transcript import Decided, Happened, Proposed, ToolResult

_NOT_RUN = "recorded for approval, not run yet"
"""What kubectl says of an exec in the rehearsal: no longer true in the answer."""
_TOLD_CHARS = 4_000
"""Output of an exec in a note about a change whose turn is over."""
_STATUS = {
    State.DONE: "applied",
    State.UNDONE: "applied",
    State.DENIED: "denied",
    State.EXPIRED: "expired",
    State.SUPERSEDED: "superseded",
    State.FAILED: "failed",
    State.PARTIAL: "partial",
    State.UNKNOWN: "unknown",
}


def of_change(proposed: Proposed, change: Change, who: str = "") -> ToolResult:
    """The answer of a call whose change is final. Its output is the rehearsal's: it looks as if the writes had happened, so the
    note says what really became of them. `who` is the name of the person who decided. What its execs printed comes after that."""
    result = replace(proposed.result, status=_STATUS[change.state], note=_join(proposed.result.note, outcome(change, who)))
    return _with_outputs(result, change)


def waiting(proposed: Proposed, change: Change) -> ToolResult:
    """The answer of a call whose turn ends while its change is open."""
    note = (
        f"Not applied yet: change {change.id} is still waiting for approval. Do not propose it again; you will be told when it is decided."
    )
    return replace(proposed.result, status="waiting", note=_join(proposed.result.note, note))


def not_run(command: str) -> ToolResult:
    """The answer of a later call of a reply whose turn was yielded before its time came."""
    return ToolResult(status="stopped", command=command, note="Did not run: an earlier command of the same reply waits for approval.")


def stopped(command: str, by: str, proposed: Proposed | None = None, withdrawn: int = 0) -> ToolResult:
    """The answer of a call that a person stopped: it did not run, was cut short, or its change was withdrawn. `withdrawn` is the change
    that was, if it is another than the proposed one."""
    if proposed is None:
        note = f"Stopped by {by}. Nothing was changed in the cluster by this command."
        return ToolResult(status="stopped", command=command, note=note)
    note = f"Stopped by {by} before it was approved: change {withdrawn or proposed.change_id} is withdrawn and nothing of it was applied."
    return replace(proposed.result, status="stopped", note=_join(proposed.result.note, note))


def happened(change: Change, turn: int, asker: str, who: str = "") -> Happened:
    """What a turn that is over must hear about its change. `who` is the name of the person who decided."""
    text = f"Change {change.id} (`{change.command}`), proposed earlier in this thread, was decided. {outcome(change, who)}"
    for send in _ran(change):
        assert send.output is not None
        parts = (("stdout", send.output.stdout), ("stderr", send.output.stderr))
        text += "".join(f"\n{fence(name, bound(printed, _TOLD_CHARS))}" for name, printed in parts if printed.strip())
    return Happened(turn, text, change.id, asker, decided(change, who))


def decided(change: Change, who: str) -> Decided:
    """What a row keeps of a change that it tells of."""
    return Decided(change.state.value, who, change.rollout)


def outcome(change: Change, who: str = "") -> str:
    """What became of a change, in one or two sentences for the model. Raises ValueError while it is open."""
    who = who or change.decided_by or "somebody"
    why = f" Reason: {change.reason.rstrip('.')}." if change.reason else ""
    match change.state:
        case State.DONE | State.UNDONE:
            undone = " It was undone afterwards." if change.state is State.UNDONE else ""
            rollout = f" Rollout: {change.rollout}." if change.rollout else ""
            landed = "its write" if len(change.writes) == 1 else f"all {len(change.writes)} writes"
            ran = _sends(change) if _ran(change) else ""
            return f"Applied: change {change.id} was approved by {who} and {landed} landed.{ran}{undone}{rollout}"
        case State.DENIED if not change.decided_by:
            return f"Not applied: change {change.id} was approved, but held back before anything was sent.{why}"
        case State.DENIED:
            return f"Not applied: change {change.id} was denied by {who}.{why} Do not propose the same change again."
        case State.EXPIRED if change.is_shown_only:
            return f"Not applied: change {change.id} only shows what the command would do.{why}"
        case State.EXPIRED if change.decided_by:
            return f"Not applied: change {change.id} was approved by {who}, but could not be carried out in time. Nothing was sent."
        case State.EXPIRED:
            return f"Not applied: nobody decided change {change.id} in time.{why}"
        case State.SUPERSEDED:
            return f"Not applied: the cluster moved on before change {change.id} could be applied.{why}"
        case State.FAILED:
            return f"Not applied: change {change.id} was approved by {who}, but the API server refused it.{_sends(change)}{why}"
        case State.PARTIAL:
            return f"Applied in part: change {change.id} was approved by {who}, but not all writes landed.{_sends(change)}{why}"
        case State.UNKNOWN:
            return f"Unknown: whether change {change.id} landed must be checked before anything else is done.{_sends(change)}{why}"
        case State.PROPOSED | State.APPROVED | State.REPLAYING:
            raise ValueError(f"change {change.id} is still open")


def _ran(change: Change) -> list[Send]:
    """The execs of the change that were run."""
    return [send for send in change.sends if send.output is not None]


def _with_outputs(result: ToolResult, change: Change) -> ToolResult:
    """The result with what the change's execs printed. The rehearsal's exit code is that of a command that was cut short by them."""
    ran = _ran(change)
    if not ran:
        return result
    stdout, stderr = [result.stdout], [line for line in result.stderr.splitlines(keepends=True) if _NOT_RUN not in line]
    for send in ran:
        assert send.output is not None
        head = f"--- output of write {send.position + 1}\n" if len(change.writes) > 1 else ""
        stdout.append(f"{head}{send.output.stdout}" if send.output.stdout else "")
        stderr.append(f"{head}{send.output.stderr}" if send.output.stderr else "")
    outputs = [send.output for send in ran if send.output is not None]
    return replace(
        result,
        exit_code=outputs[0].exit_code if len(change.writes) == 1 else None,
        stdout=_join_lines(stdout),
        stderr=_join_lines(stderr),
        truncated=result.truncated or any(output.truncated for output in outputs),
        sources=(*result.sources, *(_source(change, send) for send in ran)),
    )


def _source(change: Change, send: Send) -> str:
    write = change.writes[send.position] if send.position < len(change.writes) else None
    if write is None:
        return "the output of a program"
    use = read_use(write)
    return f"the answer of {use.title}" if use is not None else f"the output of a program in pod {write.info.namespace}/{write.info.name}"


def _join_lines(parts: list[str]) -> str:
    return "".join(part if part.endswith("\n") or not part else f"{part}\n" for part in parts)


def _sends(change: Change) -> str:
    parts = [_send(change, send) for send in change.sends if send.state is not SendState.PENDING]
    return f" {'; '.join(parts)}." if parts else ""


def _send(change: Change, send: Send) -> str:
    write = change.writes[send.position].info if send.position < len(change.writes) else None
    verb = "exec into" if write and write.qualified == "pods/exec" else f"{write.verb} {write.qualified}" if write else "write"
    what = f"{verb} {write.name}".strip() if write else verb
    told = [send.message.rstrip("."), send.output.note.rstrip(".") if send.output else ""]
    message = f" ({'; '.join(part for part in told if part)})" if any(told) else ""
    return f"write {send.position + 1}, {what}: {send.state.value}{message}"


def _join(first: str, second: str) -> str:
    return f"{first} {second}".strip()
