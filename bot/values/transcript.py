"""The transcript of a thread: the rows from which a worker sees, after any crash, what has to be done next.

Turns are numbered; a turn begins with `Asked` or `Happened` and is over with `Ended`. Every `ToolCall` of a turn gets
exactly one `Answered` before the turn ends, on every path.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """How a message is answered."""

    QUESTION = "question"  # by the model
    COMMAND = "command"  # a command line, run as it is
    TRIAGE = "triage"  # the fixed read-only script
    UNDO = "undo"  # the undo of a change, computed and proposed
    EDIT = "edit"  # the command line of a change as its asker edited it, in place of that change


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of the model, or the one that stands for a person's command line. `arguments` is a JSON object."""

    id: str
    name: str
    arguments: dict[str, object]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool call came to. `note` tells what the numbers do not (refused, stopped, approved by…)."""

    status: str
    """`ok` (it ran), `error` (it could not run), `denied`, `expired`, `stopped`, `waiting`, `applied`, `failed`, …"""
    command: str = ""
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    note: str = ""
    seconds: float = 0.0
    truncated: bool = False
    sources: tuple[str, ...] = ()
    """What it shows that anybody may have written: `logs of pod shop/web-1`."""
    is_runbook: bool = False
    """Whether the output is text of the people who installed the bot, not of the cluster."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A person's message, their press of Undo, or the command line they edited. Starts a turn."""

    turn: int
    user_id: str
    text: str
    mode: Mode
    message_ts: str = ""
    change_id: int | None = None
    """The change to undo, or whose command line was edited."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A change as it was when a row told of it: later it may be undone, or its rollout go on."""

    state: str
    who: str
    """The name of the person who decided, as the chat had it."""
    rollout: str = ""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something the model must know that it did not ask for now (an open change was decided). Starts a turn."""

    turn: int
    text: str
    change_id: int | None = None
    user_id: str = ""
    """The asker of the turn the change came from: whose turn this continues."""
    decided: Decided | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model was asked: all that is needed, besides the transcript, to build the same request again."""

    wire: str
    """The format: `gemini` or `openai`."""
    digest: str
    """SHA-256 of the request's canonical JSON, hex."""
    reply_digest: str
    """SHA-256 of the reply as it was read, hex."""
    entries: int
    """Entries of the transcript that it was made from: the first so many."""
    window_tokens: int
    """The model's window, which says how much of an output it may see."""
    instructions: str | None = None
    """None: those of the reply before it in the thread."""
    tools: str | None = None
    """The tools as JSON. None: those of the reply before it in the thread."""
    thinking: str = ""
    """How much the model was told to think; '' if that was left to the service."""
    version: int = 1
    """What the digest covers: 2 is the whole request, 1 (of older rows) leaves out thinking and how the answer is streamed."""


@dataclass(frozen=True, slots=True)
class Replied:
    """One reply of the model. `content` is the provider's own JSON, verbatim (thought signatures and all)."""

    turn: int
    model: str
    content: str
    text: str
    calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    """`stop`, `length`, `safety`, `malformed`, `empty`: the provider's reason in our words."""
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    """How long the reply took, waits between attempts included."""
    money: float = 0.0
    """What it cost by the prices of the settings at that time, US dollars."""
    request: ModelRequest | None = None
    """What it replied to; None in rows from before this was kept."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """From here on models see less of what came before: all of the turns below `turn`, and the first `replies` replies of `turn`.
    Their outputs are left out, or, with a `summary`, everything about them but the turn's question."""

    turn: int
    replies: int
    summary: str = ""
    model: str = ""
    """The model that wrote the summary."""
    target_tokens: int = 0
    """What the conversation was to fit in; 0 in rows from before this was kept."""
    output_chars: int = 0
    """What one output was allowed to show then."""
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    money: float = 0.0


@dataclass(frozen=True, slots=True)
class Cleared:
    """From here on models see nothing of the turns up to `turn`: a person wanted them to be forgotten."""

    turn: int
    user_id: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """The call's rehearsal recorded writes; they are now a change. The call's answer follows when it is decided."""

    turn: int
    call_id: str
    change_id: int
    result: ToolResult
    """The rehearsal's own output."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The one answer of a call."""

    turn: int
    call_id: str
    result: ToolResult
    decided: Decided | None = None
    """Of the change that the answer tells of, if it does."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over. `text` is what the thread is told (empty if the last reply or output says it all)."""

    turn: int
    reason: str
    """`answered`, `stopped`, `waiting`, `limit`, `failed`, `no_model`"""
    text: str = ""
    seconds: float = 0.0
    """How long a model had been at work on a reply that was cut off by this end."""


Entry = Asked | Happened | Replied | Compacted | Cleared | Proposed | Answered | Ended
