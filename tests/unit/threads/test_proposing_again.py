"""A model that proposes what was turned down gets the decision again, and people get no second card."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent.ports import ModelReply
from bot.changes.change import State
from bot.threads.inbound.incoming import Reason
from bot.values.execs import Executed, Output
from bot.values.transcript import Answered, Entry, Proposed
from tests.fakes import FakeModel, say, scales, use
from tests.unit.threads.harness import Bench, bench
from tests.unit.threads.test_serving import CLOSE


def in_order(*replies: ModelReply) -> FakeModel:
    def think(entries: Sequence[Entry]) -> ModelReply:
        return replies[sum(isinstance(entry, Answered) for entry in entries)]

    return FakeModel(think)


async def decide(b: Bench, change_id: int, action: str, why: str = "") -> None:
    change = await b.stores.changes.get(change_id)
    assert change is not None
    if action == "deny":
        await b.put(Reason("T1", "U2", change_id, change.digest, why))
    else:
        await b.click(action, change_id)
    await b.rest()


async def test_the_same_write_is_not_proposed_again_after_it_was_denied() -> None:
    async with bench() as b:
        b.sandboxes.programs = {"scale": scales(b.cluster, 5), "scale differently": scales(b.cluster, 5)}
        b.model = in_order(say("", ("c1", "scale")), say("", ("c2", "scale differently")), say("Then not."))
        await b.write("fix it")
        await b.rest()

        await decide(b, 1, "deny", "not during the sale")

        again = [entry.result for entry in await b.entries() if isinstance(entry, Answered)][1]
        assert [entry.change_id for entry in await b.entries() if isinstance(entry, Proposed)] == [1]
        assert again.status == "error"
        assert again.stdout == ""
        assert again.note.startswith("Not proposed: these are exactly the requests of change 1. Not applied: change 1 was denied by bob.")
        assert "not during the sale" in again.note


async def test_another_write_is_proposed_after_a_denial_and_a_person_may_propose_the_same_again() -> None:
    async with bench() as b:
        b.sandboxes.programs = {"scale": scales(b.cluster, 5), "scale less": scales(b.cluster, 4)}
        b.model = in_order(say("", ("c1", "scale")), say("", ("c2", "scale less")), say("Done."))
        await b.write("fix it")
        await b.rest()
        await decide(b, 1, "deny", "too many")
        await decide(b, 2, "deny", "too many still")

        await b.write("! scale", ts="100.2")
        await b.rest()

        assert [entry.change_id for entry in await b.entries() if isinstance(entry, Proposed)] == [1, 2, 3]


async def test_the_same_call_of_a_tool_is_not_proposed_again_after_it_failed() -> None:
    async def fail(_: object) -> Executed:
        return Executed(Output(None), why="the server is away", has_started=False)

    async with bench() as b:
        b.served_tools, b.call_tool = (CLOSE,), fail
        b.model = in_order(use("c1", "tickets_close", id=7), use("c2", "tickets_close", id=7), say("It does not work."))
        await b.write("close it")
        await b.rest()

        await decide(b, 1, "approve")

        change = await b.stores.changes.get(1)
        assert change is not None
        assert change.state is State.FAILED
        assert [entry.change_id for entry in await b.entries() if isinstance(entry, Proposed)] == [1]
