"""The sub-commands of the slash command that ask how things are: their answers are for the one who asks."""

from __future__ import annotations

import asyncio
from enum import StrEnum

import structlog

from bot.agent.loop import active_turn
from bot.agent.tools import describe_tools
from bot.errors import BotError
from bot.threads.inbound import choosing, gate, home, requests
from bot.threads.inbound.gate import Refused
from bot.threads.inbound.incoming import Command
from bot.threads.inbound.overview import Overview
from bot.threads.inbound.wording import HELP_TEXT, read_model, read_order, read_word
from bot.threads.stores import Thread
from bot.threads.world import World
from bot.values.people import Person, ThreadKey

log = structlog.get_logger()

_MODEL_SECONDS = 10.0
_MOST_LOOKED_AT = 20
"""Threads of one person, the latest first."""


_AT_CARD = (
    "A change is decided in its thread, where all of it is shown: with its buttons or these words. The Home of kubectl-ai has a link to it."
)


class SubCommand(StrEnum):
    """A single word after the slash command."""

    HELP = "help"
    STATUS = "status"
    THREADS = "threads"
    STOP = "stop"
    CHANGES = "changes"
    MODEL = "model"
    TOOLS = "tools"
    DOCTOR = "doctor"


def read_sub_command(text: str) -> SubCommand | None:
    """The sub-command, if the text is nothing else."""
    word = read_word(text)
    if not word:
        return SubCommand.HELP
    return SubCommand(word) if word in set(SubCommand) else None


async def handle_command(world: World, key: str, command: Command) -> None:
    """Answers a sub-command; everything else is a question, a command line or an order. Raises SurfaceUnavailableError if the
    answer could not be shown: handle it again later."""
    model = read_model(command.text)
    word = SubCommand.MODEL if model == "" else read_sub_command(command.text)
    order = read_order(command.text)
    is_decision = order is not None and (order.is_clear or not order.words)
    if word is None and model is None and not is_decision:
        await requests.handle_command(world, key, command)
        return
    passed = await gate.check(world.surface, command.user_id, command.channel_id, is_external=command.is_external)
    if isinstance(passed, Refused):
        await world.surface.whisper(command.channel_id, "", command.user_id, passed.why)
        return
    if is_decision:
        await world.surface.whisper(command.channel_id, "", command.user_id, _AT_CARD)
        return
    if word is None:
        told = await _choose_model(world, key, command, model or "", passed.person)
        await world.surface.whisper(command.channel_id, "", command.user_id, told)
        return
    await _answer(world, command, word, passed.person)


async def _answer(world: World, command: Command, word: SubCommand, person: Person) -> None:
    if word is SubCommand.HELP:
        await world.surface.whisper(command.channel_id, "", command.user_id, HELP_TEXT)
    elif word is SubCommand.STOP:
        await world.surface.whisper(command.channel_id, "", command.user_id, await _stop(world, command))
    elif word is SubCommand.MODEL:
        thread = await _latest_thread(world, command)
        told = choosing.describe(world, thread, "in use in your latest thread here")
        await world.surface.whisper(command.channel_id, "", command.user_id, told)
    elif word is SubCommand.TOOLS:
        await world.surface.whisper(command.channel_id, "", command.user_id, describe_tools(world.tools))
    else:
        await world.surface.whisper_overview(command.channel_id, command.user_id, await _look(world, word, person))


async def _look(world: World, word: SubCommand, person: Person) -> Overview:
    now, undo_seconds = world.clock(), world.settings.changes.undo_seconds
    match word:
        case SubCommand.THREADS:
            return Overview(now, threads=await home.gather_threads(world, person))
        case SubCommand.CHANGES:
            deciding, waiting = await home.gather_open(world, person)
            recent = await home.gather_recent(world, person)
            return Overview(now, undo_seconds, deciding=deciding, waiting=waiting, recent=recent)
        case SubCommand.DOCTOR:
            return Overview(
                now, clusters=await home.check_clusters(world), models=home.name_models(world), problems=await _find_problems(world)
            )
        case _:
            deciding, waiting = await home.gather_open(world, person)
            threads = tuple(line for line in await home.gather_threads(world, person) if line.state != "idle")
            freezes, clusters = await home.gather_freezes(world), await home.check_clusters(world)
            return Overview(now, deciding=deciding, waiting=waiting, threads=threads, only_busy=True, freezes=freezes, clusters=clusters)


async def _find_problems(world: World) -> tuple[str, ...]:
    """What a start of the bot would complain about, as far as it can be asked from here."""
    problems = list(await world.surface.find_problems())
    for model in world.all_models:
        try:
            async with asyncio.timeout(_MODEL_SECONDS):
                await model.check()
        except TimeoutError:
            problems.append(f"The model {model.name} did not answer within {_MODEL_SECONDS:.0f} s; check the network.")
        except BotError as exc:
            problems.append(str(exc))
    if not world.models:
        problems.append("No model is set: only command lines and `triage` are answered. Set GEMINI_API_KEY.")
    if not world.settings.changes.approvers:
        problems.append("Nobody can approve changes: name users or user groups in `changes.approvers`.")
    return tuple(problems)


async def _choose_model(world: World, key: str, command: Command, name: str, person: Person) -> str:
    """Chooses it for this person's latest thread in this channel: Slack does not tell in which thread a slash command was written."""
    thread = await _latest_thread(world, command)
    if thread is None:
        return f"You have no thread in this channel yet. Write `model {name}` in the thread that it is for, mentioning me."
    why_not = await choosing.choose(world, thread, name, person.name or command.user_id, f"model:{key}")
    return why_not or "Your latest thread in this channel has that model now, and says so. In another thread, write `model <name>` there."


async def _latest_thread(world: World, command: Command) -> Thread | None:
    for thread_id, _ in await world.stores.threads.recent(command.user_id, _MOST_LOOKED_AT):
        if ThreadKey.of(thread_id).channel_id == command.channel_id:
            return await world.stores.threads.get(thread_id)
    return None


async def _stop(world: World, command: Command) -> str:
    """Stops what this person's threads in this channel are doing."""
    stopped = 0
    for thread_id, _ in await world.stores.threads.recent(command.user_id, _MOST_LOOKED_AT):
        if ThreadKey.of(thread_id).channel_id != command.channel_id:
            continue
        if active_turn(await world.stores.threads.transcript(thread_id)) is not None:
            await requests.stop(world, thread_id, command.user_id)
            stopped += 1
    if not stopped:
        return "Nothing that you asked for in this channel is running. In somebody else's thread, write `stop` or press Stop."
    return f"Stopping {stopped} thread{'' if stopped == 1 else 's'} of yours in this channel; each says what was and was not done."
