"""Freezes: who may, what they hold back, and how they end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.changes.change import Change, State
from bot.changes.freeze import Freeze
from bot.changes.ports import AuditLine
from bot.errors import SurfaceError
from bot.threads.inbound.freezing import USAGE, Plan, plan
from bot.threads.inbound.incoming import Command
from bot.threads.reaper import reap_once
from bot.values.requests import ApiRequest, ApiResponse, Identity
from bot.values.sandbox import Ran
from tests.fakes import FakeCluster, FakeRehearsal, Program, scales
from tests.unit.threads.harness import THREAD, Bench, bench


@asynccontextmanager
async def proposed(program: Program | None = None) -> AsyncIterator[Bench]:
    """A bench with change 1, which waits for U2."""
    async with bench() as b:
        b.sandboxes.programs["kubectl scale"] = program or scales(b.cluster, 5)
        await b.write("! kubectl scale")
        await b.rest()
        yield b


async def get(b: Bench, number: int = 1) -> Change:
    change = await b.stores.changes.get(number)
    assert change is not None
    return change


CLUSTERS = ("prod", "test")
TIMES = "A freeze lasts from a minute to 31 days (`30m`, `2h`, `3d`, `1w`); without a time it lasts until `unfreeze`."


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("prod for 2h black friday", Plan(("prod",), "black friday", 7200)),
        ("for 30 minutes the sale", Plan(CLUSTERS, "the sale", 1800)),
        ("test until we know more", Plan(("test",), "until we know more", None)),
        ("black friday", Plan(CLUSTERS, "black friday", None)),
        ("for black friday", Plan(CLUSTERS, "for black friday", None)),
        ("prod for 1d", USAGE),
        ("prod", USAGE),
        ("", USAGE),
        ("staging for 2h sale", "There is no cluster staging; there is prod and test."),
        ("prod for 99d sale", TIMES),
        ("prod for 0h sale", TIMES),
        ("2h the sale", Plan(CLUSTERS, "the sale", 7200)),
        ("prod 45 mins, the sale", Plan(("prod",), "the sale", 2700)),
        ("for 2 weeks the sale", Plan(CLUSTERS, "the sale", 14 * 86_400)),
        ("for 3 fortnights the sale", TIMES),
        ("3 months of sale", Plan(CLUSTERS, "3 months of sale", None)),
        ("the 2 days of the sale", Plan(CLUSTERS, "the 2 days of the sale", None)),
    ],
)
def test_an_order_names_a_cluster_a_time_and_a_reason(words: str, expected: Plan | str) -> None:
    assert plan(words, CLUSTERS) == expected


async def test_a_freeze_refuses_an_approval_and_shows_on_the_card() -> None:
    async with proposed() as b:
        await b.write("freeze prod for 2h the sale", user="U2", ts="101.1")
        await b.rest()
        await b.click("approve", 1)

        await b.rest()

        assert (await get(b)).state is State.PROPOSED
        assert b.surface.whispers == [("U2", "prod is frozen until 1970-01-01 02:16 UTC, by bob: the sale")]
        assert b.surface.freezes[1] == Freeze("prod", "U2", "the sale", 1000.0, 8200.0)
        assert "prod is frozen until 1970-01-01 02:16 UTC: nothing is approved" in b.surface.texts[THREAD]["notice:freeze:101.1"][0]


async def test_a_frozen_change_can_be_denied() -> None:
    async with proposed() as b:
        await b.write("freeze the sale", user="U2", ts="101.1")
        await b.rest()
        await b.click("deny", 1)

        await b.rest()

        assert b.surface.modals == [("reason", 1)]


async def test_after_unfreeze_the_change_is_approved_and_lands() -> None:
    async with proposed() as b:
        await b.write("freeze the sale", user="U2", ts="101.1")
        await b.rest()
        await b.write("unfreeze", user="U2", ts="102.1")
        await b.rest()
        await b.click("approve", 1)

        await b.rest()

        assert b.surface.freezes[1] is None
        assert b.surface.cards[1][-1].state is State.DONE
        assert b.surface.texts[THREAD]["notice:freeze:102.1"][0] == "prod is not frozen any more."


async def test_a_freeze_ends_by_itself() -> None:
    async with proposed() as b:
        await b.write("freeze for 5m the sale", user="U2", ts="101.1")
        await b.rest()
        b.time.now += 301
        await reap_once(b.world(), "reaper")
        await b.rest()
        shown = b.surface.freezes[1]
        await b.click("approve", 1)

        await b.rest()

        assert shown is None
        assert b.surface.cards[1][-1].state is State.DONE
        assert (await b.stores.audit.verify())[1] == ""


@pytest.mark.parametrize("user", ["U1", "UG"])
async def test_only_approvers_freeze_and_unfreeze(user: str) -> None:
    async with proposed() as b:
        await b.write("freeze the sale", user=user, ts="101.1")
        await b.rest()
        await b.write("freeze prod the sale", user="U2", ts="102.1")
        await b.rest()
        await b.write("unfreeze", user=user, ts="103.1")

        await b.rest()

        assert [whom for whom, _ in b.surface.whispers] == [user, user]
        assert await b.stores.freezes.active("prod") is not None


async def test_a_freeze_without_a_reason_is_answered_with_how_it_is_written() -> None:
    async with proposed() as b:
        await b.put(Command("T1", "C1", "U2", "freeze"))

        await b.rest()

        assert b.surface.whispers == [("U2", USAGE)]
        assert await b.stores.freezes.active("prod") is None


async def test_the_slash_command_freezes_and_tells_the_channel() -> None:
    async with bench() as b:
        await b.put(Command("T1", "C1", "U2", "freeze for 1h the sale"))

        await b.rest()

        freeze = await b.stores.freezes.active("prod")
        assert freeze is not None
        assert (freeze.by, freeze.reason, freeze.until) == ("U2", "the sale", 4600.0)
        assert "prod is frozen" in b.surface.texts["T1:C1:900.1"]["notice:freeze:900.1"][0]


async def test_the_freeze_holds_where_the_bot_cannot_write() -> None:
    async with bench() as b:

        async def refuse(channel_id: str, key: str, user_id: str, text: str) -> str:
            raise SurfaceError("not_in_channel")

        b.surface.start_thread = refuse  # type: ignore[method-assign]
        await b.put(Command("T1", "C1", "U2", "freeze the sale"))

        await b.rest()

        assert "prod is frozen until somebody lifts it" in b.surface.whispers[0][1]
        assert await b.stores.freezes.active("prod") is not None


async def test_an_order_that_is_delivered_twice_is_one_order() -> None:
    async with proposed() as b:
        await b.write("freeze the sale", user="U2", ts="101.1")
        await b.write("unfreeze", user="U2", ts="102.1")
        await b.rest()
        lines, _ = await b.stores.audit.verify()
        await b.write("freeze the sale", user="U2", ts="101.1")
        await b.write("unfreeze", user="U2", ts="102.1")

        await b.rest()

        assert await b.stores.audit.verify() == (lines, "")
        assert await b.stores.freezes.active("prod") is None


async def test_words_about_a_freeze_without_a_mention_are_a_question() -> None:
    async with proposed() as b:
        await b.write("freeze looks wrong to me", user="U2", ts="101.1", mention=False)

        await b.rest()

        assert await b.stores.freezes.active("prod") is None


class FreezingCluster(FakeCluster):
    """Runs something after the first write has landed."""

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        answer = await super().send(request, identity, dry_run=dry_run)
        if request.method != "GET" and not dry_run and len(self.landed) == 1:
            await self.after_first()
        return answer

    async def after_first(self) -> None:
        raise AssertionError("set by the test")


async def test_a_freeze_during_a_replay_stops_before_the_next_request() -> None:
    async with bench() as b:
        cluster = FreezingCluster()
        b.cluster = b.sandboxes.cluster = cluster

        async def freeze() -> None:
            await b.stores.freezes.begin("k", Freeze("prod", "U2", "the sale", b.time.now), AuditLine("frozen", "U2", "", {}))

        cluster.after_first = freeze  # type: ignore[method-assign]

        async def twice(rehearsal: FakeRehearsal) -> Ran:
            first = cluster.scale(5)
            cluster.object = {**cluster.object, "spec": {**cluster.object["spec"], "replicas": 5}}
            second = cluster.scale(6)
            cluster.object = {**cluster.object, "spec": {**cluster.object["spec"], "replicas": 3}}
            rehearsal.record(first, type(second)(second.request, second.info, None, second.before, second.after, depends_on=(0,)))
            return Ran(0, "", "", 0.1)

        b.sandboxes.programs["kubectl scale"] = twice
        await b.write("! kubectl scale")
        await b.rest()
        await b.click("approve", 1)

        await b.rest()

        card = b.surface.cards[1][-1]
        assert (card.state, card.reason) == (State.PARTIAL, "prod is frozen until somebody lifts it, by bob: the sale")
        assert [patch["spec"] for patch in cluster.landed] == [{"replicas": 5}]


async def test_a_freeze_between_approval_and_replay_denies_the_change() -> None:
    async with proposed() as b:
        line = AuditLine("approved", "U2", THREAD, {"change": 1})
        await b.stores.changes.move(1, [State.PROPOSED], State.APPROVED, line, decided_by="U2", decided_at=b.time.now)
        await b.stores.freezes.begin("k", Freeze("prod", "U2", "the sale", b.time.now), AuditLine("frozen", "U2", "", {}))

        await b.rest()

        assert b.surface.cards[1][-1].state is State.DENIED
        assert "prod is frozen" in b.surface.cards[1][-1].reason
        assert b.surface.cards[1][-1].decided_by == ""
        assert b.cluster.landed == []


async def test_status_says_that_the_cluster_is_frozen() -> None:
    async with proposed() as b:
        await b.write("freeze the sale", user="U2", ts="101.1")
        await b.rest()
        await b.write("status", ts="102.1")

        await b.rest()

        assert "🧊 prod is frozen until somebody lifts it, by bob: the sale" in b.surface.texts[THREAD]["status:102.1"][0]
