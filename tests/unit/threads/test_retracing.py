"""What a whole bot wrote, in every way that a turn can end, follows row by row from the rows before it; what was altered does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.agent import findings, retracing
from bot.agent.findings import Finding, Verdict
from bot.agent.ports import ModelReply
from bot.errors import ModelOverflowError, ModelRefusedError
from bot.settings_agent import BudgetSettings, LimitSettings, PriceSettings
from bot.threads.incoming import Reason
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Asked, Cleared, Compacted, Ended, Entry, Happened, ModelRequest, Proposed, Replied, ToolCall
from tests.fakes import FakeModel, FakeRehearsal, prints, say, scales
from tests.unit.threads.harness import RULES, THREAD, Bench, bench


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


async def retrace(b: Bench, entries: Sequence[Entry] | None = None) -> list[Finding]:
    entries = await b.entries() if entries is None else entries
    changes = {change.id: change for change in await b.stores.changes.of_thread(THREAD)}
    return [retracing.check(entries, changes, place) for place in range(len(entries))]


async def change_in(b: Bench, place: int, **values: object) -> Finding:
    """What is found in the row at the place (from the end if negative) when these fields of it, or of its result, are altered."""
    entries = list(await b.entries())
    place %= len(entries)
    row = entries[place]
    own = {name: value for name, value in values.items() if name in type(row).__dataclass_fields__}
    if isinstance(row, Answered | Proposed) and len(own) < len(values):
        own["result"] = replace(row.result, **{name: value for name, value in values.items() if name not in own})
    entries[place] = replace(row, **own)
    assert entries[place] != row
    return (await retrace(b, entries))[place]


def looking(rows: Sequence[Entry]) -> ModelReply:
    """A model that runs the same command for ever."""
    return say("", (f"c{len(rows)}", "get"))


async def digest_of(b: Bench, change_id: int) -> str:
    change = await b.stores.changes.get(change_id)
    assert change is not None
    return change.digest


def differing(findings: Sequence[Finding]) -> list[int]:
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


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"turn": LimitSettings(steps=2)}, "This question has used up its budget of 2 steps."),
        ({"turn": LimitSettings(tokens=1_500)}, "This question has used up its budget of 1,500 tokens."),
        ({"turn": LimitSettings(money=0.02)}, "This question has used up its budget of $0.02."),
        ({"turn": LimitSettings(seconds=2.4)}, "This question has used up its budget of 2 seconds of work."),
        ({"thread": LimitSettings(tokens=4_000)}, "This thread has used up its budget of 4,000 tokens."),
    ],
)
async def test_an_end_by_a_budget_follows_from_what_was_used_up_and_from_nothing_less(limits: dict[str, LimitSettings], says: str) -> None:
    async with bench() as b:
        budgets = BudgetSettings(prices={"fake": PriceSettings(input=10, output=0)}, **limits)
        b.rules = RULES.model_copy(update={"budgets": budgets, "model": RULES.model.model_copy(update={"max_steps": 50})})
        b.model = FakeModel(lambda rows: replace(looking(rows), input_tokens=800))
        b.sandboxes.programs["get"] = takes(1.2)
        await b.write("why?")
        await b.rest()

        entries = await b.entries()
        end = entries[-1]
        assert isinstance(end, Ended)
        assert (end.reason, says in end.text) == ("limit", True)
        assert not differing(await retrace(b))
        assert (await retrace(b))[-1].verdict is Verdict.EQUAL
        early = next(place for place, e in enumerate(entries) if isinstance(e, Answered)) + 1
        lies = [*entries[:early], end]
        assert differing(await retrace(b, lies)) == [early]
        assert (await change_in(b, -1, text=end.text.replace("budget", "badget"))).verdict is Verdict.DIFFERS


def takes(seconds: float):
    """A program that takes this long."""

    async def run(_: FakeRehearsal) -> Ran:
        return Ran(0, "ok\n", "", seconds=seconds)

    return run


async def test_of_an_end_by_a_budget_of_the_day_the_sentence_is_compared() -> None:
    async with bench() as b:
        b.rules = RULES.model_copy(update={"budgets": BudgetSettings(channel=LimitSettings(steps=1))})
        b.model = FakeModel(lambda _: say("So it is."))
        await b.write("why?")
        await b.write("and now?", ts="100.2")
        await b.rest()

        end = (await b.entries())[-1]
        assert isinstance(end, Ended)
        assert end.text.startswith("The budget of this channel for today, 1 steps, is used up.")
        found = await retrace(b)
        assert not differing(found)
        assert found[-1] == findings.OF_THE_DAY
        assert (await change_in(b, -1, text=end.text.replace("of this", "of that"))).verdict is Verdict.DIFFERS


async def test_an_end_by_the_most_steps_follows_even_when_the_setting_was_lowered_meanwhile() -> None:
    async with bench() as b:
        b.model = FakeModel(looking)
        b.sandboxes.programs["get"] = prints("ok\n")
        await b.write("why?")
        await b.rest()

        entries = await b.entries()
        end = entries[-1]
        assert isinstance(end, Ended)
        assert end.text.startswith("I stopped after 5 steps")
        assert not differing(await retrace(b))
        assert (await change_in(b, -1, text=end.text.replace("5", "4"))).verdict is Verdict.EQUAL
        assert (await change_in(b, -1, text=end.text.replace("5", "6"))).verdict is Verdict.DIFFERS
        assert (await change_in(b, -1, text=end.text.replace("let me", "led me"))).verdict is Verdict.DIFFERS


async def test_a_turn_whose_model_failed_ended_where_a_model_was_to_be_asked() -> None:
    def fail(rows: Sequence[Entry]) -> ModelReply:
        if any(isinstance(e, Replied) for e in rows):
            raise ModelRefusedError("The key is wrong; set another.")
        return say("", ("c1", "get"))

    async with bench() as b:
        b.model = FakeModel(fail)
        b.sandboxes.programs["get"] = prints("ok\n")
        await b.write("why?")
        await b.rest()

        entries = await b.entries()
        found = await retrace(b)
        assert found[-1] == findings.FAILED
        assert not differing(found)
        lies = [*entries[:-2], entries[-1]]  # the call has no answer
        assert differing(await retrace(b, lies)) == [len(lies) - 1]


async def test_the_answers_that_a_broken_turn_ends_with_follow_from_its_calls() -> None:
    async def break_down(_: FakeRehearsal) -> Ran:
        raise RuntimeError("no such thing")

    async with bench() as b:
        b.model = FakeModel(lambda _: say("", ("c1", "get"), ("c2", "break"), ("c3", "get")))
        b.sandboxes.programs |= {"get": prints("ok\n"), "break": break_down}
        await b.write("why?")
        await b.rest()

        entries = await b.entries()
        assert [e.result.status for e in entries if isinstance(e, Answered)] == ["ok", "error", "error"]
        found = await retrace(b)
        assert [finding.verdict for finding in found[-3:]] == [Verdict.EQUAL, Verdict.EQUAL, Verdict.GIVEN]
        assert not differing(found)
        assert (await change_in(b, -2, command="got")).verdict is Verdict.DIFFERS
        lies = [*entries[:-2], entries[-1]]
        assert differing(await retrace(b, lies))


async def edit(b: Bench, command: str) -> None:
    """Change 1 of a command line, edited into this one."""
    b.sandboxes.programs |= {"scale": scales(b.cluster, 5), "more": scales(b.cluster, 7), "look": prints("ok\n")}
    await b.write("! scale")
    await b.rest()
    await b.edit(command, 1)
    await b.rest()


@pytest.mark.parametrize(
    ("command", "says", "lie"),
    [
        ("look", "The edited command changes nothing, so change 1 is withdrawn.", ""),
        ("look", "The edited command changes nothing, so change 1 is withdrawn.", "The edited command failed, so change 1 is as it was."),
        ("typo", "The edited command failed, so change 1 is as it was.", ""),
        ("typo", "The edited command failed, so change 1 is as it was.", "The edited command failed, so change 2 is as it was."),
        ("a\0b", "accepts; call it again without it. The edited command failed, so change 1 is as it was.", "which no shell accepts."),
    ],
)
async def test_what_an_edited_command_says_of_its_change_follows_from_the_change(command: str, says: str, lie: str) -> None:
    async with bench() as b:
        await edit(b, command)

        entries = await b.entries()
        place = next(place for place, e in enumerate(entries) if isinstance(e, Answered) and e.turn == 2)
        told = entries[place]
        assert isinstance(told, Answered)
        assert told.result.note.endswith(says)
        found = await retrace(b)
        assert not differing(found)
        assert found[place].verdict is (Verdict.EQUAL if "\0" in command else Verdict.GIVEN)
        altered = await change_in(b, place, note=lie)
        assert altered.verdict is Verdict.DIFFERS
        assert says in altered.expected


async def test_a_change_that_lapsed_after_its_edited_command_failed_may_have_been_open_then() -> None:
    async with bench() as b:
        await edit(b, "typo")
        b.time.now += 100_000
        await b.rest()

        assert not differing(await retrace(b))


async def test_an_edited_model_command_and_what_became_of_it_follow() -> None:
    async with bench() as b:
        await propose(b)
        b.sandboxes.programs["more"] = scales(b.cluster, 7)
        await b.edit("typo", 1)
        await b.rest()
        await b.edit("more", 1)
        await b.rest()
        await b.click("approve", 2)
        await b.rest()

        assert not differing(await retrace(b))
        proposed = next(place for place, e in enumerate(await b.entries()) if isinstance(e, Proposed) and e.change_id == 2)
        beside = "Change 1 was decided before the edited command was rehearsed, so this is one beside it."
        assert (await change_in(b, proposed, note=beside)).verdict is Verdict.DIFFERS


async def test_a_proposed_change_is_the_one_that_its_call_came_to() -> None:
    async with bench() as b:
        await edit(b, "more")
        entries = list(await b.entries())
        first = next(place for place, e in enumerate(entries) if isinstance(e, Proposed))

        assert (await retrace(b))[first] == findings.RECORDED
        assert (await change_in(b, first, change_id=2)).verdict is Verdict.DIFFERS
        assert (await change_in(b, first, change_id=9)).verdict is Verdict.DIFFERS
        assert (await change_in(b, first, command="scole")).verdict is Verdict.DIFFERS


async def test_a_note_about_a_repeated_command_follows_from_the_answer_before() -> None:
    async with bench() as b:
        b.model = FakeModel(looking)
        b.sandboxes.programs["get"] = prints("ok\n")
        await b.write("why?")
        await b.rest()

        answers = [place for place, e in enumerate(await b.entries()) if isinstance(e, Answered)]
        assert not differing(await retrace(b))
        assert (await change_in(b, answers[1], note="")).verdict is Verdict.DIFFERS
        again = (await b.entries())[answers[1]]
        assert isinstance(again, Answered)
        assert (await change_in(b, answers[0], note=again.result.note)).verdict is Verdict.DIFFERS
        assert (await change_in(b, answers[0], command="got")).verdict is Verdict.DIFFERS


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


OFFERED = ModelRequest("gemini", "", "", 1, 100_000, "", '[{"name": "tickets_search", "description": "Finds tickets.", "parameters": {}}]')


@pytest.mark.parametrize(
    ("name", "request_", "arguments", "found"),
    [
        ("tickets_search", OFFERED, {}, findings.PRINTED),
        ("tickets_search", None, {}, findings.UNTOLD_REQUEST),
        ("runbook", OFFERED, {"query": 7}, findings.EQUAL),
        ("runbook", None, {"query": "pods"}, findings.LOOKED_UP),
        ("frobnicate", OFFERED, {}, findings.EQUAL),
    ],
)
async def test_the_answer_of_another_tool_is_compared_where_nothing_outside_was_asked(
    name: str, request_: ModelRequest | None, arguments: dict[str, object], found: Finding
) -> None:
    def think(rows: Sequence[Entry]) -> ModelReply:
        reply = say("So it is.") if any(isinstance(e, Replied) for e in rows) else say("")
        return replace(reply, calls=() if reply.text else (ToolCall("c1", name, arguments),))

    async with bench() as b:
        b.model = FakeModel(think)
        await b.write("why?")
        await b.rest()

        entries = [replace(e, request=request_) if isinstance(e, Replied) else e for e in await b.entries()]

        place = next(place for place, e in enumerate(entries) if isinstance(e, Answered))
        assert (await retrace(b, entries))[place] == found
