"""The ledger of one replay: what became of each write, stored before the next thing happens."""

from __future__ import annotations

from bot.changes.change import Change, Send, SendState
from bot.changes.ports import AuditLine, Changes
from bot.values.execs import Output

ACTOR = "kubectl-ai"
"""Whose doing the audit lines of a replay are. Who approved is in the line of the approval."""

_ACTIONS = {
    SendState.PENDING: "write_put_off",
    SendState.SENT: "write_sent",
    SendState.LANDED: "write_landed",
    SendState.REFUSED: "write_refused",
    SendState.UNKNOWN: "write_unknown",
}
_SPARED = frozenset({304, 404})
"""Statuses of writes that were not sent, because the cluster was as they want it."""


class Ledger:
    """What is known of the writes of one change. Knows only what is stored."""

    def __init__(self, change: Change, changes: Changes) -> None:
        self._change = change
        self._changes = changes
        self._sends = {send.position: send for send in change.sends}

    def get(self, position: int) -> Send:
        return self._sends.get(position, Send(position, SendState.PENDING))

    async def record(
        self, position: int, state: SendState, *, precondition: str = "", status: int = 0, message: str = "", output: Output | None = None
    ) -> Send:
        """Stores what became of a write, with its audit line."""
        send = Send(position, state, precondition, status, message, output)
        info = self._change.writes[position].info
        facts = {"position": position, "verb": info.verb, "resource": info.qualified, "namespace": info.namespace, "name": info.name}
        if output is not None:
            facts["exit_code"] = -1 if output.exit_code is None else output.exit_code
        audit = line(self._change, _ACTIONS[state], **facts, precondition=precondition, status=status)
        await self._changes.record_send(self._change.id, send, audit)
        self._sends[position] = send
        return send

    @property
    def is_untouched(self) -> bool:
        """Whether no write of the change was sent, as far as anybody knows."""
        return all(send.state in (SendState.PENDING, SendState.REFUSED) or is_spared(send) for send in self._sends.values())

    @property
    def has_begun(self) -> bool:
        """Whether the fate of any write is settled or open."""
        return any(send.state is not SendState.PENDING for send in self._sends.values())

    @property
    def landed(self) -> int:
        """How many writes are in."""
        return sum(send.state is SendState.LANDED for send in self._sends.values())

    def spared(self) -> list[Send]:
        """The writes that had not to be sent."""
        return [send for _, send in sorted(self._sends.items()) if is_spared(send)]


def line(change: Change, action: str, **facts: object) -> AuditLine:
    """An audit line about the replay of a change."""
    return AuditLine(action, ACTOR, change.thread_id, {"change": change.id, "digest": change.digest, **facts})


def is_spared(send: Send) -> bool:
    """Whether the cluster was as the write wants it, so that it was not sent."""
    return send.state is SendState.LANDED and send.status in _SPARED
