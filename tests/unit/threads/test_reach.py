"""What becomes of a change that nobody who may approve sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from bot.agent.ports import ModelReply
from bot.changes.change import State
from bot.threads.inbound.incoming import Message
from bot.threads.reach import find_reach
from bot.threads.steps.closing import UNSEEN
from bot.values.people import Reach
from bot.values.transcript import Answered, Ended, Entry
from tests.fakes import FakeModel, say, scales
from tests.unit.threads.harness import RULES, Bench, bench

DIRECT = "T1:D1:100.1"


@asynccontextmanager
async def running(**rules: object) -> AsyncIterator[Bench]:
    async with bench() as b:
        b.rules = RULES.model_copy(update={"changes": RULES.changes.model_copy(update=rules)})
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        yield b


async def ask(b: Bench, text: str = "! kubectl scale", *, channel: str = "D1", user: str = "U1") -> None:
    await b.put(Message("T1", channel, user, "100.1", "100.1", text, is_mention=channel != "D1", is_direct=channel == "D1"))
    await b.rest()


async def test_a_change_in_a_direct_message_is_shown_and_its_turn_is_over_at_once() -> None:
    async with running() as b:
        await ask(b)

        shown = b.surface.cards[1][-1]
        assert (shown.state, shown.reason, shown.is_shown_only) == (State.EXPIRED, UNSEEN, True)
        assert shown.diffs
        [result] = [entry.result for entry in await b.entries(DIRECT) if isinstance(entry, Answered)]
        assert (result.status, result.note) == (
            "expired",
            "Not applied: change 1 only shows what the command would do. Reason: Nobody who may approve it sees this direct message. "
            "It has to be asked for in a channel where approvers are.",
        )
        assert any(isinstance(entry, Ended) for entry in await b.entries(DIRECT))


async def test_nobody_is_reminded_of_it_or_told_again_that_it_lapsed() -> None:
    async with running() as b:
        await ask(b)
        b.time.now += 10_000

        await b.rest()

        assert b.surface.pings == []


async def test_what_nobody_could_see_cannot_be_approved_by_words() -> None:
    async with running() as b:
        await ask(b)

        await ask(b, "approve 1", user="U2")

        assert (await b.stores.changes.get(1)).state is State.EXPIRED
        assert "lapsed" in b.surface.whispers[-1][1]


async def test_a_model_is_told_and_does_not_show_the_same_again() -> None:
    replies = iter([say("", ("c1", "kubectl scale")), say("", ("c2", "kubectl scale")), say("Ask in a channel.")])
    told: list[str] = []

    def think(transcript: Sequence[Entry]) -> ModelReply:
        told[:] = [entry.result.note for entry in transcript if isinstance(entry, Answered)]
        return next(replies)

    async with running() as b:
        b.model = FakeModel(think)

        await ask(b, "scale it")

        assert sorted(b.surface.cards) == [1]
        assert "only shows what the command would do" in told[0]
        assert told[1].startswith("Not proposed: these are exactly the requests of change 1.")


async def test_an_approver_who_may_approve_their_own_decides_in_a_direct_message() -> None:
    async with running(self_approval=True) as b:
        await ask(b, user="U2")

        assert b.surface.cards[1][-1].state is State.PROPOSED
        assert not b.surface.cards[1][-1].is_shown_only


async def test_where_no_approver_is_a_member_the_card_and_the_asker_are_told_until_one_comes() -> None:
    async with running() as b:
        b.surface.strange_channels.add("C1")
        await ask(b, channel="C1")
        assert (b.surface.cards[1][-1].state, b.surface.reaches[1]) == (State.PROPOSED, Reach.ABSENT)

        b.time.now += 800
        await b.rest()
        assert b.surface.pings == [("remind asker", 1)]

        await ask(b, "approve 1", channel="C1", user="U2")
        assert b.surface.cards[1][-1].state is State.DONE


async def test_who_was_invited_meanwhile_is_reminded() -> None:
    async with running() as b:
        b.surface.strange_channels.add("C1")
        await ask(b, channel="C1")
        b.surface.strange_channels.clear()
        b.time.now += 800

        await b.rest()

        assert b.surface.pings == [("remind", 1)]
        assert b.surface.reaches[1] is Reach.SEEN


@pytest.mark.parametrize(
    ("channel", "asker", "rules", "reach"),
    [
        ("D1", "U1", {}, Reach.NEVER),
        ("D1", "U2", {}, Reach.NEVER),
        ("D1", "U1", {"self_approval": True}, Reach.NEVER),
        ("D1", "U2", {"self_approval": True}, Reach.SEEN),
        ("D1", "U1", {"approvers": ()}, Reach.SEEN),
        ("C1", "U1", {}, Reach.SEEN),
        ("C1", "U2", {}, Reach.ABSENT),
        ("C1", "U2", {"self_approval": True}, Reach.SEEN),
        ("C2", "U1", {}, Reach.ABSENT),
        ("C2", "U2", {"self_approval": True}, Reach.ABSENT),
    ],
)
async def test_who_sees_it_depends_on_the_conversation_and_on_who_may_approve(
    channel: str, asker: str, rules: dict[str, object], reach: Reach
) -> None:
    async with running(**rules) as b:
        b.surface.strange_channels.add("C2")

        assert await find_reach(b.world(), channel, asker) is reach


async def test_in_doubt_the_card_asks() -> None:
    async with running() as b:
        b.surface.is_down = True

        assert await find_reach(b.world(), "C1", "U1") is Reach.SEEN
