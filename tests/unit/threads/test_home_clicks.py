"""Presses in the App Home: the same rules as at the card, told in direct messages, and the Home is drawn again."""

from __future__ import annotations

import pytest

from bot.changes.change import State
from bot.errors import SurfaceUnavailableError
from bot.threads.inbound.incoming import Click, Reason
from bot.values.transcript import Asked, Mode
from tests.fakes import scales
from tests.unit.threads.harness import Bench, bench


async def propose(b: Bench) -> None:
    """Change 1 of U1 in channel C1; U2 may approve it."""
    b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
    await b.write("! kubectl scale")
    await b.rest()


async def press(b: Bench, action: str, user: str = "U2", *, digest: str | None = None, team: str = "T1", is_external: bool = False) -> None:
    change = await b.stores.changes.get(1)
    known = change.digest if change and digest is None else digest or ""
    await b.put(Click(team, "", user, action, "", "", "trigger", 1, known, is_external=is_external, is_home=True))
    await b.rest()


async def state_of(b: Bench) -> State:
    change = await b.stores.changes.get(1)
    assert change is not None
    return change.state


def told(b: Bench) -> list[tuple[str, str]]:
    return list(b.surface.told.values())


async def test_details_and_the_reason_of_a_denial_open_as_at_the_card() -> None:
    async with bench() as b:
        await propose(b)

        await press(b, "details")
        await press(b, "deny")

        assert b.surface.modals == [("details", 1), ("reason at home", 1)]
        assert told(b) == []


async def test_a_denial_is_in_force_and_the_home_shows_it() -> None:
    async with bench() as b:
        await propose(b)
        change = await b.stores.changes.get(1)
        assert change is not None

        await b.put(Reason("T1", "U2", 1, change.digest, "not now", is_home=True))
        await b.rest()

        assert await state_of(b) is State.DENIED
        home = b.surface.homes["U2"]
        assert home.deciding == ()
        assert [(one.id, one.state) for one in home.recent or ()] == [(1, State.DENIED)]
        assert b.surface.cards[1][-1].reason == "not now"


async def test_undo_is_asked_for_once_and_the_home_says_so() -> None:
    async with bench() as b:
        await propose(b)
        await b.click("approve", 1)
        await b.rest()

        await press(b, "undo", "U1")
        await press(b, "undo", "U1")

        assert b.surface.cards[2][-1].undoes == 1
        assert b.surface.homes["U1"].undoing == {1}
        assert sum(isinstance(e, Asked) and e.mode is Mode.UNDO for e in await b.entries()) == 1


async def test_nothing_is_approved_in_the_home() -> None:
    async with bench() as b:
        await propose(b)

        await press(b, "approve")

        assert await state_of(b) is State.PROPOSED
        assert told(b) == [("U2", "A change is approved at its card, which shows what it does; nothing was done.")]


@pytest.mark.parametrize(
    ("user", "options", "why"),
    [
        ("UG", {}, "Guests"),
        ("U2", {"is_external": True}, "Only members of this workspace"),
        ("U2", {"team": "T9"}, "Only members of this workspace"),
        ("U2", {"digest": "another"}, "does not belong to change 1"),
    ],
)
async def test_who_may_not_is_told_in_direct_messages(user, options, why) -> None:
    async with bench() as b:
        await propose(b)

        await press(b, "deny", user, **options)

        [(whom, text)] = told(b)
        assert (whom, why in text) == (user, True)
        assert (b.surface.modals, b.surface.whispers) == ([], [])


async def test_who_left_the_conversation_sees_nothing_of_its_changes() -> None:
    async with bench() as b:
        await propose(b)
        b.surface.strange_channels.add("C1")

        await press(b, "details")

        assert b.surface.modals == []
        assert "not in the conversation of change 1" in told(b)[0][1]
        assert b.surface.homes["U2"].deciding == ()


async def test_who_leaves_the_conversation_while_the_window_is_open_denies_nothing() -> None:
    async with bench() as b:
        await propose(b)
        change = await b.stores.changes.get(1)
        assert change is not None
        await press(b, "deny")
        b.surface.strange_channels.add("C1")

        await b.put(Reason("T1", "U2", 1, change.digest, "not now", is_home=True))
        await b.rest()

        assert await state_of(b) is State.PROPOSED
        assert told(b) == [("U2", "You are not in the conversation of change 1 now, so nothing was done.")]


async def test_whose_membership_cannot_be_asked_is_refused(monkeypatch) -> None:
    async with bench() as b:
        await propose(b)

        async def fail(*_: object, **__: object) -> bool:
            raise SurfaceUnavailableError("Slack cannot be asked.")

        monkeypatch.setattr(b.surface, "is_member", fail)
        await press(b, "details")

        assert b.surface.modals == []
        assert "could not be asked who you are" in told(b)[0][1]


async def test_a_press_on_a_change_that_was_decided_meanwhile_says_so_and_draws_the_home_again() -> None:
    async with bench() as b:
        await propose(b)
        await b.click("approve", 1)
        await b.rest()

        await press(b, "deny")

        assert "Change 1 is done." in told(b)[0][1]
        assert b.surface.homes["U2"].deciding == ()


async def test_a_change_that_is_not_known_is_said_to_be() -> None:
    async with bench() as b:
        await press(b, "details")

        assert "Change 1 is not known here any more" in told(b)[0][1]
