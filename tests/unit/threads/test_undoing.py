"""Undo: a change of its own, asked for by a press, decided like any other."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf

import pytest

from bot.changes.change import Change, State
from bot.threads.reaper import reap_once
from bot.values.people import Person
from bot.values.requests import ApiRequest
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Asked, Ended, Mode, Proposed
from tests.fakes import FakeCluster, FakeRehearsal, Program, scales
from tests.unit.threads.crashing import Crash
from tests.unit.threads.harness import RULES, Bench, bench


@asynccontextmanager
async def done() -> AsyncIterator[Bench]:
    """A bench whose change 1 scaled web from 3 to 5."""
    async with bench() as b:
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("! kubectl scale")
        await b.rest()
        await b.click("approve", 1)
        await b.rest()
        yield b


async def get(b: Bench, number: int) -> Change:
    change = await b.stores.changes.get(number)
    assert change is not None
    return change


async def test_a_press_proposes_a_change_that_takes_the_other_one_back() -> None:
    async with done() as b:
        await b.click("undo", 1, user="U1")

        await b.rest()

        card = b.surface.cards[2][-1]
        assert (card.state, card.undoes, card.asked_by, card.command) == (State.PROPOSED, 1, "U1", "undo change 1")
        assert [(f.path, f.old, f.new) for f in card.diffs[0].fields] == [("spec.replicas", 5, 3)]
        assert b.cluster.object["spec"]["replicas"] == 5
        assert b.surface.cards[1][-1].state is State.DONE


async def test_an_approved_undo_lands_and_the_original_is_undone() -> None:
    async with done() as b:
        await b.click("undo", 1, user="U1")
        await b.rest()
        await b.click("approve", 2)

        await b.rest()

        assert b.cluster.object["spec"]["replicas"] == 3
        assert (b.surface.cards[2][-1].state, b.surface.cards[1][-1].state) == (State.DONE, State.UNDONE)
        assert b.surface.cards[1][-1].undone_by == 2
        assert (await b.stores.audit.verify())[1] == ""


async def test_an_undo_can_be_undone() -> None:
    async with done() as b:
        for press, approve in ((1, 2), (2, 3)):
            await b.click("undo", press, user="U1")
            await b.rest()
            await b.click("approve", approve)
            await b.rest()

        assert b.cluster.object["spec"]["replicas"] == 5
        assert [(await get(b, number)).state for number in (1, 2, 3)] == [State.UNDONE, State.UNDONE, State.DONE]


async def test_whoever_asked_for_the_undo_cannot_approve_it() -> None:
    async with done() as b:
        await b.click("undo", 1, user="U2")
        await b.rest()
        await b.click("approve", 2, user="U2")

        await b.rest()

        assert (await get(b, 2)).state is State.PROPOSED
        assert "You asked for change 2" in b.surface.whispers[0][1]


async def test_two_people_who_press_at_once_get_one_undo() -> None:
    async with done() as b:
        await b.click("undo", 1, user="U1")
        await b.click("undo", 1, user="U2")
        await b.click("undo", 1, user="U1")

        await b.rest()

        turns = [e for e in await b.entries() if isinstance(e, Asked) and e.mode is Mode.UNDO]
        assert [(turn.user_id, turn.change_id) for turn in turns] == [("U1", 1)]
        assert 3 not in b.surface.cards
        assert [user for user, _ in b.surface.whispers] == ["U2"]


async def test_after_a_denied_undo_another_can_be_asked_for() -> None:
    async with done() as b:
        await b.click("undo", 1, user="U1")
        await b.rest()
        b.time.now += 1000  # it lapses
        await b.rest()
        await b.click("undo", 1, user="U1")

        await b.rest()

        assert [(await get(b, number)).state for number in (1, 2, 3)] == [State.DONE, State.EXPIRED, State.PROPOSED]


async def test_an_undo_of_what_somebody_else_set_since_is_refused_with_the_reason() -> None:
    async with done() as b:
        b.cluster.object["spec"]["replicas"] = 8
        b.cluster.object["metadata"]["resourceVersion"] = "50"
        await b.click("undo", 1)

        await b.rest()

        texts = [text for text, _ in next(iter(b.surface.texts.values())).values()]
        assert texts[-1] == "Change 1 cannot be undone. Deployment shop/web: somebody changed the same since: spec.replicas."
        assert 2 not in b.surface.cards
        assert [e.reason for e in await b.entries() if isinstance(e, Ended)][-1] == "answered"


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(86_300, ""), (86_500, "The time in which change 1 could be undone is over.")],
)
async def test_undo_ends_with_its_time(seconds: int, says: str) -> None:
    async with done() as b:
        b.time.now += seconds
        await b.click("undo", 1, user="U1")

        await b.rest()

        assert [text for _, text in b.surface.whispers] == ([says] if says else [])
        assert (2 in b.surface.cards) is not bool(says)


async def test_the_card_is_drawn_again_when_its_requests_are_forgotten() -> None:
    async with done() as b:
        drawn = len(b.surface.cards[1])
        b.time.now += 86_300
        await reap_once(b.world(), "reaper")
        kept = (await get(b, 1)).writes
        b.time.now += 200
        await reap_once(b.world(), "reaper")

        await b.rest()

        assert kept
        assert (await get(b, 1)).writes == ()
        assert len(b.surface.cards[1]) == drawn + 1


async def test_the_card_is_drawn_again_when_its_undo_ends_before_its_requests_are_forgotten() -> None:
    async with done() as b:
        b.rules = RULES.model_copy(update={"changes": RULES.changes.model_copy(update={"undo_seconds": 900.0})})
        drawn = len(b.surface.cards[1])
        b.time.now += 890
        await reap_once(b.world(), "reaper")
        await b.rest()
        early, reaped_at = len(b.surface.cards[1]), b.time.now
        b.time.now += 60
        await reap_once(b.world(), "reaper", reaped_at)
        await b.rest()
        late, reaped_at = len(b.surface.cards[1]), b.time.now
        b.time.now += 60

        await reap_once(b.world(), "reaper", reaped_at)
        await b.rest()

        assert (early, late, len(b.surface.cards[1])) == (drawn, drawn + 1, drawn + 1)
        assert (await get(b, 1)).writes


async def test_a_guest_cannot_ask_for_an_undo() -> None:
    async with done() as b:
        b.surface.people["U3"] = Person("U3", "T1", "guest", is_guest=True)
        await b.click("undo", 1, user="U3")

        await b.rest()

        assert "Guests cannot use" in b.surface.whispers[0][1]
        assert 2 not in b.surface.cards


async def test_a_change_that_is_not_done_cannot_be_undone() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("! kubectl scale")
        await b.rest()
        await b.click("undo", 1)

        await b.rest()

        assert "still waiting for a decision" in b.surface.whispers[0][1]


async def test_undo_is_off_where_the_settings_give_it_no_time() -> None:
    async with done() as b:
        b.rules = RULES.model_copy(update={"changes": RULES.changes.model_copy(update={"undo_seconds": 0.0})})
        await b.click("undo", 1)

        await b.rest()

        assert "is over" in b.surface.whispers[0][1]


def edits_a_secret(cluster: FakeCluster) -> Program:
    async def run(rehearsal: FakeRehearsal) -> Ran:
        write = cluster.scale(5)
        path = "/api/v1/namespaces/shop/secrets/creds"
        request = ApiRequest("PATCH", path, (), write.request.content_type, b'{"stringData":{"a":"b"}}')
        info = type(write.info)("patch", True, path, "", "v1", "secrets", "", "shop", "creds")
        rehearsal.record(write, type(write)(request, info, None, {"kind": "Secret"}, {"kind": "Secret"}))
        return Ran(0, "", "", 0.1)

    return run


async def test_what_cannot_be_undone_is_on_the_card_before_the_approval() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl edit"] = edits_a_secret(b.cluster)
        await b.write("! kubectl edit")

        await b.rest()

        assert "Undo is not possible for Secret shop/creds: no copy of a Secret is kept." in b.surface.cards[1][-1].impact


EVERY = int(os.environ.get("CRASH_EVERY", "4"))
"""Which calls a bot crashes at, as in `test_crashes`."""


async def press_and_approve(b: Bench, crash: Crash) -> None:
    await b.click("undo", 1, user="U1")
    await rest_or_recover(b, crash)
    await b.click("approve", 2)
    await rest_or_recover(b, crash)


async def rest_or_recover(b: Bench, crash: Crash) -> None:
    was_dead = crash.is_dead
    await b.rest(None if was_dead else crash)
    if crash.is_dead and not was_dead:
        b.time.now += 30
        await b.rest()


async def test_an_undo_survives_a_crash_at_any_call() -> None:
    whole = Crash(inf)
    async with done() as b:
        await press_and_approve(b, whole)

    for at in range(1, whole.calls + 1, EVERY):
        crash = Crash(at)
        async with done() as b:
            await press_and_approve(b, crash)

            entries = [e for e in await b.entries() if e.turn > 1]
            assert [type(e) for e in entries] == [Asked, Proposed, Answered, Ended], crash.where
            assert [(await get(b, number)).state for number in (1, 2)] == [State.UNDONE, State.DONE], crash.where
            assert len(b.cluster.landed) == 2, crash.where
            assert (await b.stores.audit.verify())[1] == ""
