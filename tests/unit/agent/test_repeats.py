"""The same command with the same output again and again."""

from __future__ import annotations

from bot.agent import repeats
from bot.values.transcript import Entry, ToolResult
from tests.unit.agent.builders import answered, asked, ran, replied, shell

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


def test_after_three_times_in_a_row_it_is_not_run() -> None:
    assert repeats.refusal(times(2), 1, COMMAND) is None
    refused = repeats.refusal(times(3), 1, COMMAND)

    assert refused is not None
    assert (refused.status, refused.command) == ("error", COMMAND)
    assert "3 times in a row" in refused.note


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
