"""Tools of the installer, in YAML as kubectl-ai reads it: a program and words about it. They run in the sandbox, and are rehearsed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from bot.agent.calls import SHELL, TOOL_NAMES
from bot.agent.ports import Tool
from bot.settings_base import Group
from bot.values.transcript import ToolCall

_FAULTS = 3
"""Faults of one file that are told; the rest is counted."""
_RUNS = "Runs in the same sandbox as `shell`, and in the same way: reads answer at once, writes to the cluster wait for approval."


class CustomTool(Group):
    """One tool. `command` is what its command lines begin with: a program, or a program and its first words."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")
    description: str
    command: str = Field(min_length=1)
    command_desc: str
    is_interactive: bool = False

    @property
    def tool(self) -> Tool:
        """As a model sees it."""
        command = {"type": "string", "description": self.command_desc.strip()}
        parameters: dict[str, object] = {"type": "object", "properties": {"command": command}, "required": ["command"]}
        return Tool(self.name, f"{self.description.strip()}\n{_RUNS}", parameters)

    def complete(self, line: str) -> str:
        """The command line with the tool's command before it, unless it is somewhere in it already where a command begins."""
        begins = rf"(?:^|[|;&(\n])\s*(?:\w+=\S*\s+)*{re.escape(self.command)}(?:\s|$)"
        return line if re.search(begins, line) else f"{self.command} {line}"


def is_custom(tool: Tool) -> bool:
    """Whether a tool that a model was offered is one of the installer's, and not one that a server offers."""
    return tool.description.endswith(_RUNS)


_FILE = TypeAdapter(list[CustomTool])


def load(path: str, problems: list[str]) -> tuple[CustomTool, ...]:
    """The tools of a file, or of all YAML files of a folder; none for an empty path. What is wrong goes to `problems`, one sentence for
    each file or tool."""
    if not path:
        return ()
    place = Path(path)
    files = [place] if place.is_file() else sorted(file for file in place.glob("*.y*ml") if not file.name.startswith("."))
    before = len(problems)
    found: list[CustomTool] = []
    for tool in (tool for file in files for tool in _read(file, problems)):
        if tool.name in TOOL_NAMES or tool.name in {other.name for other in found}:
            problems.append(f"The name of the tool {tool.name} of `tools.path` is taken: give it another.")
        elif tool.is_interactive:
            problems.append(f"The tool {tool.name} of `tools.path` is interactive, which no tool can be here: remove it.")
        else:
            found.append(tool)
    if not found and len(problems) == before:
        problems.append(f"There is no tool in {path}: set `tools.path` to a YAML file, or a folder of them, or leave it empty.")
    return tuple(found)


def to_shell(tools: Sequence[CustomTool], call: ToolCall) -> ToolCall:
    """The call of `shell` that a call of one of the tools stands for; any other call as it is."""
    tool = next((tool for tool in tools if tool.name == call.name), None)
    command = call.arguments.get("command")
    if tool is None or not isinstance(command, str):
        return call
    return ToolCall(call.id, SHELL, {"command": tool.complete(command)})


def _read(file: Path, problems: list[str]) -> list[CustomTool]:
    try:
        return _FILE.validate_python(yaml.safe_load(file.read_text(encoding="utf-8")) or [])
    except OSError as exc:
        problems.append(f"Cannot read the tools in {file}: {exc.strerror}.")
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        problems.append(f"The tools in {file} are not valid YAML ({_where(exc)}): correct it.")
    except ValidationError as exc:
        faults = [f"{_place(item['loc'])}: {item['msg']}" for item in exc.errors(include_url=False)]
        told = "; ".join(faults[:_FAULTS]) + (f"; and {len(faults) - _FAULTS} more" if len(faults) > _FAULTS else "")
        problems.append(f"The tools in {file} must be a list of `name`, `description`, `command` and `command_desc` each: {told}.")
    return []


def _where(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    """The place and the fault, on one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def _place(loc: Sequence[int | str]) -> str:
    """`tool 2, command` for a field of the second tool of a file."""
    return ", ".join(f"tool {part + 1}" if isinstance(part, int) else part for part in loc) or "it"
