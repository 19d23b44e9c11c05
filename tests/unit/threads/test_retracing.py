"""What a whole bot wrote, in every way that a turn can end, follows row by row from the rows before it; what was altered does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.agent import findings
from bot.agent.findings import Verdict
from bot.agent.ports import ModelReply
from bot.errors import ModelOverflowError
from bot.threads.inbound.incoming import Reason
from bot.values.transcript import Answered, Asked, Cleared, Compacted, Ended, Entry, Happened, Replied
from tests.fakes import FakeModel, prints, say, scales
from tests.unit.threads.harness import RULES, THREAD, Bench, bench
from tests.unit.threads.retracing import change_in, differing, digest_of, propose, retrace, scaling


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


async def move_on(b: Bench) -> None:
    """Change 1 of a command line; the object moves before it is applied, so that change 2 takes its place."""
    b.sandboxes.programs["scale"] = scales(b.cluster, 5)
    await b.write("! scale")
    await b.rest()
    b.cluster.object["spec"]["replicas"] = 4
    b.cluster.object["metadata"]["resourceVersion"] = "50"
    await b.click("approve", 1)
    await b.rest()


async def test_a_stop_withdraws_the_change_that_took_the_place_of_the_proposed_one() -> None:
    async with bench() as b:
        await move_on(b)
        await b.stores.threads.request_stop(THREAD, "U1")
        await b.rest()

        *_, answered, end = await b.entries()
        assert isinstance(answered, Answered)
        assert "change 2 is withdrawn" in answered.result.note
        assert isinstance(end, Ended)
        assert end.text == "Stopped by ada. Nothing was changed in the cluster. Change 2 is withdrawn."
        assert not differing(await retrace(b))
        assert (await change_in(b, -1, text=end.text.replace("2", "1"))).verdict is Verdict.DIFFERS


async def test_a_turn_gives_way_while_the_change_that_took_the_place_of_the_proposed_one_waits() -> None:
    async with bench() as b:
        await move_on(b)
        await b.write("and now?", ts="100.2")
        await b.rest()
        await b.click("approve", 2)
        await b.rest()

        entries = await b.entries()
        place = next(place for place, e in enumerate(entries) if isinstance(e, Answered))
        told = entries[place]
        assert isinstance(told, Answered)
        assert "change 2 is still waiting" in told.result.note
        assert not differing(await retrace(b))
        assert (await change_in(b, place, note=told.result.note.replace("2", "3"))).verdict is Verdict.DIFFERS


async def test_a_change_that_was_denied_is_compared_even_when_its_requests_are_forgotten() -> None:
    async with bench() as b:
        await propose(b)
        await b.put(Reason("T1", "U2", 1, await digest_of(b, 1), "not now"))
        await b.rest()
        await b.write("! scale", ts="100.3")
        await b.rest()
        await b.click("approve", 2)
        await b.rest()

        b.time.now += 10_000_000
        assert await b.stores.threads.forget_requests(b.time.now, b.time.now) == 2

        found = zip(await b.entries(), await retrace(b), strict=True)
        told = {e.result.status: finding for e, finding in found if isinstance(e, Answered) and e.decided is not None}
        assert told == {"denied": findings.NAMED, "applied": findings.FORGOTTEN}


async def test_a_question_is_of_the_next_turn_and_only_turns_that_are_over_are_forgotten() -> None:
    async with bench() as b:
        b.model = FakeModel(lambda _: say("So it is."))
        await b.write("why?")
        await b.rest()
        await b.write("clear", ts="100.2")
        await b.write("and now?", ts="100.3")
        await b.rest()

        entries = await b.entries()
        assert not differing(await retrace(b))
        cleared, asked = (next(p for p, e in enumerate(entries) if isinstance(e, kind) and p) for kind in (Cleared, Asked))
        assert (await change_in(b, cleared, turn=2)).verdict is Verdict.DIFFERS
        assert (await change_in(b, asked, turn=3)).verdict is Verdict.DIFFERS


async def test_room_that_was_made_for_a_service_that_counts_more_was_due_and_for_no_reason_was_not() -> None:
    full = []

    def think(rows: Sequence[Entry]) -> ModelReply:
        if isinstance(rows[-1], Asked) and "too long" in rows[-1].text:
            return say("The cart crashes.")
        replies = sum(isinstance(e, Replied) for e in rows)
        if replies == 3 and not full:
            full.append(True)
            raise ModelOverflowError("It is too long.")
        return say("", (f"c{replies}", f"look {replies}")) if replies < 4 else say("So it is.")

    async with bench() as b:
        b.rules = RULES.model_copy(update={"model": RULES.model.model_copy(update={"max_steps": 10})})
        b.model = FakeModel(think)
        b.sandboxes.programs |= {f"look {number}": prints("x" * 9_000) for number in range(4)}
        await b.write("why?")
        await b.rest()

        place = next(place for place, e in enumerate(await b.entries()) if isinstance(e, Compacted))
        assert not differing(await retrace(b))
        row = (await b.entries())[place]
        assert isinstance(row, Compacted)
        found = await change_in(b, place, target_tokens=row.target_tokens + 5_000)
        assert found.note == "There was room enough for the rows before it."
