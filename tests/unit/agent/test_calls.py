"""Which calls can run, and what a person's message runs."""

from __future__ import annotations

import pytest

from bot.agent import calls
from bot.values.transcript import Mode, ToolCall
from tests.unit.agent.builders import asked, replied, shell


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (ToolCall("a", "kubectl", {"command": "get pods"}), "no tool named 'kubectl'"),
        (ToolCall("a", "", {}), "no tool named"),
        (ToolCall("a", "shell", {}), "is missing"),
        (ToolCall("a", "shell", {"cmd": "ls"}), "is missing"),
        (shell("a", 3), "must be a string"),
        (shell("a", ["ls"]), "must be a string"),
        (shell("a", None), "must be a string"),
        (shell("a", ""), "is empty"),
        (shell("a", " \n"), "is empty"),
        (shell("a", "ls\0"), "NUL"),
    ],
)
def test_a_call_that_cannot_run_is_answered_with_what_to_do(call: ToolCall, words: str) -> None:
    result = calls.answer_without_running(call)

    assert result is not None
    assert result.status == "error"
    assert words in result.note
    assert result.exit_code is None


def test_a_good_call_is_run_also_with_arguments_that_nobody_asked_for() -> None:
    assert calls.answer_without_running(shell("a", "ls")) is None
    assert calls.answer_without_running(ToolCall("a", "shell", {"command": "ls", "modifies_resource": "no"})) is None


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("kubectl get pods", "kubectl get pods"),
        ("! ls -l | wc", "ls -l | wc"),
        ("!ls", "ls"),
        ("```\nkubectl apply -f - <<E\nx\nE\n```", "kubectl apply -f - <<E\nx\nE"),
        ("`kubectl get pods`", "kubectl get pods"),
        ("! echo `date` and `uptime`", "echo `date` and `uptime`"),
        ("! `date`", "`date`"),
        ("```", "```"),
    ],
)
def test_a_command_line_is_what_was_meant(text: str, command: str) -> None:
    assert calls.command_line(text) == command


@pytest.mark.parametrize(
    ("text", "line"),
    [("triage", "triage"), ("triage shop", "triage shop"), ("Triage shop please", "triage shop"), ("shop", "triage shop"), ("", "triage")],
)
def test_a_triage_names_its_namespace(text: str, line: str) -> None:
    assert calls.triage_line(text) == line


@pytest.mark.parametrize("text", ["triage a;b", "triage $(x)", "triage a'b"])
def test_a_strange_namespace_stays_one_quoted_word(text: str) -> None:
    call = calls.implicit(asked(text=text, mode=Mode.TRIAGE))

    script = str(calls.runnable(call).arguments["command"])

    assert script.splitlines()[0] == "namespace='" + text.removeprefix("triage ").replace("'", "'\"'\"'") + "'"


@pytest.mark.parametrize("command", ["triage a b", "triage | head", "echo triage", "triage 'unclosed", "triage;ls"])
def test_what_only_looks_like_triage_goes_to_bash_as_it_is(command: str) -> None:
    assert calls.runnable(shell("a", command)).arguments["command"] == command


def test_calls_of_a_turn_are_those_of_all_its_replies_in_order() -> None:
    rows = [asked(1), replied(1, shell("a"), shell("b")), asked(2), replied(2, shell("x")), replied(1, shell("c"))]

    assert [call.id for call in calls.of_turn(rows, 1)] == ["a", "b", "c"]
