"""Calls one approved tool of an MCP server, once. Nothing tells afterwards whether it was called, so after a crash it is not repeated."""

from __future__ import annotations

from bot.changes.change import SendState
from bot.changes.ledger import Ledger
from bot.changes.live import Refused
from bot.changes.sending import Held, Landed, Lost, Means, Outcome
from bot.values.execs import Executed
from bot.values.tool_use import ToolUse


class Calling:
    """One call on its way. Its ledger line may say that it was sent before, by a process that is no more."""

    def __init__(self, use: ToolUse, position: int, ledger: Ledger, means: Means) -> None:
        self._use = use
        self._position = position
        self._ledger = ledger
        self._means = means

    async def run(self) -> Outcome:
        """There is nothing to check before: a tool has no dry run."""
        if self._ledger.get(self._position).state is SendState.SENT:
            return await self._lose("It was begun, and the bot was restarted before it ended.")
        why = await self._means.held()
        if why:
            return Held(why)
        await self._ledger.record(self._position, SendState.SENT)
        done = await self._means.call(self._use)
        if not done.has_started:
            refused = Refused(0, "", f"it was not called: {done.why}")
            await self._ledger.record(self._position, SendState.REFUSED, message=refused.message)
            return refused
        if done.output.exit_code is None:
            return await self._lose(f"It was begun, but no answer came: {done.why}.", done)
        message = "it answered" if done.output.exit_code == 0 else "it answered with an error"
        await self._ledger.record(self._position, SendState.LANDED, message=message, output=done.output)
        return Landed()

    async def _lose(self, what: str, done: Executed | None = None) -> Lost:
        words = f"{what} It is never called a second time; look at what {self._use.server} shows of it."
        await self._ledger.record(self._position, SendState.UNKNOWN, message=words, output=done.output if done is not None else None)
        return Lost(words)
