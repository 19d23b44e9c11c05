"""What a message asks for, by its words alone, and the fixed texts of the bot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from bot.values.transcript import Mode


@dataclass(frozen=True, slots=True)
class FreezeOrder:
    """`freeze …` or `unfreeze …`: `words` is what follows."""

    is_lift: bool
    words: str


class Verb(StrEnum):
    """What a person does with a change by words."""

    APPROVE = "approve"
    DENY = "deny"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """`approve <id>`, `deny <id> why` or `undo <id>`; or an attempt at one, which does nothing."""

    verb: Verb
    change_id: int
    """0: it does not name exactly one change."""
    words: str

    @property
    def is_clear(self) -> bool:
        return self.change_id > 0


class Word(StrEnum):
    """A word that steers the bot instead of asking something."""

    STOP = "stop"
    STATUS = "status"
    HELP = "help"
    CLEAR = "clear"
    TOOLS = "tools"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Request:
    """Something to answer: `text` without the code marks around it."""

    mode: Mode
    text: str


HELP_TEXT = """\
Ask me about the cluster, or run a command line:
• a question: `why is the shop down?`
• a command line: `kubectl get pods`, or `!` and any shell line: `! kubectl get pods | grep -v Running`
• `triage` or `triage <namespace>`: what is unhealthy, why, since when
• `stop` ends what I am doing, `status` says what is open
• `approve 42`, `deny 42 why` and `undo 42` in the thread of a change do what its buttons do
• `model` shows the models, `model <name>` chooses one for the thread; `tools` lists what I can use
• `clear` lets the model forget what came before in the thread, `export` puts the thread into a file
• `quiet` in a thread: I answer only when mentioned; `quiet off` ends that (`/kubectl-ai quiet` does it for a channel)
• `freeze [cluster] [for 2h] reason` lets nothing be applied until `unfreeze [cluster]` (for approvers; mention me or use `/kubectl-ai`)

In a thread I am already in, you need not mention me. On any message, the shortcut “Investigate with kubectl-ai” makes me look into it.
`/kubectl-ai` also knows `status`, `threads`, `changes`, `stop`, `model`, `tools` and `doctor`, for your eyes only.
Whatever a command would change is shown first; it happens only when somebody approves it."""

_FENCED = re.compile(r"\A```(?:(?:bash|sh|shell|console)?\n)?(.*?)\n?```\Z", re.DOTALL)
_QUOTED = re.compile(r"\A`([^`]+)`\Z")
_ORDER = re.compile(r"(?P<verb>approve|deny|undo)\s+(?:change\s+)?#?(?P<id>\d{1,18})\b[:,]?(?P<words>.*)", re.IGNORECASE | re.DOTALL)
_NAMELESS = re.compile(r"(?P<verb>approve|deny|undo)(?:\s+(?:it|this|that|both|all|the\s+change|please|now))*[.!]*", re.IGNORECASE)
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def read_freeze(text: str) -> FreezeOrder | None:
    """The order to freeze or unfreeze in a message that speaks to the bot; None if it is something else."""
    first, _, rest = _plain(text).partition(" ")
    word = first.rstrip(".!:").lower()
    return FreezeOrder(word == "unfreeze", rest.strip()) if word in ("freeze", "unfreeze") else None


def read_quiet(text: str) -> bool | None:
    """`quiet` (True), `quiet off` (False), or None if it is something else."""
    words = " ".join(_plain(text).lower().rstrip(".! ").split())
    return {"quiet": True, "quiet on": True, "quiet off": False, "unquiet": False}.get(words)


def read_model(text: str) -> str | None:
    """The model that is asked for: a name, '' for `model` alone; None if it is something else."""
    words = text.replace("\N{NO-BREAK SPACE}", " ").replace("`", " ").split()
    if not words or words[0].rstrip(".!?:").lower() not in ("model", "models") or len(words) > 2:
        return None
    return words[1] if len(words) == 2 else ""


def read_order(text: str) -> ChangeOrder | None:
    """What a message does with a change: `approve 42`, `deny 42 too many`, `undo 42`. One that names no change, or says more than the
    number of the one to approve or to undo, is an order that is not clear: nobody shall approve more or less than they wrote. None if it
    is something else."""
    plain = _plain(text)
    if (found := _ORDER.fullmatch(plain)) is not None:
        verb, words = Verb(found["verb"].lower()), found["words"].strip()
        is_clear = verb is Verb.DENY or not words.strip(" .!")
        return ChangeOrder(verb, int(found["id"]) if is_clear else 0, words)
    nameless = _NAMELESS.fullmatch(plain)
    return ChangeOrder(Verb(nameless["verb"].lower()), 0, "") if nameless is not None else None


def is_heard_when_quiet(text: str) -> bool:
    """What is obeyed in a quiet place without a mention."""
    order = read_order(text)
    return read_quiet(text) is not None or (order is not None and order.is_clear) or read(text) is Word.STOP


def read_word(text: str) -> str:
    """The text as one word that may steer the bot, whatever marks are around it."""
    return _plain(text).rstrip(".!? ").lower()


def read(text: str) -> Word | Request:
    """What the message asks for. Slack's no-break spaces count as spaces."""
    plain = text.replace("\N{NO-BREAK SPACE}", " ").strip()
    word = read_word(text)
    if not plain or plain == "!":
        return Word.HELP
    if word in set(Word):
        return Word(word)
    if word == "reset":  # as kubectl-ai says it
        return Word.CLEAR
    line = _without_marks(plain)
    if line.startswith("!") and line[1:].strip():
        return Request(Mode.COMMAND, line)
    if line.split(maxsplit=1)[:1] == ["kubectl"]:
        return Request(Mode.COMMAND, line)
    words = line.lower().split()
    if words[:1] == ["triage"] and (len(words) == 1 or (len(words) == 2 and _NAMESPACE.fullmatch(words[1]))):
        return Request(Mode.TRIAGE, " ".join(words))
    return Request(Mode.QUESTION, plain)


def is_for_somebody_else(text: str) -> bool:
    """Whether a message in a thread speaks to another person: it begins with a mention."""
    return text.lstrip().startswith(("<@", "@"))


def _plain(text: str) -> str:
    """The words alone: people copy what the help shows, which comes as code."""
    return _without_marks(text.replace("\N{NO-BREAK SPACE}", " ").strip())


def _without_marks(text: str) -> str:
    found = _FENCED.match(text) or _QUOTED.match(text)
    return found.group(1).strip() if found else text
