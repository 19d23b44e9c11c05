"""What can come in from the chat, as values. The Slack adapter makes them; the inbox stores them."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A person's message that concerns the bot: a mention, a direct message, or a message in a thread.
    Whether a thread message without a mention is for the bot is decided by whether the thread is known."""

    team_id: str
    channel_id: str
    user_id: str
    ts: str
    thread_ts: str
    """The thread it belongs to; its own ts if it is a top-level message."""
    text: str
    """Plain text: the bot's mention removed, Slack's escapes undone."""
    is_mention: bool
    is_direct: bool
    is_external: bool = False
    """Sent from another workspace, or in a channel that is shared with one."""
    has_files: bool = False
    """Something is attached."""


@dataclass(frozen=True, slots=True)
class Command:
    """`/kubectl-ai …`"""

    team_id: str
    channel_id: str
    user_id: str
    text: str
    is_external: bool = False
    is_direct: bool = False
    """Written in direct messages."""


@dataclass(frozen=True, slots=True)
class Click:
    """A press of a button: `approve`, `deny`, `details`, `edit`, `undo` (with change and digest), `stop`, `continue` (with thread).
    In the App Home it names no conversation: channel and timestamps are empty."""

    team_id: str
    channel_id: str
    user_id: str
    action: str
    thread_ts: str
    message_ts: str
    trigger_id: str
    change_id: int = 0
    digest: str = ""
    is_external: bool = False
    is_home: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """The submitted modal that denies a change."""

    team_id: str
    user_id: str
    change_id: int
    digest: str
    text: str
    is_external: bool = False
    is_home: bool = False
    """Its window was opened from the App Home."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The submitted modal that edits the command line of a change."""

    team_id: str
    user_id: str
    change_id: int
    digest: str
    command: str
    submission: str
    """The same for every redelivery."""
    is_external: bool = False


@dataclass(frozen=True, slots=True)
class Glance:
    """A look at a whole text in a window: opened from a message (`trigger_id`), turned or filtered in the window (`view_id`)."""

    team_id: str
    user_id: str
    thread_id: str
    key: str
    """The text: `answer:3` of turn 3, `step:3:2` for the output of its second command (counted from 0)."""
    page: int = 0
    words: str = ""
    """Only lines that hold them."""
    trigger_id: str = ""
    view_id: str = ""
    is_external: bool = False


@dataclass(frozen=True, slots=True)
class Investigation:
    """The message shortcut, used on any message."""

    team_id: str
    channel_id: str
    user_id: str
    """Who used it, not who wrote the message."""
    message_ts: str
    thread_ts: str
    text: str
    action_ts: str
    is_external: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A person opened the app: its tab `home` or `messages`."""

    team_id: str
    user_id: str
    channel_id: str
    """Their direct messages with the app."""
    tab: str


Incoming = Message | Command | Click | Reason | Edit | Glance | Investigation | Opened

_KINDS: dict[str, type[Incoming]] = {
    "message": Message,
    "command": Command,
    "click": Click,
    "reason": Reason,
    "edit": Edit,
    "glance": Glance,
    "investigation": Investigation,
    "opened": Opened,
}


def to_json(incoming: Incoming) -> dict[str, object]:
    """A JSON object that `from_json` turns back into an equal value."""
    kind = next(kind for kind, cls in _KINDS.items() if isinstance(incoming, cls))
    return {"kind": kind, **asdict(incoming)}


def from_json(data: dict[str, object]) -> Incoming:
    """The inverse of `to_json`. Raises KeyError or TypeError for anything else."""
    fields = dict(data)
    return _KINDS[str(fields.pop("kind"))](**fields)  # type: ignore[arg-type]
