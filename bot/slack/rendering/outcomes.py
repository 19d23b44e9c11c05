"""What became of a change, in words for its card: the headline of each state and what a person must know or do next. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from bot.changes import refusals
from bot.changes.change import Change, Send, SendState, State
from bot.changes.executing import how_to_look
from bot.slack import limits
from bot.slack.rendering.blocks import Block, bullets, line, preformatted, words
from bot.slack.rendering.differences import DESTRUCTIVE, name_write
from bot.slack.rendering.execs import list_outputs
from bot.slack.rendering.text import escape, flatten, mention, say_when
from bot.values.requests import RecordedWrite, RefusedRequest
from bot.values.tool_use import read_use

_NOT_SENT = 2
_URGENCY = {SendState.REFUSED: 1, SendState.PENDING: _NOT_SENT, SendState.LANDED: 3}
"""Of writes in a list: what is left out here comes before all."""
_BLUE, _GREEN, _WHITE, _RED, _PURPLE = "🔵", "🟢", "⚪", "🔴", "🟣"


def choose_mark(change: Change, is_lapsed: bool) -> str:
    """The severity mark of the card: red asks for more care than orange."""
    if change.state is State.PROPOSED:
        if is_lapsed:
            return _WHITE
        is_severe = any(diff.action in DESTRUCTIVE for diff in change.diffs) or not all(w.has_preview for w in change.writes)
        return "🔴" if is_severe else "🟠"
    return {
        State.APPROVED: _BLUE,
        State.REPLAYING: _BLUE,
        State.DONE: _GREEN,
        State.FAILED: _RED,
        State.PARTIAL: _RED,
        State.UNKNOWN: _PURPLE,
    }.get(change.state, _WHITE)


def describe_state(change: Change, is_lapsed: bool, successor_link: str = "", seen_at: float | None = None) -> str:
    """The headline after `Change 42`, as mrkdwn: `done · approved by @approver at 14:03 · 1 write`. Empty while it is open. It is read
    at `seen_at`, or where the card stands, among messages of the day on which it was asked for."""
    seen_at = change.created_at if seen_at is None else seen_at
    by = f"by {mention(change.decided_by)} {say_when(change.decided_at, seen_at)}" if change.decided_by else ""
    decided = f"approved {by}".rstrip()
    lapsed = f"lapsed {say_when(change.expires_at, seen_at)}"
    unit = "command" if change.writes and all(write.connect is not None for write in change.writes) else "write"
    writes = f"{len(change.writes)} {unit}{'' if len(change.writes) == 1 else 's'}"
    landed = sum(send.state is SendState.LANDED for send in change.sends)
    if change.is_shown_only:
        return "only shown, it cannot be approved here"
    match change.state:
        case State.PROPOSED:
            return lapsed if is_lapsed else ""
        case State.APPROVED:
            return f"{decided} · about to be applied"
        case State.REPLAYING:
            return f"{decided} · being applied, {landed} of {writes} in"
        case State.DONE:
            return f"done · {decided} · {writes}"
        case State.DENIED:
            did = "withdrawn" if change.decided_by == change.asked_by else "denied"
            return f"{did} {by}" if change.decided_by else "held back"
        case State.EXPIRED:
            return f"lapsed, not carried out in time · {decided}" if change.decided_by else f"{lapsed} · nobody decided in time"
        case State.SUPERSEDED:
            return f"superseded by {_name_successor(change, successor_link)}"
        case State.FAILED:
            return f"failed, nothing was changed · {decided}"
        case State.PARTIAL:
            return f"partly applied, {landed} of {writes} in · {decided}"
        case State.UNKNOWN:
            return f"outcome unknown, check it by hand · {decided}"
        case State.UNDONE:
            by = f" by Change {change.undone_by}" if change.undone_by is not None else ""
            return f"done and undone{by} · {decided}"


def _name_successor(change: Change, link: str) -> str:
    if change.superseded_by is None:
        return "a fresh card below"
    name = f"Change {change.superseded_by}"
    return f"<{escape(link)}|{name}>" if link else f"{name} below"


def describe_outcome(change: Change) -> list[Block]:
    """Rich text elements below the diff: the reason, what is in and what is not, what to check by hand, the rollout."""
    elements: list[Block] = []
    if change.reason and change.state is not State.EXPIRED:  # of a lapsed change the headline says it
        said = "Reason: " if change.state is State.DENIED else ""
        elements.append(line(words(f"{said}{flatten(change.reason, limits.SENTENCE_CHARS)}")))
    if tells_each_write(change):
        elements += _list_writes(change)
    if change.state is State.UNKNOWN:
        elements += _say_what_to_check(change)
    elements += list_outputs(change)
    if change.rollout:
        elements.append(line(words(_mark_rollout(change)), words(flatten(change.rollout, limits.SENTENCE_CHARS))))
    return elements


def _mark_rollout(change: Change) -> str:
    return "Rollout: " if change.rollout_settled else "⏳ Rollout: "


def tells_each_write(change: Change) -> bool:
    """Whether what became of each write has to be told, because it is not the same for all or not known. Not when they are forgotten."""
    return bool(change.writes) and change.state in {State.PARTIAL, State.FAILED, State.UNKNOWN}


def _list_writes(change: Change) -> list[Block]:
    """What is unknown or refused comes first: it must not be left out where there is no room for all."""
    sends = {send.position: send for send in change.sends}
    places = sorted(range(len(change.writes)), key=lambda at: _URGENCY.get(sends[at].state, 0) if at in sends else _NOT_SENT)
    return _list_some([describe_send(name_write(change, at), sends.get(at)) for at in places])


def describe_send(name: str, send: Send | None, most: int = limits.SENTENCE_CHARS) -> str:
    """What became of one write; `most` characters of what the server said."""
    if send is None or send.state is SendState.PENDING:
        return f"✗ not in: {name} (was not sent)"
    match send.state:
        case SendState.LANDED:
            return f"✓ in: {name}"
        case SendState.REFUSED:
            why = flatten(send.message, most) or f"HTTP {send.status}"
            return f"✗ not in: {name}: {why}"
        case _:
            return f"? unknown: {name} was sent, its answer was lost"


def _say_what_to_check(change: Change) -> list[Block]:
    """The commands that tell what the cluster has now."""
    doubtful = [send.position for send in change.sends if send.state in {SendState.SENT, SendState.UNKNOWN}]
    writes = [change.writes[at] for at in doubtful if at < len(change.writes)] or list(change.writes)
    commands = list(dict.fromkeys(write_check(write) for write in writes))
    if not commands:  # the requests are forgotten by now
        return [line(words("Compare the cluster with the diff above before anything is tried again."))]
    shown = _take_some(commands)
    if len(shown) < len(commands):
        shown.append(f"# … {len(commands) - len(shown)} more")
    return [line(words("Compare with the diff above before anything is tried again:")), *preformatted("\n".join(shown))]


def write_check(write: RecordedWrite) -> str:
    """The kubectl command that shows the object of a write; of an exec, what its container said."""
    info = write.info
    if (use := read_use(write)) is not None:
        return f"# look at what {use.server} shows of the call of {use.tool}"
    if write.connect is not None:
        return how_to_look(write)
    if not info.is_resource:
        return f"kubectl get --raw {shlex.quote(info.path)}"
    resource = f"{info.resource}.{info.group}" if info.group else info.resource
    scope = f"-n {shlex.quote(info.namespace)} " if info.namespace else ""
    name = f" {shlex.quote(info.name)}" if info.name else ""
    return f"kubectl {scope}get {shlex.quote(resource)}{name} -o yaml"


def list_refused(refused: Sequence[RefusedRequest]) -> list[Block]:
    """What of the command is no part of the change. It has a place of its own: no number of notes and impact lines crowds it out."""
    if not refused:
        return []
    most = limits.SENTENCE_CHARS if len(refused) == 1 else limits.SENTENCE_CHARS // 2
    first, *others = [flatten(text, most) for text in refusals.lines(refused, limits.CARD_REFUSED)]
    head = line(words(f"⚠️ {first}"))
    return [head, bullets(*(line(words(text)) for text in others))] if others else [head]


def _list_some(lines: Sequence[str]) -> list[Block]:
    if not lines:
        return []
    shown = _take_some(lines)
    if len(shown) < len(lines):
        shown.append(f"… {len(lines) - len(shown)} more, see Details")
    return [bullets(*(line(words(text)) for text in shown))]


def _take_some(lines: Sequence[str]) -> list[str]:
    """The first lines, within what a card has room for; at least one."""
    shown = list(lines[:1])
    room = limits.CARD_LIST_CHARS - len(lines[0])
    for text in lines[1 : limits.CARD_LINES]:
        room -= len(text)
        if room < 0:
            break
        shown.append(text)
    return shown


def list_sentences(sentences: Sequence[str]) -> list[Block]:
    """Impact lines and notes, one bullet each; the same sentence once."""
    told = list(dict.fromkeys(sentence for sentence in sentences if sentence.strip()))
    shown = [flatten(sentence, limits.SENTENCE_CHARS) for sentence in told[: limits.CARD_LINES]]
    return _list_some([*shown, *told[limits.CARD_LINES :]])  # the others are only counted
