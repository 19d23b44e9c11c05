"""The tools a model may call."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent.calls import READ_OUTPUT, RUNBOOK, SHELL
from bot.agent.ports import Tool

_IN_SANDBOX = """\
Runs one command line with bash in an isolated Linux sandbox that belongs to this conversation, and returns its exit code, stdout \
and stderr. kubectl is set up for the cluster; jq, python3 and coreutils are there; pipes, loops and heredocs work; files in the \
working directory stay for later commands. Each call is a new shell: no variables or background processes are kept. There is no \
network but the Kubernetes API.
"""
_ON_MACHINE = """\
Runs one command line with bash on the person's machine, in a folder that belongs to this conversation, and returns its exit code, stdout \
and stderr. kubectl is set up for the cluster; other programs are there if they are installed; pipes, loops and heredocs work; files in \
the working directory stay for later commands. Each call is a new shell: no variables or background processes are kept.
"""
_DESCRIPTION = """\
Reads give their real output at once. Every write (apply, scale, delete, patch, …) is rehearsed: it prints what it would print but \
nothing changes yet; a person sees the exact difference and approves or denies it, and the answer of this call comes after that and \
says what really happened. So propose a change by simply running the command.
`kubectl exec` and `kubectl cp` are approved like writes: the answer then holds what the command printed, and of a copy the file it is in.
Interactive commands (edit, exec -it) and port-forward do not work; waiting for a change of the same command (rollout status after \
apply) does not either. What goes on for ever (-w, logs -f) is ended after a moment.
`triage [namespace]` is a command of its own here: it lists what is unhealthy, why and since when. It is a good first look."""

_COMMAND: dict[str, object] = {
    "type": "object",
    "properties": {
        "command": {
            "type": "string",
            "description": "The whole command line as bash reads it, for example: kubectl -n shop get pods -o wide",
        }
    },
    "required": ["command"],
}
SHELL_TOOL = Tool(SHELL, _IN_SANDBOX + _DESCRIPTION, _COMMAND)
LOCAL_SHELL_TOOL = Tool(SHELL, _ON_MACHINE + _DESCRIPTION, _COMMAND)
"""For a person who has no sandbox."""

READ_OUTPUT_TOOL = Tool(
    name=READ_OUTPUT,
    description=(
        "Reads a part of an earlier output of this conversation that was too long to show or was left out since, without running the "
        "command again. Answers name the number of their output."
    ),
    parameters={
        "type": "object",
        "properties": {
            "output": {"type": "integer", "description": "Number of the output, counted from 1"},
            "lines": {"type": "string", "description": "Range of lines such as 100-180, or -50 for the last 50"},
            "grep": {
                "type": "string",
                "description": "Regular expression that a line matches, as of grep -E but without regard to case and without \\1",
            },
            "context": {"type": "integer", "description": "Lines to show before and after each line that grep finds"},
            "jq": {
                "type": "string",
                "description": (
                    "Program for jq -rc over JSON output (one document or several), for example .items[].metadata.name or "
                    '[.items[] | select(.status.phase != "Running") | .metadata.name] | length'
                ),
            },
            "stream": {"type": "string", "enum": ["stdout", "stderr"]},
        },
        "required": ["output"],
    },
)

RUNBOOK_TOOL = Tool(
    name=RUNBOOK,
    description="Finds the runbooks that the people who run this cluster wrote about a symptom, a component or a procedure.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string", "description": "A few keywords, for example: payments crash loop"}},
        "required": ["query"],
    },
)


def describe_tools(offered: Sequence[Tool]) -> str:
    """What a model can use, Markdown: each tool with the first sentence about it."""
    lines = [f"• `{tool.name}` – {tool.description.partition('. ')[0].rstrip('.')}." for tool in offered]
    return "\n".join(["What the model can use:", *lines, "Whatever would change the cluster is shown first and waits for approval."])


def tools(*, has_runbooks: bool, more: Sequence[Tool] = (), is_sandboxed: bool = True) -> tuple[Tool, ...]:
    """The tools that a model gets. `more` are the installer's and those of MCP servers."""
    return (SHELL_TOOL if is_sandboxed else LOCAL_SHELL_TOOL, READ_OUTPUT_TOOL, *((RUNBOOK_TOOL,) if has_runbooks else ()), *more)
