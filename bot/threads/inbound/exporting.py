"""`export`: the thread as one Markdown file, in the thread. Credentials in outputs were replaced before they were stored."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bot.agent import calls as calls_
from bot.agent import observation
from bot.agent.loop import successor_of
from bot.changes import refusals
from bot.changes.change import Change, FieldDiff
from bot.errors import SurfaceError, SurfaceUnavailableError
from bot.threads.progress import by_turn
from bot.threads.stores import Thread, load_history
from bot.threads.world import World
from bot.values.transcript import Answered, Asked, Cleared, Compacted, Ended, Entry, Happened, Proposed, Replied, ToolResult

_HEAD_CHARS = 4_000
"""Of one output."""
_VALUE_CHARS = 300
_TICKS = re.compile(r"`+")


async def export(world: World, thread: Thread, key: str) -> None:
    """Raises SurfaceUnavailableError if the file could not be put there: export again later."""
    entries, changes = await load_history(world.stores, thread.id)
    text = render(thread, entries, changes, await _find_names(world, entries, changes.values()), world.clock())
    name = f"{re.sub(r'[^a-z0-9]+', '-', key.lower()).strip('-')}.md"
    try:
        await world.surface.share_file(thread, key, name, "This thread as Markdown", text)
    except SurfaceUnavailableError:
        raise
    except SurfaceError as exc:
        await world.surface.show_text(thread, key, f"The file with this thread could not be added: {exc}")


async def _find_names(world: World, entries: Iterable[Entry], changes: Iterable[Change]) -> dict[str, str]:
    """Names of everybody who takes part, by user id; those that the chat does not know now are left out."""
    ids = {entry.user_id for entry in entries if isinstance(entry, Asked | Cleared)}
    ids |= {user_id for change in changes for user_id in (change.asked_by, change.decided_by)}

    async def find(user_id: str) -> tuple[str, str]:
        try:
            return user_id, (await world.surface.person(user_id)).name
        except SurfaceError:
            return user_id, ""

    return {user_id: name for user_id, name in await asyncio.gather(*map(find, sorted(ids - {""}))) if name}


def render(thread: Thread, entries: Sequence[Entry], changes: Mapping[int, Change], names: Mapping[str, str], now: float) -> str:
    """The file: what was asked, run, proposed, decided and answered, in order. `now` is epoch seconds."""
    parts = [
        "# kubectl-ai: a thread",
        f"Cluster {thread.cluster}, namespace {thread.namespace}. Thread `{thread.id}`, as of {_time(now)}.",
    ]
    for turn, own in by_turn(entries).items():
        commands = {call.id: calls_.shown(call) for call in calls_.of_turn(entries, turn)}
        for entry in own:
            parts += _render(entry, commands, changes, names)
    return "\n\n".join(parts) + "\n"


def _render(entry: Entry, commands: Mapping[str, str], changes: Mapping[int, Change], names: Mapping[str, str]) -> list[str]:
    match entry:
        case Asked():
            return [f"## {entry.turn}. {_who(entry.user_id, names)} wrote", _quote(entry.text)]
        case Happened():
            return [f"## {entry.turn}. Afterwards", _quote(entry.text)]
        case Replied() if entry.text.strip():
            return [f"**{entry.model}:**", observation.clean(entry.text).strip()]
        case Proposed():
            return _render_changes(changes, entry.change_id, names)
        case Answered():
            return _render_result(commands.get(entry.call_id, ""), entry.result)
        case Cleared():
            return [f"*{_who(entry.user_id, names)} let the model forget everything before this.*"]
        case Compacted() if entry.summary:
            return ["*Summary that the model goes on with:*", _quote(entry.summary)]
        case Ended() if entry.text:
            return [f"*{observation.clean(entry.text)}*"]
    return []


def _render_result(command: str, result: ToolResult) -> list[str]:
    facts = [result.status, f"exit code {result.exit_code}" if result.exit_code is not None else "", f"{result.seconds:.1f} s"]
    parts = [_code(command or result.command), ", ".join(fact for fact in facts if fact) + "."]
    parts += [f"{observation.clean(result.note)}"] if result.note else []
    parts += [
        f"{name}:\n\n{_code(observation.bound(text, _HEAD_CHARS, ''))}"
        for name, text in (("Output", result.stdout), ("Errors", result.stderr))
        if text.strip()
    ]
    return parts


def _render_changes(changes: Mapping[int, Change], change_id: int, names: Mapping[str, str]) -> list[str]:
    """The change and those that took its place."""
    parts = []
    change: Change | None = changes[change_id]
    last = successor_of(changes, change_id)
    while change is not None:
        parts += _render_change(change, names)
        change = changes.get(change.superseded_by) if change.superseded_by is not None and change is not last else None
    return parts


def _render_change(change: Change, names: Mapping[str, str]) -> list[str]:
    lines = [f"- proposed at {_time(change.created_at)}, digest `{change.digest}`"]
    if change.decided_by:
        lines.append(f"- decided by {_who(change.decided_by, names)} at {_time(change.decided_at)}")
    refused = refusals.lines(change.refused, len(change.refused))
    lines += [f"- {observation.clean(text)}" for text in (change.reason, change.rollout, *refused, *change.impact) if text]
    lines += [f"- write {send.position + 1}: {send.state}{f' – {send.message}' if send.message else ''}" for send in change.sends]
    shown = "\n".join(line for diff in change.diffs for line in (f"{diff.action} {diff.title}", *map(_field, diff.fields), *diff.notes))
    return [f"### Change {change.id}: {change.state}", _code(change.command), "\n".join(lines), _code(shown)]


def _field(field: FieldDiff) -> str:
    return f"  {field.path}: {_value(field.old)} → {_value(field.new)}"


def _value(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _VALUE_CHARS else f"{text[:_VALUE_CHARS]}…"


def _who(user_id: str, names: Mapping[str, str]) -> str:
    return f"{observation.clean(names[user_id])} ({user_id})" if user_id in names else user_id


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in observation.clean(text).strip().split("\n"))


def _code(text: str) -> str:
    """The text in a fence that it cannot end."""
    plain = observation.clean(text).strip("\n")
    longest = max((len(ticks) for ticks in _TICKS.findall(plain)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{plain}\n{fence}"
