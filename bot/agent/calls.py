"""Tool calls as the loop, the worker and the history read them: a turn's calls in order, what each one runs, which cannot run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterable, Sequence

from bot.agent import triage
from bot.values.transcript import Asked, Entry, Mode, Replied, ToolCall, ToolResult

SHELL = "shell"
READ_OUTPUT = "read_output"
RUNBOOK = "runbook"
TOOL_NAMES = (SHELL, READ_OUTPUT, RUNBOOK)
UNDO = "undo"
"""The name of the call that a press of Undo stands for; no model can make it."""


def of_turn(entries: Sequence[Entry], turn: int) -> tuple[ToolCall, ...]:
    """All calls of the turn in the order they run, as they were written: `triage shop` is not yet its script."""
    found: list[ToolCall] = []
    for entry in entries:
        if entry.turn != turn:
            continue
        if isinstance(entry, Asked) and entry.mode is not Mode.QUESTION:
            found.append(implicit(entry))
        elif isinstance(entry, Replied):
            found.extend(entry.calls)
    return tuple(found)


def is_of_model(entries: Iterable[Entry], turn: int, call_id: str) -> bool:
    """Whether a reply of the model made the call, and not a person's own command line."""
    return any(e.turn == turn and isinstance(e, Replied) and call_id in {call.id for call in e.calls} for e in entries)


def implicit(asked: Asked) -> ToolCall:
    """The one call that a command line, a triage or a press of Undo stands for."""
    if asked.mode is Mode.EDIT:
        return ToolCall(f"call-{asked.turn}", SHELL, {"command": asked.text})
    if asked.mode is Mode.UNDO:
        return ToolCall(f"call-{asked.turn}", UNDO, {"command": asked.text})
    command = triage_line(asked.text) if asked.mode is Mode.TRIAGE else command_line(asked.text)
    return ToolCall(f"call-{asked.turn}", SHELL, {"command": command})


def runnable(call: ToolCall) -> ToolCall:
    """The call with the command that goes to bash: `triage [namespace]` becomes the script, everything else stays as it is."""
    command = call.arguments.get("command")
    if call.name != SHELL or not isinstance(command, str):
        return call
    namespace = _triage_namespace(command)
    if namespace is None:
        return call
    return ToolCall(call.id, call.name, {**call.arguments, "command": triage.script(namespace)})


def answer_without_running(call: ToolCall, custom: Collection[str] = ()) -> ToolResult | None:
    """The answer of a call that cannot run (no such tool, no command, wrong type); None if it can. `custom` names the installer's tools,
    which take a command as `shell` does. What the others make of their arguments is theirs to say."""
    if call.name in (READ_OUTPUT, RUNBOOK):
        return None
    if call.name != SHELL and call.name not in custom:
        return _refuse(f"There is no tool named {call.name!r}; commands are run by `{SHELL}` with the argument `command`.")
    if "command" not in call.arguments:
        return _refuse(f"The argument `command` is missing; call `{call.name}` again with the command line to run.")
    command = call.arguments["command"]
    if not isinstance(command, str):
        return _refuse(f"The argument `command` must be a string; call `{call.name}` again with one command line.")
    if not command.strip():
        return _refuse(f"The argument `command` is empty; call `{call.name}` again with the command line to run.")
    if "\0" in command:
        return _refuse("The command holds a NUL character, which no shell accepts; call it again without it.")
    return None


def shown(call: ToolCall) -> str:
    """The call as people read it: the command line as it was written, or the tool's name and what it was given."""
    command = call.arguments.get("command")
    if call.name in (READ_OUTPUT, RUNBOOK):
        return " ".join([call.name, *(str(value) for value in call.arguments.values())])
    if call.name not in (SHELL, UNDO) and call.arguments and (not isinstance(command, str) or len(call.arguments) > 1):
        return f"{call.name} {json.dumps(call.arguments, ensure_ascii=False)}"
    if not isinstance(command, str):
        return call.name
    is_named = call.name in (SHELL, UNDO) or command.split()[:1] == [call.name]
    return command if is_named else f"{call.name} {command}"


def unanswered(calls: Iterable[ToolCall], answered: frozenset[str] | set[str]) -> tuple[ToolCall, ...]:
    """The calls that have no answer yet, in order."""
    return tuple(call for call in calls if call.id not in answered)


def commands(entries: Sequence[Entry], turn: int) -> dict[str, str]:
    """The turn's command lines by call id; '' for a call without one."""
    return {call.id: str(call.arguments.get("command", "")) for call in of_turn(entries, turn)}


def command_line(text: str) -> str:
    """The command in a person's message: without a code fence around all of it and without the leading `!`."""
    line = text.strip()
    if line.startswith("```") and line.endswith("```") and len(line) > 6:
        line = line[3:-3].strip()
    elif line.startswith("`") and line.endswith("`") and line.count("`") == 2:
        line = line[1:-1].strip()
    return line.removeprefix("!").strip()


def triage_line(text: str) -> str:
    """`triage` or `triage <namespace>`, from a message with or without the word itself. The namespace is quoted for bash."""
    words = command_line(text).split()
    if words and words[0].lower() == "triage":
        words = words[1:]
    return f"triage {shlex.quote(words[0])}" if words else "triage"


def _triage_namespace(command: str) -> str | None:
    """The namespace of a `triage` line ('' for all); None if it is another command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if not words or words[0] != "triage" or len(words) > 2:
        return None
    return words[1] if len(words) == 2 else ""


def _refuse(sentence: str) -> ToolResult:
    return ToolResult(status="error", note=sentence)
