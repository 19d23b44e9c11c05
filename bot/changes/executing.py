"""Runs one approved exec, once. Nothing in the cluster tells afterwards whether it ran, so after a crash it is not repeated."""

from __future__ import annotations

import shlex

from bot.changes import recheck
from bot.changes.change import ObjectDiff, SendState
from bot.changes.ledger import Ledger
from bot.changes.live import Refused
from bot.changes.recheck import Already, Moved
from bot.changes.sending import Held, Landed, Lost, Means, Outcome
from bot.errors import GatewayError, UpstreamUnavailableError
from bot.values.execs import Executed
from bot.values.requests import RecordedConnect, RecordedWrite


class Executing:
    """One exec on its way. Its ledger line may say that it was sent before, by a process that is no more."""

    def __init__(self, write: RecordedWrite, approved: ObjectDiff, position: int, ledger: Ledger, means: Means) -> None:
        self._write = write
        self._approved = approved
        self._position = position
        self._ledger = ledger
        self._means = means

    async def run(self) -> Outcome:
        """Raises UpstreamUnavailableError when it cannot go on now: it has not been sent then."""
        if self._ledger.get(self._position).state is SendState.SENT:
            return await self._lose("It was begun, and the bot was restarted before it ended.")
        why = await self._means.held()
        if why:
            return Held(why)
        checked = await recheck.check(self._means.api, self._write, self._approved)
        if isinstance(checked, Refused):
            return await self._refuse(checked)
        if isinstance(checked, Moved):
            return checked
        assert not isinstance(checked, Already), "an exec has no state that it could find done"
        return await self._send(checked.precondition)

    async def _send(self, uid: str) -> Outcome:
        limits = self._means.limits
        await self._ledger.record(self._position, SendState.SENT, precondition=uid)
        try:
            done = await self._means.api.execute(
                self._write.request,
                self._write.identity,
                seconds=limits.exec_seconds,
                most_bytes=limits.exec_bytes,
                kept_bytes=limits.exec_kept_bytes,
            )
        except UpstreamUnavailableError as exc:  # it did not leave
            await self._ledger.record(self._position, SendState.PENDING, message=str(exc))
            raise
        except GatewayError as exc:
            return await self._lose(f"It was begun, and then: {exc}")
        if not done.has_started:
            return await self._refuse(Refused(0, "", f"it did not start: {done.why}"))
        if done.output.exit_code is None:
            return await self._lose(f"It was begun, but no exit code came: {done.why}.", done)
        return await self._land(uid, done)

    async def _land(self, uid: str, done: Executed) -> Landed:
        output = done.output
        if done.data:
            output = await self._means.keep(self._position, done)
        message = "it ended without an error" if output.exit_code == 0 else f"it ended with exit code {output.exit_code}"
        await self._ledger.record(self._position, SendState.LANDED, precondition=uid, message=message, output=output)
        return Landed()

    async def _refuse(self, refused: Refused) -> Refused:
        await self._ledger.record(self._position, SendState.REFUSED, status=refused.status, message=refused.message)
        return refused

    async def _lose(self, what: str, done: Executed | None = None) -> Lost:
        send = self._ledger.get(self._position)
        words = f"{what} It is never run a second time; look at what it was to do, and at `{how_to_look(self._write)}`."
        output = done.output if done is not None else None
        await self._ledger.record(self._position, SendState.UNKNOWN, precondition=send.precondition, message=words, output=output)
        return Lost(words)


def how_to_look(write: RecordedWrite) -> str:
    """The command that shows what the container said meanwhile."""
    asked: RecordedConnect | None = write.connect
    container = f" -c {shlex.quote(asked.container)}" if asked is not None else ""
    info = write.info
    return f"kubectl -n {shlex.quote(info.namespace)} logs {shlex.quote(info.name)}{container} --since=15m"
