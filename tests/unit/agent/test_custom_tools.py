"""Tools of the installer: read as kubectl-ai writes them, offered, completed to a command line of the sandbox."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.agent import calls, custom_tools
from bot.agent.custom_tools import CustomTool
from bot.agent.tools import SHELL_TOOL
from bot.values.transcript import ToolCall

HELM = CustomTool(name="helm", description="Packages of the cluster.", command="helm", command_desc="What follows helm: list -A")
SYNC = CustomTool(name="sync_status", description="Argo CD.", command="argocd app", command_desc="Words after it.")
YAML = """\
- name: helm
  description: "Packages of the cluster."
  command: "helm"
  command_desc: |
    What follows helm: list -A
  is_interactive: false
"""


def test_a_file_and_a_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "helm.yaml").write_text(YAML)
    (tmp_path / "sync.yml").write_text("- {name: sync, description: d, command: argocd, command_desc: c}\n")
    (tmp_path / ".old.yaml").write_text("nothing of ours")

    problems: list[str] = []
    one, folder = custom_tools.load(str(tmp_path / "helm.yaml"), problems), custom_tools.load(str(tmp_path), problems)

    assert [tool.command_desc.strip() for tool in one] == ["What follows helm: list -A"]
    assert [tool.name for tool in folder] == ["helm", "sync"]
    assert custom_tools.load("", problems) == ()
    assert problems == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "- {name: helm}",
            "each: tool 1, description: Field required; tool 1, command: Field required; tool 1, command_desc: Field required.",
        ),
        ("- {name: 1}\n- {}", "tool 1, name: Input should be a valid string; tool 1, description: Field required; .*; and 5 more."),
        ("name: helm", "must be a list"),
        ("- {name: 'a b', description: d, command: c, command_desc: c}", "name: String should match"),
        ("- {name: shell, description: d, command: c, command_desc: c}", "the tool shell of `tools.path` is taken"),
        (f"{YAML}{YAML}", "the tool helm of `tools.path` is taken"),
        (YAML.replace("false", "true"), "helm of `tools.path` is interactive"),
        ("- [", r"not valid YAML \(line 1: .*\): correct it"),
        ("- a: \x07", "not valid YAML"),
        (YAML + "  modifies_resource: no\n", "modifies_resource: Extra inputs"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "tools.yaml").write_text(text)

    problems: list[str] = []
    custom_tools.load(str(tmp_path / "tools.yaml"), problems)

    [problem] = problems
    assert re.search(why, problem)
    assert "\n" not in problem


def test_each_bad_file_of_a_folder_is_one_sentence_and_the_good_ones_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(YAML)
    (tmp_path / "b.yaml").mkdir()
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\xfd")
    (tmp_path / "d.yaml").write_text("name: helm")
    problems: list[str] = []

    tools = custom_tools.load(str(tmp_path), problems)

    assert [tool.name for tool in tools] == ["helm"]
    assert problems[0] == f"Cannot read the tools in {tmp_path}/b.yaml: Is a directory."
    assert [Path(problem.split(" (")[0].split()[3]).name for problem in problems[1:]] == ["c.yaml", "d.yaml"]


def test_a_place_without_tools_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.yaml").touch()

    for path in (tmp_path / "empty", tmp_path / "missing.yaml", tmp_path / "empty.yaml"):
        problems: list[str] = []
        assert custom_tools.load(str(path), problems) == ()
        assert problems == [f"There is no tool in {path}: set `tools.path` to a YAML file, or a folder of them, or leave it empty."]


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("list -A", "helm list -A"),
        ("helm list -A", "helm list -A"),
        ("list -A | grep helm", "helm list -A | grep helm"),
        ("cd charts && helm template .", "cd charts && helm template ."),
        ("HELM_DEBUG=1 helm list", "HELM_DEBUG=1 helm list"),
        ("helmfile sync", "helm helmfile sync"),
        ("echo $(helm list)", "echo $(helm list)"),
    ],
)
def test_the_command_stands_before_a_line_that_does_not_have_it(line: str, runs: str) -> None:
    assert custom_tools.to_shell([HELM], ToolCall("c", "helm", {"command": line})) == ToolCall("c", "shell", {"command": runs})


def test_a_command_of_several_words_is_completed_as_a_whole() -> None:
    assert SYNC.complete("get shop") == "argocd app get shop"
    assert SYNC.complete("argocd app get shop") == "argocd app get shop"


def test_calls_of_other_tools_stay_as_they_are() -> None:
    call = ToolCall("c", "shell", {"command": "helm list"})

    assert custom_tools.to_shell([HELM], call) is call


def test_people_see_the_tool_and_what_it_was_given() -> None:
    assert calls.shown(ToolCall("c", "helm", {"command": "list -A"})) == "helm list -A"
    assert calls.shown(ToolCall("c", "helm", {"command": "helm list -A"})) == "helm list -A"


def test_a_call_without_a_command_is_told_so_by_the_tool_s_own_name() -> None:
    refused = calls.answer_without_running(ToolCall("c", "helm", {}), ["helm"])

    assert refused is not None
    assert "call `helm` again" in refused.note


def test_a_tool_named_triage_is_no_triage() -> None:
    call = ToolCall("c", "helm", {"command": "triage"})

    assert calls.runnable(call) is call


def test_the_model_is_told_what_it_does_and_what_follows() -> None:
    tool = HELM.tool

    assert tool.description.startswith("Packages of the cluster.\nRuns in the same sandbox")
    assert tool.parameters["properties"] == {"command": {"type": "string", "description": "What follows helm: list -A"}}


def test_a_tool_of_the_installer_is_known_by_its_description() -> None:
    assert custom_tools.is_custom(HELM.tool)
    assert not custom_tools.is_custom(SHELL_TOOL)
