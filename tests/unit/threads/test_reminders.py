"""Whom it is told, once, that a change lapses soon and that it lapsed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.changes.change import State
from bot.changes.ports import AuditLine
from tests.fakes import scales
from tests.unit.threads.harness import RULES, THREAD, Bench, bench


@asynccontextmanager
async def proposed(**rules: float) -> AsyncIterator[Bench]:
    """A bench with change 1, which waits since second 1000."""
    async with bench() as b:
        b.rules = RULES.model_copy(update={"changes": RULES.changes.model_copy(update=rules)})
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("! kubectl scale")
        await b.rest()
        yield b


async def test_approvers_are_reminded_once_and_the_asker_is_told_of_the_end() -> None:
    async with proposed(lapse_seconds=900, remind_seconds=180) as b:
        told = []
        for _ in range(5):
            b.time.now += 200
            await b.rest()
            told.append(list(b.surface.pings))

        assert told == [
            [],
            [],
            [],
            [("remind", 1)],
            [("remind", 1), ("lapsed", 1)],
        ]
        assert b.surface.cards[1][-1].state is State.EXPIRED


@pytest.mark.parametrize(
    ("lapse", "remind", "seconds", "told"),
    [(60, 180, 29, []), (60, 180, 31, [("remind", 1)]), (900, 0, 899, []), (900, 180, 719, []), (900, 180, 721, [("remind", 1)])],
)
async def test_the_time_of_the_reminder_follows_the_settings(lapse: int, remind: int, seconds: int, told: list[tuple[str, int]]) -> None:
    async with proposed(lapse_seconds=lapse, remind_seconds=remind) as b:
        b.time.now += seconds

        await b.rest()

        assert b.surface.pings == told


async def test_the_thread_wakes_for_the_reminder_by_itself() -> None:
    async with proposed(lapse_seconds=900, remind_seconds=180) as b:
        before = await b.stores.threads.due(1719.0)
        at = await b.stores.threads.due(1720.0)

        assert (before, at) == ([], [THREAD])


async def test_a_decided_change_is_not_reminded_of() -> None:
    async with proposed() as b:
        await b.click("approve", 1)
        await b.rest()
        b.time.now += 800

        await b.rest()

        assert b.surface.pings == []


async def test_one_that_was_decided_while_the_chat_was_away_is_not_reminded_of() -> None:
    async with proposed() as b:
        b.time.now += 800
        b.surface.is_down = True
        await b.rest()
        await b.stores.changes.move(
            1, [State.PROPOSED], State.DENIED, AuditLine("denied", "U2", THREAD, {"change": 1}), decided_by="U2", decided_at=1900.0
        )
        b.surface.is_down = False
        b.time.now += 30

        await b.rest()

        assert b.surface.pings == []
        assert b.surface.cards[1][-1].state is State.DENIED


async def test_two_bots_and_a_restart_remind_once() -> None:
    async with proposed() as b:
        b.time.now += 800
        async with b.running() as one, b.running() as other:
            await one.settled()
            await other.settled()

        await b.rest()

        change = await b.stores.changes.get(1)
        assert change is not None
        assert (change.reminded_at, await b.stores.changes.remind(1, 2000.0)) == (1800.0, False)
        assert b.surface.pings == [("remind", 1)]
