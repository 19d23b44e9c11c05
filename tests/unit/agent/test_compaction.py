"""When a conversation is made shorter, and what is left of it."""

from __future__ import annotations

import itertools
from dataclasses import replace

from bot.agent import compaction, history
from bot.agent.history import ModelSaid, ToolsAnswered, UserSaid
from bot.values.transcript import Asked, Cleared, Compacted, Entry, Replied
from tests.unit.agent.builders import answered, asked, ended, ran, replied, shell

ROOM = 20_000


def steps(count: int, size: int, turn: int = 1) -> list[Entry]:
    rows: list[Entry] = [asked(turn)]
    for number in range(count):
        call_id = f"{turn}-{number}"
        rows += [replied(turn, shell(call_id)), answered(turn, call_id, ran(f"output {call_id} " + "x" * size))]
    return rows


def shrink(rows: list[Entry], room: int = ROOM) -> list[Entry]:
    """Carries plans out until there is none."""
    for _ in range(20):
        plan = compaction.plan(rows, room)
        if plan is None:
            return rows
        rows = [*rows, replace(plan.place, summary="What was so far." if plan.needs_summary else "")]
    raise AssertionError("there is always another plan")


def test_while_there_is_room_nothing_is_left_out() -> None:
    assert compaction.plan(steps(3, 4_000), ROOM) is None


def test_old_outputs_go_first_and_the_newest_stay() -> None:
    plan = compaction.plan(steps(12, 4_000), ROOM)

    assert plan is not None
    assert (plan.place.turn, plan.place.replies, plan.needs_summary) == (1, 8, False)
    assert plan == compaction.make_room(steps(12, 4_000), 1, plan.place.target_tokens, plan.place.output_chars)


def test_when_outputs_are_not_enough_a_summary_takes_the_place_of_everything_old() -> None:
    rows = steps(400, 350)

    plan = compaction.plan(rows, ROOM)

    assert plan is not None
    assert plan.needs_summary
    shrunk = history.messages(shrink(rows))
    assert isinstance(shrunk[0], UserSaid)
    assert "What was so far." in shrunk[0].text
    assert shrunk[1] == UserSaid("U1 asks:\nwhy is the shop down?")
    assert len(shrunk) < 15


def test_what_was_left_out_stays_left_out_and_is_not_planned_again() -> None:
    rows = shrink(steps(12, 4_000))

    assert compaction.plan(rows, ROOM) is None
    texts = [m.answers[0].text for m in history.messages(rows) if isinstance(m, ToolsAnswered)]
    assert ["xxx" in text for text in texts] == [False] * 8 + [True] * 4


def test_the_tokens_are_those_that_the_provider_counted() -> None:
    rows = steps(3, 400)
    told = [replace(e, input_tokens=18_000, output_tokens=500) if isinstance(e, Replied) and e.calls[0].id == "1-2" else e for e in rows]

    assert compaction.plan(rows, ROOM) is None
    assert compaction.count_tokens(told) > 18_500
    assert compaction.plan(told, ROOM) is not None


def test_a_compaction_makes_the_last_count_stale() -> None:
    rows = [replace(e, input_tokens=50_000) if isinstance(e, Replied) else e for e in steps(12, 4_000)]

    assert compaction.count_tokens([*rows, Compacted(1, 10)]) < 10_000


def test_earlier_turns_are_covered_whole() -> None:
    rows = [*steps(6, 4_000, 1), replied(1, text="Fixed."), ended(1), *steps(5, 4_000, 2)]

    shrunk = shrink(rows, 12_000)

    assert compaction.plan(shrunk, 12_000) is None
    texts = [m.answers[0].text for m in history.messages(shrunk) if isinstance(m, ToolsAnswered)]
    assert not any("output 1-" in text for text in texts)
    assert "output 2-4" in texts[-1]


def test_a_thread_of_two_hundred_steps_never_needs_more_than_its_room() -> None:
    rows: list[Entry] = [asked()]
    for number in range(200):
        rows += [replied(1, shell(str(number))), answered(1, str(number), ran(f"output {number} " + "x" * 6_000))]
        rows = shrink(rows, 40_000)

        assert compaction.count_tokens(rows) <= 40_000
    assert any(isinstance(e, Compacted) and not e.summary for e in rows)


def test_what_is_summarized_ends_with_the_request_and_holds_every_answer() -> None:
    rows = [*steps(6, 100, 1), ended(1), *steps(6, 100, 2), asked(3)]

    part = compaction.to_summarize(rows, Compacted(2, 4))

    last = part[-1]
    assert isinstance(last, Asked)
    assert last.text == compaction.SUMMARY_PROMPT
    messages = history.messages(part)
    made = [call.id for m in messages if isinstance(m, ModelSaid) for call in m.calls]
    given = [answer.call.id for m in messages if isinstance(m, ToolsAnswered) for answer in m.answers]
    assert made == given == [f"1-{n}" for n in range(6)] + [f"2-{n}" for n in range(4)]
    assert messages[-1] == UserSaid(f"kubectl-ai asks:\n{compaction.SUMMARY_PROMPT}")


def test_the_outline_tells_what_was_asked_run_and_said() -> None:
    rows = [asked(), replied(1, shell("a", "kubectl get pods"), text="I look."), answered(1, "a"), replied(1, shell("b")), answered(1, "b")]

    text = compaction.outline(rows, Compacted(1, 1))

    assert "- U1 asked: why is the shop down?" in text
    assert "- you called: kubectl get pods" in text
    assert "- you said: I look." in text


def test_nothing_is_answered_twice_or_not_at_all_after_a_compaction() -> None:
    rows = shrink(steps(400, 350))
    messages = history.messages(rows)

    for before, after in itertools.pairwise(messages):
        if isinstance(before, ModelSaid) and before.calls:
            assert isinstance(after, ToolsAnswered)
            assert [answer.call for answer in after.answers] == list(before.calls)


def test_what_was_cleared_takes_no_room() -> None:
    full = replace(replied(1), input_tokens=ROOM)
    rows: list[Entry] = [*steps(12, 4_000), full, ended(1), Cleared(1, "U1"), asked(2)]

    assert compaction.plan(rows, ROOM) is None


def test_neither_the_request_for_a_summary_nor_an_outline_tells_what_was_cleared() -> None:
    rows = [asked(1, "the word is swordfish"), ended(1), Cleared(1, "U1"), *steps(3, 10, turn=2)]
    place = Compacted(2, 2)

    request = str(history.messages(compaction.to_summarize(rows, place)))

    assert "swordfish" not in request
    assert "output 2-0" in request
    assert "swordfish" not in compaction.outline(rows, place)
