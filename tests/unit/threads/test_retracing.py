"""What a whole bot wrote, in every way that a turn can end, follows row by row from the rows before it; what was altered does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.agent import retracing
from bot.agent.ports import ModelReply
from bot.agent.retracing import Verdict
from bot.threads.incoming import Reason
from bot.values.transcript import Answered, Ended, Entry, Happened, Replied
from tests.fakes import FakeModel, prints, say, scales
from tests.unit.threads.harness import THREAD, Bench, bench


def scaling(*calls: tuple[str, str]) -> FakeModel:
    """A model that makes these calls in one reply, once, and then says what it knows."""

    def think(entries: Sequence[Entry]) -> ModelReply:
        return say("So it is.") if any(isinstance(e, Replied) for e in entries) else say("I look.", *calls)

    return FakeModel(think)


async def propose(b: Bench) -> None:
    """A reply with a read, a change that waits, and a call after it."""
    b.model = scaling(("c1", "get"), ("c2", "scale"), ("c3", "get"))
    b.sandboxes.programs["get"] = prints("ok\n")
    b.sandboxes.programs["scale"] = scales(b.cluster, 5)
    await b.write("why?")
    await b.rest()


async def retrace(b: Bench, entries: Sequence[Entry] | None = None) -> list[retracing.Finding]:
    entries = await b.entries() if entries is None else entries
    changes = {change.id: change for change in await b.stores.changes.of_thread(THREAD)}
    return [retracing.check(entries, changes, place) for place in range(len(entries))]


async def digest_of(b: Bench, change_id: int) -> str:
    change = await b.stores.changes.get(change_id)
    assert change is not None
    return change.digest


def differing(findings: Sequence[retracing.Finding]) -> list[int]:
    return [place for place, finding in enumerate(findings) if finding.verdict is Verdict.DIFFERS]


async def test_an_applied_change_and_the_answer_after_it_follow_even_when_it_is_undone_later() -> None:
    async with bench() as b:
        await propose(b)
        await b.click("approve", 1)
        await b.rest()
        await b.click("undo", 1)
        await b.rest()
        await b.click("approve", 2)
        await b.rest()

        findings = await retrace(b)

        entries = await b.entries()
        assert not differing(findings)
        told = next(place for place, e in enumerate(entries) if isinstance(e, Answered) and e.result.status == "applied")
        assert findings[told].verdict is Verdict.EQUAL


async def test_a_denied_change_and_an_expired_one_follow() -> None:
    async with bench() as b:
        await propose(b)
        await b.put(Reason("T1", "U2", 1, await digest_of(b, 1), "not now"))
        await b.rest()
        b.model = scaling()
        await b.write("! scale", ts="100.3")
        await b.rest()
        b.time.now += 100_000
        await b.rest()

        assert {"denied", "expired"} <= {e.result.status for e in await b.entries() if isinstance(e, Answered)}
        assert not differing(await retrace(b))


async def test_a_turn_that_was_stopped_follows_and_an_altered_end_of_it_does_not() -> None:
    async with bench() as b:
        await propose(b)
        await b.stores.threads.request_stop(THREAD, "U1")
        await b.rest()

        entries = await b.entries()
        end = entries[-1]
        assert isinstance(end, Ended)
        assert end.reason == "stopped"
        assert not differing(await retrace(b))
        lies = [*entries[:-1], replace(end, text=end.text.replace("is withdrawn", "is with"))]
        assert differing(await retrace(b, lies)) == [len(lies) - 1]


async def test_a_turn_that_gave_way_and_the_note_of_its_change_follow() -> None:
    async with bench() as b:
        await propose(b)
        await b.write("and now?", ts="100.2")
        await b.rest()
        await b.click("approve", 1)
        await b.rest()

        entries = await b.entries()
        note = next(place for place, e in enumerate(entries) if isinstance(e, Happened))
        assert {"waiting", "stopped"} <= {e.result.status for e in entries if isinstance(e, Answered)}
        assert not differing(await retrace(b))
        told = entries[note]
        assert isinstance(told, Happened)
        lies = [*entries[:note], replace(told, text=told.text.replace("landed", "handed")), *entries[note + 1 :]]
        found = (await retrace(b, lies))[note]
        assert found.verdict is Verdict.DIFFERS
        assert "landed" in found.expected
        assert "handed" in found.found


async def test_a_row_that_does_not_follow_from_the_rows_before_it_is_found() -> None:
    async with bench() as b:
        await propose(b)
        await b.click("approve", 1)
        await b.rest()
        entries = list(await b.entries())

        lost = next(place for place, e in enumerate(entries) if isinstance(e, Answered))
        del entries[lost]

        assert differing(await retrace(b, entries))[0] == lost


async def test_an_answer_from_before_rows_kept_what_was_known_is_not_comparable() -> None:
    async with bench() as b:
        await propose(b)
        await b.click("approve", 1)
        await b.rest()

        entries = [replace(e, decided=None) if isinstance(e, Answered) else e for e in await b.entries()]

        verdicts = [finding.verdict for finding in await retrace(b, entries)]
        assert Verdict.DIFFERS not in verdicts
        assert Verdict.UNKNOWN in verdicts
