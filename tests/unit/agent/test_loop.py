"""The loop's decisions, one table of rows at a time. The random walks are in test_loop_properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from bot.agent import loop
from bot.agent.loop import (
    AnswerChange,
    AskModel,
    Expire,
    Finish,
    Idle,
    Replay,
    Report,
    RunCall,
    Step,
    Stop,
    Wait,
    YieldTurn,
)
from bot.changes.change import Change, State
from bot.errors import StoreError
from bot.values.transcript import Entry, Happened, Mode
from tests.unit.agent.builders import answered, asked, change, ended, proposed, ran, replied, shell


def step(
    entries: Sequence[Entry],
    *changes: Change,
    stop: str = "",
    max_steps: int = 20,
    has_model: bool = True,
    now: float = 500.0,
) -> Step:
    by_id: Mapping[int, Change] = {c.id: c for c in changes}
    return loop.next_step(entries, by_id, stop_requested_by=stop, max_steps=max_steps, has_model=has_model, now=now)


def waits(turn: int = 1) -> list[Entry]:
    """A turn whose call waits for change 7."""
    return [asked(turn), replied(turn, shell("a")), proposed(turn, "a", 7)]


def test_an_empty_thread_is_idle() -> None:
    assert step([]) == Idle()


def test_a_question_asks_the_model() -> None:
    assert step([asked()]) == AskModel(1)


def test_a_reply_without_calls_ends_the_turn() -> None:
    assert step([asked(), replied(1, text="It is DNS.")]) == Finish(1, "answered", "")


def test_calls_of_one_reply_run_in_order() -> None:
    rows: list[Entry] = [asked(), replied(1, shell("a"), shell("b"))]

    first = step(rows)
    second = step([*rows, answered(1, "a")])
    third = step([*rows, answered(1, "a"), answered(1, "b")])

    assert isinstance(first, RunCall)
    assert first.call.id == "a"
    assert isinstance(second, RunCall)
    assert second.call.id == "b"
    assert third == AskModel(1)


def test_a_later_call_waits_for_the_change_of_an_earlier_one() -> None:
    rows: list[Entry] = [asked(), replied(1, shell("a"), shell("b")), proposed(1, "a", 7)]

    assert step(rows, change(7)) == Wait(1000.0)


def test_turns_are_worked_on_in_the_order_they_came() -> None:
    assert step([asked(1), asked(2), replied(1, shell("a"))]) == RunCall(1, shell("a"), "kubectl get pods")


def test_a_command_line_runs_as_it_is_and_needs_no_model() -> None:
    rows = [asked(text="! kubectl get pods | wc -l", mode=Mode.COMMAND)]

    result = step(rows, has_model=False)

    assert result == RunCall(1, shell("call-1", "kubectl get pods | wc -l"), "kubectl get pods | wc -l")
    assert step([*rows, answered(1, "call-1")], has_model=False) == Finish(1, "answered", "")


@pytest.mark.parametrize("text", ["triage shop", "shop", "! triage shop"])
def test_triage_runs_its_script_and_is_shown_by_its_name(text: str) -> None:
    result = step([asked(text=text, mode=Mode.TRIAGE)], has_model=False)

    assert isinstance(result, RunCall)
    assert result.shown == "triage shop"
    assert str(result.call.arguments["command"]).startswith("namespace=shop\n")


def test_a_models_triage_call_runs_the_same_script() -> None:
    result = step([asked(), replied(1, shell("a", "triage shop"))])

    assert isinstance(result, RunCall)
    assert result.shown == "triage shop"
    assert str(result.call.arguments["command"]).startswith("namespace=shop\n")


def test_without_a_model_the_first_question_gets_the_long_explanation_and_the_next_a_short_one() -> None:
    first = step([asked()], has_model=False)
    assert isinstance(first, Finish)
    second = step([asked(), ended(1, first.reason, first.text), asked(2)], has_model=False)
    assert isinstance(second, Finish)

    assert first.reason == second.reason == "no_model"
    assert "GEMINI_API_KEY" in first.text
    assert "GEMINI_API_KEY" not in second.text


def test_the_limit_ends_the_turn_with_every_call_answered_and_the_next_turn_goes_on() -> None:
    rows: list[Entry] = [asked(), replied(1, shell("a")), answered(1, "a"), replied(1, shell("b"))]

    running = step(rows, max_steps=2)
    reached = step([*rows, answered(1, "b")], max_steps=2)
    assert isinstance(reached, Finish)
    after = step([*rows, answered(1, "b"), ended(1, "limit"), asked(2, "continue")], max_steps=2)

    assert isinstance(running, RunCall)
    assert reached.reason == "limit"
    assert "2 steps" in reached.text
    assert after == AskModel(2)


@pytest.mark.parametrize("finish", ["empty", "malformed"])
def test_an_unusable_reply_is_asked_for_again_and_given_up_the_third_time(finish: str) -> None:
    bad = replied(1, finish=finish, content="")

    results = [step([asked(), *[bad] * count]) for count in (1, 2, 3)]

    assert results[:2] == [AskModel(1), AskModel(1)]
    assert isinstance(results[2], Finish)
    assert results[2].reason == "failed"


def test_a_good_reply_in_between_forgives_an_empty_one() -> None:
    bad = replied(1, finish="empty", content="")
    rows = [asked(), bad, bad, replied(1, shell("a")), answered(1, "a"), bad]

    assert step(rows) == AskModel(1)


@pytest.mark.parametrize(("finish", "reason", "word"), [("length", "answered", "cut off"), ("safety", "failed", "blocked")])
def test_a_reply_that_ended_early_says_so(finish: str, reason: str, word: str) -> None:
    result = step([asked(), replied(1, text="The pod", finish=finish)])

    assert isinstance(result, Finish)
    assert result.reason == reason
    assert word in result.text


def test_an_open_change_is_waited_for_until_it_lapses() -> None:
    assert step(waits(), change(7, expires_at=900.0), now=899.9) == Wait(900.0)
    assert step(waits(), change(7, expires_at=900.0), now=900.0) == Expire(7)


@pytest.mark.parametrize("state", [State.APPROVED, State.REPLAYING])
def test_an_approved_change_is_replayed_also_after_a_crash(state: State) -> None:
    assert step(waits(), change(7, state)) == Replay(7)


@pytest.mark.parametrize(
    "state", [State.DENIED, State.EXPIRED, State.DONE, State.FAILED, State.PARTIAL, State.UNKNOWN, State.UNDONE, State.SUPERSEDED]
)
def test_a_final_change_answers_its_call(state: State) -> None:
    assert step(waits(), change(7, state)) == AnswerChange(1, "a", 7)


def test_a_superseded_change_is_followed_to_its_last_successor() -> None:
    chain = [change(7, State.SUPERSEDED, superseded_by=8), change(8, State.SUPERSEDED, superseded_by=9, supersedes=7)]

    assert step(waits(), *chain, change(9, State.PROPOSED, supersedes=8, expires_at=2000.0)) == Wait(2000.0)
    assert step(waits(), *chain, change(9, State.DONE, supersedes=8)) == AnswerChange(1, "a", 9)


def test_a_message_while_a_change_is_open_yields_the_turn_and_leaves_the_change_open() -> None:
    rows = [asked(), replied(1, shell("a"), shell("b")), proposed(1, "a", 7), asked(2, "and what about cart?")]

    result = step(rows, change(7))

    assert result == YieldTurn(1, ("a", "b"))


def yielded() -> list[Entry]:
    waiting = replace(ran(), status=loop.WAITING)
    return [*waits(), answered(1, "a", waiting), ended(1, "waiting")]


def test_the_change_of_a_yielded_turn_is_still_driven() -> None:
    assert step(yielded(), change(7)) == Wait(1000.0)
    assert step(yielded(), change(7), now=1000.0) == Expire(7)
    assert step(yielded(), change(7, State.APPROVED)) == Replay(7)


def test_an_approval_of_a_yielded_turn_comes_before_the_turn_that_runs() -> None:
    assert step([*yielded(), asked(2)], change(7, State.APPROVED)) == Replay(7)


def test_a_decided_change_of_a_yielded_turn_is_reported_once() -> None:
    rows = yielded()
    done = change(7, State.DONE)

    first = step(rows, done)
    note = Happened(2, "Change 7 was applied.", 7, "U1")
    second = step([*rows, note], done)
    third = step([*rows, note, replied(2, text="Done."), ended(2)], done)

    assert first == Report(7, 2, "U1")
    assert second == AskModel(2)
    assert third == Idle()


def test_the_report_of_a_superseded_change_names_the_successor() -> None:
    chain = [change(7, State.SUPERSEDED, superseded_by=8), change(8, State.DENIED, supersedes=7)]

    assert step(yielded(), *chain) == Report(8, 2, "U1")


def test_the_report_of_a_hand_written_command_does_not_bother_the_model() -> None:
    waiting = replace(ran(), status=loop.WAITING)
    rows = [asked(mode=Mode.COMMAND, text="kubectl scale"), proposed(1, "call-1", 7), answered(1, "call-1", waiting), ended(1, "waiting")]
    done = change(7, State.DONE, call_id="call-1")

    assert step(rows, done) == Report(7, 2, "U1")
    assert step([*rows, Happened(2, "…", 7, "U1")], done) == Finish(2, "answered", "")


def test_a_report_without_a_model_ends_silently() -> None:
    assert step([*yielded(), Happened(2, "…", 7, "U1")], change(7, State.DONE), has_model=False) == Finish(2, "no_model", "")


def test_stop_lists_the_calls_without_answer_and_the_open_changes_of_the_turn() -> None:
    rows = [asked(), replied(1, shell("a"), shell("b"), shell("c")), answered(1, "a"), proposed(1, "b", 7)]

    result = step(rows, change(7, call_id="b"), change(5, turn=0), stop="U2")

    assert result == Stop(1, ("b", "c"), (7,), "U2")


def test_stop_withdraws_an_approved_change_that_is_not_being_replayed() -> None:
    assert step(waits(), change(7, State.APPROVED), stop="U2") == Stop(1, ("a",), (7,), "U2")


def test_stop_finishes_a_replay_that_has_begun_and_tells_its_outcome() -> None:
    assert step(waits(), change(7, State.REPLAYING), stop="U2") == Replay(7)
    assert step(waits(), change(7, State.PARTIAL), stop="U2") == AnswerChange(1, "a", 7)
    assert step([*waits(), answered(1, "a")], change(7, State.PARTIAL), stop="U2") == Stop(1, (), (), "U2")


def test_stop_before_the_first_reply_ends_the_turn() -> None:
    assert step([asked()], stop="U2") == Stop(1, (), (), "U2")


def test_stop_with_nothing_running_stops_nothing() -> None:
    assert step([asked(), replied(1, text="Hi"), ended()], stop="U2") == Idle()
    assert step(yielded(), change(7, State.APPROVED), stop="U2") == Replay(7)


def test_a_transcript_that_names_an_unknown_change_is_refused() -> None:
    with pytest.raises(StoreError, match="Change 7"):
        step(waits())


def test_changes_that_supersede_each_other_are_refused() -> None:
    with pytest.raises(StoreError, match="supersedes itself"):
        step(waits(), change(7, State.SUPERSEDED, superseded_by=8), change(8, State.SUPERSEDED, superseded_by=7))
