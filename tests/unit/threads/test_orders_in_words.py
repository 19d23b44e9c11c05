"""Words about changes: what they mean, what is said to those that are not clear, and `stop` where nothing runs."""

from __future__ import annotations

import pytest

from bot.changes.change import State
from bot.threads.inbound.incoming import Command, Message
from bot.threads.inbound.wording import ChangeOrder, Verb, Word, is_heard_when_quiet, read, read_freeze, read_order, read_quiet
from bot.values.transcript import Asked
from tests.fakes import FakeModel, hangs, prints, say, scales
from tests.unit.threads.harness import THREAD, Bench, bench


async def propose(b: Bench, ts: str = "100.1") -> None:
    b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
    await b.write("! kubectl scale", ts=ts)
    await b.rest()


async def state_of(b: Bench, number: int = 1) -> State:
    change = await b.stores.changes.get(number)
    assert change is not None
    return change.state


async def questions(b: Bench) -> list[str]:
    return [entry.text for entry in await b.entries() if isinstance(entry, Asked)]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("approve 42", ChangeOrder(Verb.APPROVE, 42, "")),
        ("`approve 42`", ChangeOrder(Verb.APPROVE, 42, "")),
        ("Approve\N{NO-BREAK SPACE}change #42.", ChangeOrder(Verb.APPROVE, 42, ".")),
        ("deny 42: too many\npods", ChangeOrder(Verb.DENY, 42, "too many\npods")),
        ("undo 42", ChangeOrder(Verb.UNDO, 42, "")),
        ("approve 42 and 43", ChangeOrder(Verb.APPROVE, 0, "and 43")),
        ("undo 42 please", ChangeOrder(Verb.UNDO, 0, "please")),
        ("approve 0", ChangeOrder(Verb.APPROVE, 0, "")),
        ("approve", ChangeOrder(Verb.APPROVE, 0, "")),
        ("Deny this!", ChangeOrder(Verb.DENY, 0, "")),
        ("undo", ChangeOrder(Verb.UNDO, 0, "")),
        ("approve the certificates of shop", None),
        ("undo the rollout of web", None),
        ("should I approve 42?", None),
    ],
)
def test_words_about_a_change_mean(text: str, meaning: ChangeOrder | None) -> None:
    assert read_order(text) == meaning


@pytest.mark.parametrize("text", ["`status`", "Status?", "```status```"])
def test_words_that_are_copied_from_the_help_mean_the_same(text: str) -> None:
    assert read(text) is Word.STATUS
    assert read_quiet("`quiet off`") is False
    freeze = read_freeze("`unfreeze prod`")
    assert freeze is not None
    assert (freeze.is_lift, freeze.words) == (True, "prod")


def test_in_a_quiet_place_only_orders_that_are_clear_are_heard() -> None:
    heard = [is_heard_when_quiet(text) for text in ("approve 42", "deny 42 no", "undo 42", "stop", "approve", "approve 42 and 43")]

    assert heard == [True, True, True, True, False, False]


@pytest.mark.parametrize("text", ["approve", "approve it", "approve 1 and 2", "approve #1 please"])
async def test_an_approval_that_names_no_change_is_answered_with_how_to_write_it_and_approves_nothing(text: str) -> None:
    async with bench() as b:
        b.model = FakeModel(lambda _: say("unasked"))
        await propose(b)
        await b.write(text, user="U2", ts="100.2", mention=False)

        await b.rest()

        assert b.surface.whispers == [
            ("U2", "Nothing was done: it must be clear which change you mean. Write `approve 1` and nothing else.")
        ]
        assert await state_of(b) is State.PROPOSED
        assert await questions(b) == ["! kubectl scale"]  # the turn that waits is not put aside


async def test_a_denial_that_names_no_change_denies_nothing() -> None:
    async with bench() as b:
        await propose(b)
        await b.write("deny", user="U2", ts="100.2", mention=False)
        await b.write("deny", user="UG", ts="100.3", mention=False)

        await b.rest()

        (_, told), (guest, refused) = b.surface.whispers
        assert told.endswith("Write `deny 1`, with the reason after the number if you like.")
        assert (guest, "Guests" in refused) == ("UG", True)
        assert await state_of(b) is State.PROPOSED


async def test_the_same_words_where_nothing_waits_for_a_decision_are_a_question() -> None:
    async with bench() as b:
        b.model = FakeModel(lambda _: say("There is nothing to approve."))
        await b.write("approve it")

        await b.rest()

        assert await questions(b) == ["approve it"]
        assert b.surface.whispers == []


async def test_undo_in_words_proposes_what_the_button_would_once_for_a_mention_that_comes_twice() -> None:
    async with bench() as b:
        await propose(b)
        await b.write("approve 1", user="U2", ts="100.2", mention=False)
        await b.rest()
        await b.write("undo 1", ts="100.3", mention=False)
        await b.rest()
        await b.write("deny 2", ts="100.4", mention=False)
        await b.rest()
        await b.write("undo 1", ts="100.3")  # the other event of the same message, late

        await b.rest()

        undo = await b.stores.changes.get(2)
        assert undo is not None
        assert (undo.undoes, undo.asked_by, undo.state) == (1, "U1", State.DENIED)
        assert await b.stores.changes.get(3) is None
        assert await state_of(b) is State.DONE


async def test_undo_in_words_of_what_was_not_applied_says_so() -> None:
    async with bench() as b:
        await propose(b)
        await b.write("undo 1", user="U2", ts="100.2", mention=False)

        await b.rest()

        assert b.surface.whispers == [("U2", "Change 1 is still waiting for a decision: there is nothing to undo.")]


async def test_stop_where_nothing_runs_says_so_and_names_what_still_waits() -> None:
    async with bench() as b:
        b.sandboxes.programs["echo"] = prints("hello")
        await propose(b)
        await b.write("! echo", ts="100.2", mention=False)  # the turn of the change gives way
        await b.rest()

        await b.write("stop", ts="100.3", mention=False)
        await b.rest()
        await b.click("stop", user="U2")
        await b.rest()

        told = "Nothing is running in this thread, so there is nothing to stop.\n• Change 1 waits for a decision: `deny 1` withdraws it."
        assert b.surface.whispers == [("U1", told), ("U2", told)]
        assert await state_of(b) is State.PROPOSED


async def test_a_mention_that_stops_and_comes_twice_is_answered_by_the_stop_alone() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods -w"] = hangs
        await b.write("kubectl get pods -w")
        async with b.running() as bot:
            await bot.until(lambda: "kubectl get pods -w" in b.sandboxes.ran)
            await b.write("stop", ts="100.2")
            await bot.settled()
        await b.write("stop", ts="100.2")

        await b.rest()

        assert b.surface.texts[THREAD]["ended:1"][0].startswith("Stopped by ada.")
        assert b.surface.whispers == []


async def test_quiet_in_direct_messages_says_that_they_are_always_answered() -> None:
    async with bench() as b:
        await b.put(Message("T1", "D1", "U1", "100.1", "100.1", "quiet", is_mention=False, is_direct=True))
        await b.put(Command("T1", "D1", "U1", "quiet", is_direct=True))

        await b.rest()

        assert b.surface.whispers == [("U1", "In direct messages I always answer: whatever is written here is for me.")] * 2
        assert not await b.stores.quiet.holds(["D1", "T1:D1:100.1"])
