"""One thread with the real loop and a real model client; a worker of a few lines takes the place of the store and the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.agent import answers, calls, loop
from bot.agent.ports import Model
from bot.agent.tools import tools
from bot.changes.change import Change, State
from bot.values.transcript import Answered, Asked, Ended, Entry, Mode, Proposed, Replied, ToolResult
from tests.unit.agent.builders import change


@dataclass(frozen=True)
class Ran:
    """What a command printed, and whether its rehearsal recorded writes."""

    stdout: str
    writes: bool = False


def undecided(proposed: Change) -> Change:
    return proposed


class Conversation:
    """`decide` settles a change at the moment it is proposed; `undecided` leaves it open."""

    def __init__(
        self,
        model: Model,
        run: Callable[[str], Ran],
        decide: Callable[[Change], Change] = undecided,
        *,
        max_steps: int = 9,
    ) -> None:
        self.model = model
        self.run_command = run
        self.decide = decide
        self.max_steps = max_steps
        self.stop_by = ""
        self.entries: list[Entry] = []
        self.changes: dict[int, Change] = {}
        self.commands: list[str] = []

    def write(self, text: str, mode: Mode = Mode.QUESTION) -> int:
        """Somebody writes; the number of the new turn."""
        turn = max((e.turn for e in self.entries), default=0) + 1
        self.entries.append(Asked(turn, "U1", text, mode))
        return turn

    async def ask(self, text: str) -> str:
        """Writes, works until nothing can be done, and gives the last thing the model said."""
        self.write(text)
        await self.work()
        return next((e.text for e in reversed(self.entries) if isinstance(e, Replied)), "")

    async def work(self) -> loop.Step:
        """Takes steps until there is nothing to do now; the step that says so."""
        while True:
            step = loop.next_step(
                self.entries, self.changes, stop_requested_by=self.stop_by, max_steps=self.max_steps, has_model=True, now=0.0
            )
            if isinstance(step, loop.Idle | loop.Wait):
                return step
            self.entries.extend(await self.take(step))

    async def take(self, step: loop.Step) -> list[Entry]:
        """What a step appends."""
        match step:
            case loop.AskModel(turn):
                reply = await self.model.reply("Be brief.", self.entries, tools(has_runbooks=False), lambda _: None)
                return [Replied(turn, reply.model, reply.content, reply.text, reply.calls, reply.finish)]
            case loop.RunCall(turn, call):
                return [self.run(turn, call.id, calls.answer_without_running(call), str(call.arguments.get("command")))]
            case loop.AnswerChange(turn, call_id, change_id):
                return [Answered(turn, call_id, answers.of_change(self.proposed(turn, call_id), self.changes[change_id]))]
            case loop.Report(change_id, turn, asker):
                return [answers.happened(self.changes[change_id], turn, asker)]
            case loop.Replay(change_id):
                self.settle(change_id, State.DONE)
                return []
            case loop.YieldTurn(turn, (first, *others)):
                waiting = answers.waiting(self.proposed(turn, first), self.changes[self.proposed(turn, first).change_id])
                rest = [Answered(turn, call_id, answers.not_run("")) for call_id in others]
                return [Answered(turn, first, waiting), *rest, Ended(turn, "waiting")]
            case loop.Stop(turn, call_ids, change_ids, by):
                for change_id in change_ids:
                    self.settle(change_id, State.DENIED)
                self.stop_by = ""
                return [*(Answered(turn, call_id, answers.stopped("", by)) for call_id in call_ids), Ended(turn, "stopped")]
            case loop.Finish(turn, reason, text):
                return [Ended(turn, reason, text)]
            case _:
                raise AssertionError(step)

    def run(self, turn: int, call_id: str, refusal: ToolResult | None, command: str) -> Entry:
        if refusal is not None:
            return Answered(turn, call_id, refusal)
        self.commands.append(command)
        ran = self.run_command(command)
        result = ToolResult("ok", command, 0, ran.stdout)
        if not ran.writes:
            return Answered(turn, call_id, result)
        number = len(self.changes) + 1
        self.changes[number] = self.decide(replace(change(number, turn=turn, call_id=call_id), command=command))
        return Proposed(turn, call_id, number, result)

    def settle(self, change_id: int, state: State) -> None:
        self.changes[change_id] = replace(self.changes[change_id], state=state, decided_by="U2")

    def proposed(self, turn: int, call_id: str) -> Proposed:
        return next(e for e in self.entries if isinstance(e, Proposed) and (e.turn, e.call_id) == (turn, call_id))
