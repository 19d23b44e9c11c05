"""`kubectl-ai-slack chat`: from the command line to the exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from rich.console import Console

from bot import log
from bot.agent.models.opening import open_models
from bot.chat import prompt, sessions
from bot.chat.conversation import Conversation
from bot.chat.deciding import AtThePrompt, ByRule, Decide, Nobody
from bot.chat.lines import read_line, take_terminal
from bot.chat.options import Options, load_settings, parse
from bot.chat.screen import Screen
from bot.chat.surface import TerminalSurface
from bot.chat.trace import open_trace
from bot.errors import BotError, ConfigError
from bot.local.cluster import read_context
from bot.local.sandbox import NOT_SANDBOXED
from bot.local.world import Place, begin_thread, open_state, open_world
from bot.settings import LogSettings
from bot.threads.inbound.wording import Request
from bot.threads.stores import Stores
from bot.values.transcript import Mode

OK, FAILED, NO_START, NOT_CHANGED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


def main(argv: Sequence[str]) -> int:
    """Runs the subcommand; `options.EPILOG` tells the exit codes."""
    log.configure(LogSettings(level="error"))
    options = parse(argv)
    screen = Screen(Console(), Console(stderr=True))
    try:
        options = replace(options, question=_read_question(options))
        return asyncio.run(_run(options, screen))
    except ConfigError as exc:
        screen.complain(f"chat: {exc}")
        return NO_START
    except BotError as exc:
        screen.complain(f"chat: {exc}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except asyncio.CancelledError:
        return TERMINATED


def _read_question(options: Options) -> str:
    """The question of the command line, and what comes on a standard input that is no terminal; a person who looks on answers from then
    on. Raises ConfigError if there is none where one is needed."""
    if options.lists_sessions:
        return ""
    piped = ""
    if not sys.stdin.isatty():
        piped = sys.stdin.read()
        take_terminal()
    question = "\n".join(part for part in (options.question.strip(), piped.strip()) if part)
    if not question and (options.is_quiet or not sys.stdin.isatty()):
        raise ConfigError("Ask something: give the question as an argument or on the standard input.")
    return question


async def _run(options: Options, screen: Screen) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # so that no command is left behind
    if options.lists_sessions:  # no model and no cluster is needed for that
        async with open_state(options.state) as store:
            screen.show_output(await sessions.describe(store.stores.threads))
        return OK
    settings = load_settings(options, os.environ)
    context = read_context(options.kubeconfig, options.context)
    decide = _choose(options, screen)
    async with AsyncExitStack() as stack:
        problems: list[str] = []
        models = await open_models(settings.model, stack, problems)
        if problems:
            raise ConfigError(" ".join(problems))
        trace = open_trace(options.trace_path) if options.trace_path else None
        if trace is not None:
            stack.callback(trace.close)

        surfaces: list[TerminalSurface] = []

        def make_surface(stores: Stores) -> TerminalSurface:
            undo_seconds = settings.changes.undo_seconds
            surfaces.append(
                TerminalSurface(screen, stores.threads, undo_seconds=undo_seconds, shows_output=options.shows_output, trace=trace)
            )
            return surfaces[-1]

        place = Place(context, options.state, options.is_sandboxed)
        world = await stack.enter_async_context(open_world(place, settings, make_surface, models))
        for sentence in (*(() if options.is_sandboxed else (NOT_SANDBOXED,)), *options.without_effect):
            screen.say(f"chat: {sentence}")
        thread = await sessions.find(world, options.resumes) if options.resumes else await begin_thread(world, sessions.CHANNEL)
        stack.push_async_callback(world.sandboxes.release, thread.id)
        conversation = Conversation(world, thread, screen, decide)
        if options.resumes:
            screen.say(f"chat: {await sessions.greet(world, thread)}")
            if screen.is_live:  # a program that reads stdout gets the new answer and no other
                screen.show_answer(await sessions.find_last_answer(world, thread))
            await surfaces[-1].pass_over(thread.id)
            await conversation.resume()
        return await _converse(conversation, options, decide, screen)


def _choose(options: Options, screen: Screen) -> Decide:
    if options.skips_permissions:
        return ByRule(screen)
    return AtThePrompt(screen, read_line) if sys.stdin.isatty() else Nobody(screen)


async def _converse(conversation: Conversation, options: Options, decide: Decide, screen: Screen) -> int:
    code = OK
    if options.question:
        reason = await conversation.ask(Request(Mode.QUESTION, options.question))
        code = OK if reason == "answered" else INTERRUPTED if reason == "stopped" else FAILED
    if options.is_quiet or not sys.stdin.isatty():
        return NOT_CHANGED if isinstance(decide, Nobody) and decide.dropped and code == OK else code
    await conversation.watch_rollouts()
    await prompt.run(conversation, screen, read_line)
    if await conversation.has_begun():
        screen.say(f"To go on with this conversation: {sessions.how_to_resume(conversation.name)}")
    return OK
