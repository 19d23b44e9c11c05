"""The same command with the same output again and again, and the same change after a no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.agent import repeats
from bot.changes.change import State
from bot.values.transcript import Entry, ToolResult
from tests.unit.agent.builders import answered, asked, change, ran, replied, shell

COMMAND = "kubectl get pods"


def times(count: int, *, outputs: tuple[str, ...] = ("same\n",), turn: int = 1) -> list[Entry]:
    rows: list[Entry] = [asked(turn)]
    for number in range(count):
        rows += [replied(turn, shell(f"{turn}-{number}")), answered(turn, f"{turn}-{number}", ran(outputs[number % len(outputs)]))]
    return rows


def test_the_first_time_is_told_nothing() -> None:
    assert repeats.note(times(0), 1, COMMAND, ran("same\n")) == ""


def test_the_second_time_with_the_same_output_is_told_so() -> None:
    assert "same command with the same output" in repeats.note(times(1), 1, COMMAND, ran("same\n"))


def test_another_output_another_command_or_another_turn_is_told_nothing() -> None:
    assert repeats.note(times(1), 1, COMMAND, ran("other\n")) == ""
    assert repeats.note(times(1), 1, "kubectl get nodes", ran("same\n")) == ""
    assert repeats.note([*times(1), asked(2)], 2, COMMAND, ran("same\n")) == ""


def test_after_two_times_with_the_same_output_it_is_not_run() -> None:
    assert repeats.refusal(times(1), 1, COMMAND) is None
    refused = repeats.refusal(times(2), 1, COMMAND)

    assert refused is not None
    assert (refused.status, refused.command) == ("error", COMMAND)
    assert "the same answer 2 times" in refused.note


def turns_about(*commands: str, answer: ToolResult | None = None) -> list[Entry]:
    """The commands one after another; each of them always answers the same, or this."""
    rows: list[Entry] = [asked()]
    for number, command in enumerate(commands):
        rows += [replied(1, shell(str(number), command)), answered(1, str(number), answer or ran(f"of {command}\n"))]
    return rows


def test_two_commands_in_turns_are_seen_through() -> None:
    assert repeats.note(turns_about("a", "b"), 1, "a", ran("of a\n")) == repeats.SAME
    assert repeats.refusal(turns_about("a", "b", "a", "b"), 1, "a") is not None


def test_a_refused_call_stays_refused() -> None:
    rows = turns_about("a", "a")
    refused = repeats.refusal(rows, 1, "a")

    assert repeats.refusal([*rows, replied(1, shell("again", "a")), answered(1, "again", refused)], 1, "a") == refused


def test_the_same_command_with_space_around_it_is_the_same() -> None:
    assert repeats.refusal(turns_about(COMMAND, f" {COMMAND}\n", answer=ran()), 1, COMMAND) is not None


def test_a_manifest_whose_indentation_is_mended_is_another_command() -> None:
    wrong, worse, right = (f"kubectl apply -f - <<E\nmetadata:\n{spaces}name: a\nE" for spaces in ("", " \t", "  "))

    assert repeats.refusal(turns_about(wrong, worse, answer=ran("error: yaml: line 2\n")), 1, right) is None


def test_what_was_run_long_ago_may_run_again() -> None:
    others = [f"other {number}" for number in range(11)]

    assert repeats.refusal(turns_about("a", "a", *others[:10]), 1, "a") is not None
    assert repeats.refusal(turns_about("a", "a", *others), 1, "a") is None


def test_a_command_may_run_again_once_another_has_changed_the_cluster() -> None:
    rows = turns_about("a", "a")
    rows += [replied(1, shell("w", "kubectl scale")), answered(1, "w", ToolResult("applied", "kubectl scale", 0, "scaled\n"))]

    assert repeats.refusal(rows, 1, "a") is None
    assert repeats.note(rows, 1, "a", ran("of a\n")) == ""


def test_an_output_that_changed_at_last_may_be_asked_for_again() -> None:
    assert repeats.refusal(times(3, outputs=("a\n", "a\n", "b\n")), 1, COMMAND) is None


def test_a_poll_whose_output_changes_may_go_on() -> None:
    assert repeats.refusal(times(9, outputs=("a\n", "b\n")), 1, COMMAND) is None


def test_the_same_write_applied_again_and_again_is_stopped_too() -> None:
    rows: list[Entry] = [asked()]
    for number in range(3):
        rows += [
            replied(1, shell(str(number))),
            answered(1, str(number), ToolResult("applied", COMMAND, 0, "patched\n", note=f"Applied: change {number}.")),
        ]

    assert repeats.refusal(rows, 1, COMMAND) is not None


@pytest.mark.parametrize("state", [State.DENIED, State.FAILED])
def test_a_change_that_was_turned_down_is_found_by_its_requests(state: State) -> None:
    down = change(1, state)

    assert repeats.find_turned_down([down, change(2)], 1, down.digest) == down
    assert repeats.find_turned_down([down], 1, "other") is None
    assert repeats.find_turned_down([down], 2, down.digest) is None


@pytest.mark.parametrize("state", [State.PROPOSED, State.EXPIRED, State.SUPERSEDED, State.DONE, State.UNKNOWN])
def test_a_change_that_nobody_turned_down_may_be_proposed_again(state: State) -> None:
    assert repeats.find_turned_down([change(1, state)], 1, change(1).digest) is None


def test_what_failed_may_be_proposed_again_once_another_change_landed() -> None:
    failed = change(1, State.FAILED)

    assert repeats.find_turned_down([failed, change(2, State.DONE)], 1, failed.digest) is None
    assert repeats.find_turned_down([change(2, State.DONE), replace(failed, id=3)], 1, failed.digest) is not None
