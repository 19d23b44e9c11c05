"""`kubectl-ai-slack approve`: a person decides in a terminal about a change that something else proposed on this machine."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bot import log
from bot import settings as settings_
from bot.changes.change import State
from bot.chat.conversation import Conversation
from bot.chat.deciding import AtThePrompt
from bot.chat.lines import read_line
from bot.chat.screen import Screen
from bot.chat.surface import TerminalSurface
from bot.errors import BotError, ConfigError
from bot.local.cluster import read_context
from bot.local.world import STATE, Place, open_world
from bot.settings import LogSettings
from bot.threads.stores import Stores
from bot.threads.world import World

OK, FAILED, NO_START, NOT_CHANGED, INTERRUPTED = 0, 1, 2, 3, 130


def main(argv: Sequence[str]) -> int:
    """Runs the subcommand. Exit codes: 0 applied (or listed), 1 it failed, 2 it could not start, 3 it was not applied."""
    log.configure(LogSettings(level="error"))
    options = _parser().parse_args(argv)
    screen = Screen(Console(), Console(stderr=True))
    try:
        return asyncio.run(_run(options, screen))
    except ConfigError as exc:
        screen.complain(f"approve: {exc}")
        return NO_START
    except BotError as exc:
        screen.complain(f"approve: {exc}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


async def _run(options: argparse.Namespace, screen: Screen) -> int:
    settings = settings_.load(options.config)
    place = Place(read_context(options.kubeconfig, options.context), options.state)

    def make_surface(stores: Stores) -> TerminalSurface:
        return TerminalSurface(screen, stores.threads, undo_seconds=settings.changes.undo_seconds)

    async with open_world(place, settings, make_surface) as world:
        return await (_list(world, screen) if options.id is None else _decide(world, screen, options.id))


async def _list(world: World, screen: Screen) -> int:
    waiting = [change for change in await world.stores.threads.open_changes(100) if change.cluster in world.clusters]
    for change in waiting:
        screen.show_answer("", f"{change.id}  {change.state}  {change.command}")
    if not waiting:
        screen.say(f"No change waits on {next(iter(world.clusters))}.")
    return OK


async def _decide(world: World, screen: Screen, change_id: int) -> int:
    change = await world.stores.changes.get(change_id)
    if change is None:
        raise ConfigError(f"There is no change {change_id} in this database; name its folder with --state.")
    if change.cluster not in world.clusters:
        raise ConfigError(f"Change {change_id} is for the cluster {change.cluster}; name that one with --kubeconfig and --context.")
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise ConfigError("A change is approved by a person in a terminal; run this in one.")
    thread = await world.stores.threads.get(change.thread_id)
    if thread is None:
        raise ConfigError(f"The conversation of change {change_id} is not in the database; restore it from a backup.")
    conversation = Conversation(world, thread, screen, AtThePrompt(screen, read_line))
    ended = await conversation.decide_about(change)
    await conversation.watch_rollouts()
    return OK if ended.state in (State.DONE, State.UNDONE) else NOT_CHANGED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl-ai-slack approve", description="Shows a change that was proposed on this machine, and asks whether to apply it."
    )
    parser.add_argument("id", nargs="?", type=int, help="number of the change (default: list those that wait)")
    parser.add_argument("--kubeconfig", default="", help="the cluster (default: KUBECONFIG, ~/.kube/config)")
    parser.add_argument("--context", default="", help="context in the kubeconfig (default: its current one)")
    parser.add_argument("--config", type=Path, default=settings_.default_path(), help="the settings file (YAML)")
    parser.add_argument("--state", type=Path, default=STATE, help=f"folder of the database (default: {STATE})")
    return parser
