"""Where text in the conversation comes from that anybody may have written: a change that is proposed after it says so. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.values.transcript import Answered, Entry

_ANNOTATIONS = re.compile(r"""^[ \t-]*["']?annotations["']?[ \t]*:(?![ \t]*(?:<none>|\{\}|null)[ \t]*,?$)""", re.IGNORECASE | re.MULTILINE)
_COMMAND_CHARS = 60


def of_output(command: str, stdout: str, read: Sequence[str]) -> tuple[str, ...]:
    """What one output shows of that: what its command `read` by the gateway's account, and annotations if the output has some."""
    if not (stdout.strip() and ("annotations" in command.lower() or _ANNOTATIONS.search(stdout))):
        return tuple(read)
    line = " ".join(command.split())
    return (*read, f"annotations (`{line if len(line) <= _COMMAND_CHARS else line[: _COMMAND_CHARS - 1] + '…'}`)")


def before(entries: Sequence[Entry], turn: int) -> tuple[str, ...]:
    """What the turn's answers so far show of it, each once, in order: what the model had read when it made its next call."""
    found = (source for entry in entries if isinstance(entry, Answered) and entry.turn == turn for source in entry.result.sources)
    return tuple(dict.fromkeys(found))
