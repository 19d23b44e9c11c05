"""A jq program over an output that the transcript keeps. jq runs where the thread's commands run, with no way to the cluster.

Text and program go there as files: no word of a model or of a cluster is ever part of the command line. The files are gone before jq
begins, so that none is left behind by a jq that has no end.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable

from bot.agent import observation
from bot.agent.reading import Query
from bot.settings import SandboxSettings
from bot.threads.ports import Sandbox
from bot.values.sandbox import Ran
from bot.values.transcript import ToolResult

WITHOUT = "`lines`, `grep` and plain paths such as `.items[].metadata.name` work without it."
"""What to do where there is no sandbox, or no jq in it."""
_INPUT, _PROGRAM = ".read-output.json", ".read-output.jq"
_NOT_FOUND = 127


async def run(sandbox: Sandbox, query: Query, limits: SandboxSettings, redact: Callable[[str], Awaitable[str]]) -> ToolResult:
    """What jq printed, through `redact`: jq can spell out what stands encoded in the text, so that nobody has looked at it yet. Asking
    again after a crash does no harm. Raises SandboxError."""
    text, program = await sandbox.put(_INPUT, query.text.encode()), await sandbox.put(_PROGRAM, query.program.encode())
    ran = await sandbox.run(_compose(program, text), "", timeout_seconds=limits.command_seconds, max_output_bytes=limits.max_output_bytes)
    if ran.exit_code == _NOT_FOUND:
        return ToolResult("error", note="There is no jq where the commands of this thread run; install it there.")
    result = ToolResult(
        "ok",
        exit_code=ran.exit_code,
        stdout=await redact(ran.stdout),
        stderr=await redact(ran.stderr),
        note=_explain(ran, query, limits),
        seconds=ran.seconds,
        truncated=ran.truncated,
        sources=query.sources,
    )
    return observation.without_binary(result)


def _compose(program: str, text: str) -> str:
    """The program is read into a variable, from where the shell takes it as one word; the space keeps it from being taken for an option."""
    program, text = shlex.quote(program), shlex.quote(text)
    return f'program=$(<{program}); exec <{text}; rm -f {program} {text}; jq -rc " $program"'


def _explain(ran: Ran, query: Query, limits: SandboxSettings) -> str:
    if ran.timed_out:
        return f"jq was stopped after {limits.command_seconds:.0f} seconds, the longest that it may run; ask for less."
    if ran.exit_code:
        return f"jq could not do that with output {query.number}; correct the program by what it says."
    return f"What jq made of output {query.number}."
