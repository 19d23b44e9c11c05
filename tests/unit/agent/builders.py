"""Rows and changes for the agent's tests, with everything that does not matter filled in."""

from __future__ import annotations

from bot.changes.change import Change, State
from bot.values.transcript import Answered, Asked, Ended, Mode, Proposed, Replied, ToolCall, ToolResult


def asked(turn: int = 1, text: str = "why is the shop down?", mode: Mode = Mode.QUESTION, user: str = "U1") -> Asked:
    return Asked(turn=turn, user_id=user, text=text, mode=mode)


def shell(call_id: str, command: object = "kubectl get pods") -> ToolCall:
    return ToolCall(call_id, "shell", {"command": command})


def replied(turn: int = 1, *calls: ToolCall, text: str = "", finish: str = "stop", content: str = '{"role":"model"}') -> Replied:
    return Replied(turn=turn, model="m", content=content, text=text, calls=calls, finish=finish)


def ran(stdout: str = "ok\n", exit_code: int = 0, stderr: str = "") -> ToolResult:
    return ToolResult(status="ok", command="kubectl get pods", exit_code=exit_code, stdout=stdout, stderr=stderr)


def answered(turn: int, call_id: str, result: ToolResult | None = None) -> Answered:
    return Answered(turn=turn, call_id=call_id, result=result or ran())


def proposed(turn: int, call_id: str, change_id: int) -> Proposed:
    return Proposed(turn=turn, call_id=call_id, change_id=change_id, result=ran("deployment.apps/web scaled\n"))


def ended(turn: int = 1, reason: str = "answered", text: str = "") -> Ended:
    return Ended(turn=turn, reason=reason, text=text)


def change(
    change_id: int,
    state: State = State.PROPOSED,
    *,
    turn: int = 1,
    call_id: str = "a",
    expires_at: float = 1000.0,
    decided_by: str = "",
    reason: str = "",
    supersedes: int | None = None,
    superseded_by: int | None = None,
    rollout: str = "",
) -> Change:
    return Change(
        id=change_id,
        thread_id="T:C:1",
        call_id=call_id,
        turn=turn,
        cluster="test",
        namespace="shop",
        command="kubectl -n shop scale deploy/web --replicas=3",
        asked_by="U1",
        state=state,
        digest="d",
        writes=(),
        diffs=(),
        impact=(),
        created_at=0.0,
        expires_at=expires_at,
        decided_by=decided_by,
        reason=reason,
        supersedes=supersedes,
        superseded_by=superseded_by,
        rollout=rollout,
    )
