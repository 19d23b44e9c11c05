"""Where text in the conversation comes from that anybody may have written: a change that is proposed after it says so. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.values.requests import RecordedWrite, Recording
from bot.values.transcript import Answered, Asked, Entry, Mode

_NONE = r"(?:<none>|<nil>|<no value>|null|none|\{\}|map\[\])"
_ANNOTATIONS = re.compile(rf"""(?<![\w./-])annotations\\*["']?[ \t]*:(?![ \t]*{_NONE}[ \t]*(?:[,\]}}\s]|$))""", re.IGNORECASE)
"""The key and what begins behind it, wherever it stands: as YAML, as JSON on one line or within a text, as Go prints a map. Annotations
that are shown to be empty are none."""
_COMMAND_CHARS = 60


def of_output(command: str, stdout: str, read: Sequence[str]) -> tuple[str, ...]:
    """What one output shows of that: what its command `read` by the gateway's account, and annotations if the output has some."""
    if not (stdout.strip() and ("annotations" in command.lower() or _ANNOTATIONS.search(stdout))):
        return tuple(read)
    line = " ".join(command.split())
    return (*read, f"annotations (`{line if len(line) <= _COMMAND_CHARS else line[: _COMMAND_CHARS - 1] + '…'}`)")


def of_proposal(recording: Recording) -> tuple[str, ...]:
    """What the command that a change is proposed of reads of it itself. kubectl reads what it is about to write: that is no source."""
    own = {_config_map(write) for write in recording.writes}
    return tuple(source for source in recording.sources if source not in own)


def _config_map(write: RecordedWrite) -> str:
    """The ConfigMap that is written, as the gateway names it where it is read; '' for anything else."""
    if (write.info.group, write.info.resource) != ("", "configmaps"):
        return ""
    name = write.info.name or ((write.after or {}).get("metadata") or {}).get("name", "")
    return f"ConfigMap {write.info.namespace}/{name}"


def before(entries: Sequence[Entry], turn: int) -> tuple[str, ...]:
    """What the answers so far show of it, each once, in order: of this turn, and where the model acts of the one before, too."""
    asked = next((entry for entry in entries if isinstance(entry, Asked) and entry.turn == turn), None)
    is_command = asked is not None and asked.mode is not Mode.QUESTION
    turns = (turn,) if is_command else (turn - 1, turn)
    found = (source for entry in entries if isinstance(entry, Answered) and entry.turn in turns for source in entry.result.sources)
    return tuple(dict.fromkeys(found))
