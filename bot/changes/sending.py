"""Sends one write of a change, at most once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bot.changes import bodies, recheck, recovery
from bot.changes.change import ObjectDiff, SendState
from bot.changes.ledger import Ledger
from bot.changes.live import Refused
from bot.changes.ports import ClusterApi
from bot.changes.recheck import Already, Moved, Same
from bot.errors import GatewayError
from bot.values.execs import Executed, Output
from bot.values.requests import ApiResponse, RecordedWrite
from bot.values.tool_use import ToolUse


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a replay goes on trying."""

    attempts: int = 6
    """Times that one write is checked anew because its object changed in between."""
    busy_seconds: float = 300.0
    """Longest wait for a PodDisruptionBudget, a server that is too busy, or an object that is still being deleted."""
    settle_seconds: float = 30.0
    """Longest wait for what an earlier write of the same change set off (a namespace's service account, a served kind)."""
    pause_seconds: float = 5.0
    """Between two tries while waiting, as kubectl does it."""
    exec_seconds: float = 120.0
    """Longest run of an exec."""
    exec_bytes: int = 33_554_432
    """Most that an exec may print, and the largest file that is copied out of a container."""
    exec_kept_bytes: int = 65_536
    """Text that is kept of each of its stdout and stderr."""


Keep = Callable[[int, Executed], Awaitable[Output]]
"""Puts what the exec at this position wrote, and is not text, where whoever asked for it can read it; the output, with a note that
tells where."""


Call = Callable[[ToolUse], Awaitable[Executed]]
"""Calls a tool of an MCP server. What comes of it is a value, whatever it is: its exit code is 0, 1 for an error that the tool tells,
None if no answer came."""


async def call_nothing(use: ToolUse) -> Executed:
    """There is no such server."""
    return Executed(Output(), why=f"there is no server {use.server} in the settings", has_started=False)


async def keep_nothing(position: int, done: Executed) -> Output:
    """There is no such place."""
    del position
    return replace(done.output, note=f"It wrote {len(done.data):,} bytes that are not text; they are not kept.")


@dataclass(frozen=True, slots=True)
class Means:
    """What a replay works with."""

    api: ClusterApi
    clock: Callable[[], float]
    """Seconds since the epoch."""
    pause: Callable[[float], Awaitable[None]]
    held: Callable[[], Awaitable[str]]
    """Why nothing more may be sent (a freeze, a stop), or ''."""
    limits: Limits
    keep: Keep
    call: Call


@dataclass(frozen=True, slots=True)
class Landed:
    """The write is in. `name` is the object's name if the server made it up."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """It was sent, no answer came, and the cluster does not tell. `words` say how to check by hand."""

    words: str


@dataclass(frozen=True, slots=True)
class Held:
    """It may not be sent, for this reason."""

    why: str


Outcome = Landed | Moved | Refused | Lost | Held

_AGAIN = None
"""Look and check once more."""


def patience(write: RecordedWrite, refused: Refused, limits: Limits) -> float:
    """Seconds for which a refusal is worth waiting out; 0 if it is final."""
    if refused.status == 429:
        return limits.busy_seconds
    if refused.status in (503, 504):
        return limits.settle_seconds
    if write.depends_on and refused.reason == "AlreadyExists":
        return limits.busy_seconds  # what was deleted before it is still going
    if write.needs or (write.depends_on and refused.status in (403, 404)):
        return limits.settle_seconds  # what lets it through takes effect a moment after it was written
    return 0.0


class Sending:
    """One write on its way. Its ledger line may say that it was sent before, by a process that is no more."""

    def __init__(self, write: RecordedWrite, approved: ObjectDiff, position: int, ledger: Ledger, means: Means) -> None:
        self._write = write
        self._approved = approved
        self._position = position
        self._ledger = ledger
        self._means = means
        self._attempts = 0
        self._waiting_since: float | None = None

    async def run(self) -> Outcome:
        """Raises UpstreamUnavailableError when it cannot go on now. The ledger says then how far it came."""
        while True:
            outcome = await self._try()
            if outcome is not None:
                return outcome

    async def _try(self) -> Outcome | None:
        """Looks if it was sent before, checks, sends. None if all that has to be done again."""
        send = self._ledger.get(self._position)
        if send.state is SendState.SENT:
            found = await recovery.look(self._means.api, self._write, self._approved, send)
            if isinstance(found, recovery.Landed):
                return await self._land(0, "its answer was lost, but it is in the cluster")
            if isinstance(found, recovery.Unknown) or self._attempts >= self._means.limits.attempts:
                return await self._lose()
        why = await self._means.held()
        if why:
            return await self._lose() if send.state is SendState.SENT else Held(why)
        checked = await recheck.check(self._means.api, self._write, self._approved)
        if isinstance(checked, Refused):
            return await self._be_refused(checked)
        if send.state is SendState.SENT and not (isinstance(checked, Same) and _ties_alike(checked.precondition, send.precondition)):
            return await self._go_round()  # something moved since it was looked at: perhaps this write, landing late
        if isinstance(checked, Already):
            return await self._land(checked.status, checked.words)
        return checked if isinstance(checked, Moved) else await self._send(checked)

    async def _send(self, checked: Same) -> Outcome | None:
        await self._ledger.record(self._position, SendState.SENT, precondition=checked.precondition)
        try:
            response = await self._means.api.send(checked.request, self._write.identity, dry_run=False)
        except GatewayError:  # no answer, or none that could be read
            return await self._go_round()
        if response.is_success:
            return await self._land(response.status, "", response)
        if response.status == 404 and self._approved.action in recheck.REMOVALS:
            return await self._land(404, "was gone already when it was sent")
        if response.status >= 500:
            return await self._go_round()  # the server may have done it before it failed
        return await self._be_refused(Refused.of(response), is_answer=True)

    async def _be_refused(self, refused: Refused, *, is_answer: bool = False) -> Outcome | None:
        """What to do about a refusal: of the request itself (`is_answer`: it has not landed, that is certain), or of a look before it."""
        is_open = self._ledger.get(self._position).state is SendState.SENT and not is_answer
        if refused.is_conflict:
            return await self._go_round(refused, is_open=is_open)
        if await self._is_waited_out(refused, is_open=is_open):
            return _AGAIN
        return await self._lose() if is_open else await self._give_up(refused)

    async def _go_round(self, refused: Refused | None = None, *, is_open: bool = True) -> Outcome | None:
        """Once more, unless that was tried often enough. `is_open`: a request without an answer may still be under way."""
        self._attempts += 1
        if refused is not None and not is_open:
            if self._attempts >= self._means.limits.attempts:
                return await self._give_up(Refused(refused.status, refused.reason, f"it keeps changing: {refused.message}"))
            await self._put_off(refused)
        await self._means.pause(0.1 * self._attempts)
        return _AGAIN

    async def _is_waited_out(self, refused: Refused, *, is_open: bool) -> bool:
        now = self._means.clock()
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since >= patience(self._write, refused, self._means.limits):
            return False
        if not is_open:
            await self._put_off(refused)
        await self._means.pause(self._means.limits.pause_seconds)
        return True

    async def _put_off(self, refused: Refused) -> None:
        await self._ledger.record(self._position, SendState.PENDING, status=refused.status, message=refused.message)

    async def _land(self, status: int, message: str, response: ApiResponse | None = None) -> Landed:
        precondition = self._ledger.get(self._position).precondition
        await self._ledger.record(self._position, SendState.LANDED, precondition=precondition, status=status, message=message)
        if response is None or not bodies.generates_name(self._write):
            return Landed()
        return Landed(str(bodies.metadata(response.object).get("name") or ""))

    async def _give_up(self, refused: Refused) -> Refused:
        await self._ledger.record(self._position, SendState.REFUSED, status=refused.status, message=refused.message)
        return refused

    async def _lose(self) -> Lost:
        send = self._ledger.get(self._position)
        command = recovery.how_to_check(self._write, self._approved)
        words = f"It was sent, but no answer came, and whether it landed cannot be seen. Check it with `{command}`."
        await self._ledger.record(self._position, SendState.UNKNOWN, precondition=send.precondition, message=words)
        return Lost(words)


def _ties_alike(precondition: str, sent_with: str) -> bool:
    """Whether both let the write land at most once between them: the same version, for removals the same uid."""
    return precondition.partition("/")[0] == sent_with.partition("/")[0]
