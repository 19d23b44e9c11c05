"""`kubectl-ai-slack replay THREAD [TURN]`: a recorded thread again, row by row and byte by byte, without network (for bug reports).

Each row must follow from the rows before it: the step it came from, the texts that are the bot's own, the request that a model was sent,
and what the model's adapter made of the reply. It only reads the database, so a bot may work on it meanwhile. `--save` puts the rows into
a file that can be handed on, and `--from` goes through that file instead of the database.
"""

# ruff: noqa: T201 – what it prints is its output

from __future__ import annotations

import argparse
import asyncio
import difflib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot import log
from bot import settings as settings_
from bot.agent import findings, retracing
from bot.agent.findings import Finding, Verdict
from bot.agent.models import playback, requests
from bot.agent.ports import ModelReply
from bot.changes.change import Change
from bot.errors import BotError, ConfigError
from bot.local.surface import TEAM
from bot.local.world import STATE, address_of
from bot.settings import LogSettings, Settings, StoreSettings
from bot.store import thread_files
from bot.store.opening import open_to_read
from bot.store.thread_files import ThreadRows
from bot.threads.stores import load_history
from bot.values.transcript import Entry, ModelRequest, Replied

EQUAL, DIFFERENT, NOT_DONE = 0, 1, 2

_LISTED = 8
"""Numbers of rows that a sentence names; the rest is counted."""


def main(argv: Sequence[str]) -> int:
    """Runs the subcommand. Exit codes: 0 all that can be compared is equal, 1 something differs, 2 it could not be done."""
    log.configure(LogSettings(level="error"))
    options = _parse(argv)
    os.environ["no_proxy"] = "*"  # replies are played on loopback; a proxy of the environment has no part in that
    try:
        return asyncio.run(_run(options))
    except BotError as exc:
        print(f"replay: {exc}", file=sys.stderr)
        return NOT_DONE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads it has seen enough; Python would complain again when it flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_DONE


async def _run(options: _Options) -> int:
    if options.source is not None:  # no settings are needed for that
        return await go_through(_read_file(options.source), options.turn, show_requests=options.shows_requests)
    settings = _load_settings(options)
    if options.target is not None:
        return await save(settings, options.thread, options.target)
    return await run(settings, options.thread, options.turn, show_requests=options.shows_requests)


def _load_settings(options: _Options) -> Settings:
    """The bot's; of a thread of `chat` or of an MCP client, those of this machine's own database."""
    if options.thread.startswith(f"{TEAM}:"):
        return Settings(store=StoreSettings(url=address_of(options.state)))
    return settings_.load(options.config)


async def run(settings: Settings, thread_id: str, turn: int | None, *, show_requests: bool) -> int:
    """Goes through a thread of the database. Raises ConfigError if there is no such thread or turn."""
    return await go_through(await _read_database(settings, thread_id), turn, show_requests=show_requests)


async def save(settings: Settings, thread_id: str, path: Path) -> int:
    """Puts the thread's rows into a new file, for its owner alone. Raises ConfigError if there is no such thread, or already a file."""
    rows = await _read_database(settings, thread_id)
    try:
        _make_file(path, thread_files.dump(rows))
    except OSError as exc:
        raise ConfigError(f"Cannot make the file {path}: {exc.strerror}; name another with --save.") from exc
    print(f"{path} holds thread {rows.thread_id}: rows {len(rows.entries)}, changes {len(rows.changes)}.")
    print("What people wrote and what commands printed is in it: look through it before you hand it on.")
    return EQUAL


def _make_file(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


async def _read_database(settings: Settings, thread_id: str) -> ThreadRows:
    async with open_to_read(settings.store) as stores:
        if await stores.threads.get(thread_id) is None:
            raise ConfigError(f"There is no thread {thread_id} in this database; name it as `export` shows it, for example T1:C1:100.1.")
        entries, changes = await load_history(stores, thread_id)
        return ThreadRows(thread_id, entries, tuple(changes.values()))


def _read_file(path: Path) -> ThreadRows:
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"Cannot read the file {path}: {exc.strerror}.") from exc
    return thread_files.load(data)


async def go_through(rows: ThreadRows, turn: int | None, *, show_requests: bool) -> int:
    """Goes through the thread, or one turn of it, up to the first difference. Raises ConfigError if there is no such turn."""
    entries, changes = rows.entries, {change.id: change for change in rows.changes}
    places = [place for place, entry in enumerate(entries) if turn is None or entry.turn == turn]
    if not places:
        raise ConfigError(
            f"Thread {rows.thread_id} has no turn {turn}." if turn is not None else f"Thread {rows.thread_id} has no rows yet."
        )
    told: dict[str, list[int]] = {}
    is_equal = True
    for place in places:
        finding, request = await _compare(entries, changes, place)
        _show(place + 1, entries[place], finding)
        if show_requests and request is not None:
            print(json.dumps(request, indent=2, ensure_ascii=False))
        if finding.verdict is Verdict.DIFFERS:
            is_equal = False
            break
        if finding.note:
            told.setdefault(finding.note, []).append(place + 1)
    _show_limits(told)
    return EQUAL if is_equal else DIFFERENT


async def _compare(entries: Sequence[Entry], changes: Mapping[int, Change], place: int) -> tuple[Finding, dict[str, Any] | None]:
    """The finding about an entry, and the request that it replies to, if it is a reply."""
    entry, finding = entries[place], retracing.check(entries, changes, place)
    if not isinstance(entry, Replied) or finding.verdict is Verdict.DIFFERS:
        return finding, None
    played = await playback.play(entry, entries[:place])
    if played is None or entry.request is None:
        return findings.UNTOLD_REQUEST, None
    if played.digest != entry.request.digest:
        note = "The request is not the one that the model was sent: a row before this one, or what requests are made of, is another now."
        return Finding(Verdict.DIFFERS, note, played.digest, entry.request.digest), played.request
    if not isinstance(played.reply, ModelReply):
        return Finding(Verdict.DIFFERS, f"The reply cannot be read any more: {played.reply}"), played.request
    return _compare_reply(entry, entry.request, played.reply), played.request


def _compare_reply(recorded: Replied, request: ModelRequest, played: ModelReply) -> Finding:
    """The digest tells of what a reply holds only for the service, such as a signature or the count of its tokens."""
    finding = findings.compare(_row(recorded, played), recorded, findings.TIMED)
    if finding.verdict is Verdict.DIFFERS or requests.digest_of_reply(played) == request.reply_digest:
        return finding
    note = "The reply is not the one that came: its signatures or its counts of tokens are others now."
    return Finding(Verdict.DIFFERS, note, requests.digest_of_reply(played), request.reply_digest)


def _row(recorded: Replied, played: ModelReply) -> Replied:
    """The recorded row with what the adapter read now."""
    return replace(
        recorded,
        model=played.model,
        content=played.content,
        text=played.text,
        calls=played.calls,
        finish=played.finish,
        input_tokens=played.input_tokens,
        output_tokens=played.output_tokens,
    )


def _show(number: int, entry: Entry, finding: Finding) -> None:
    note = f"  {finding.note}" if finding.note and finding.verdict is Verdict.DIFFERS else ""
    print(f"{number} {type(entry).__name__.lower()}  {finding.verdict}{note}")
    if finding.expected or finding.found:
        expected, found = finding.expected.splitlines(), finding.found.splitlines()
        for line in difflib.unified_diff(expected, found, "computed again", "recorded", lineterm="", n=1):
            print(f"    {line}")


def _show_limits(told: Mapping[str, Sequence[int]]) -> None:
    """What of the rows before could not be compared, and why: one sentence for each kind, with the numbers of its rows."""
    if told:
        print("\nnot compared:")
    for note, numbers in told.items():
        print(f"  {note} ({_list(numbers)})")


def _list(numbers: Sequence[int]) -> str:
    """`row 3`, `rows 3, 5 and 9 more`"""
    shown = ", ".join(map(str, numbers[:_LISTED]))
    more = f" and {len(numbers) - _LISTED} more" if len(numbers) > _LISTED else ""
    return f"row{'s' if len(numbers) > 1 else ''} {shown}{more}"


@dataclass(frozen=True, slots=True)
class _Options:
    thread: str
    turn: int | None
    source: Path | None
    target: Path | None
    shows_requests: bool
    config: Path | None
    state: Path


def _parse(argv: Sequence[str]) -> _Options:
    parser = argparse.ArgumentParser(
        prog="kubectl-ai-slack replay",
        usage="%(prog)s [options] THREAD [TURN] | THREAD --save FILE | --from FILE [TURN]",
        description="Goes through a recorded thread again and shows whether each row is the same.",
    )
    parser.add_argument("words", nargs="*", metavar="THREAD TURN", help="id of the thread (T1:C1:100.1); number of the turn (default: all)")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--save", type=Path, metavar="FILE", help="put the thread's rows into this file, for a bug report")
    either.add_argument("--from", type=Path, metavar="FILE", dest="source", help="go through the rows of such a file; needs no database")
    parser.add_argument("--requests", action="store_true", help="print each request as the model saw it, JSON")
    parser.add_argument("--config", type=Path, default=settings_.default_path(), help="the settings file (YAML)")
    parser.add_argument("--state", type=Path, default=STATE, help=f"folder of the database of threads of `chat` (default: {STATE})")
    given = parser.parse_args(argv)
    thread, turns = ("", given.words) if given.source else (given.words[0] if given.words else "", given.words[1:])
    if not (thread or given.source):
        parser.error("name a thread, or a file with --from")
    if len(turns) > 1 or not all(turn.isdecimal() for turn in turns):
        parser.error("a turn is one number" + (", and --from knows its thread" if given.source else ""))
    if turns and given.save:
        parser.error("--save takes the whole thread")
    return _Options(thread, int(turns[0]) if turns else None, given.source, given.save, given.requests, given.config, given.state)
