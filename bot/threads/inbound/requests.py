"""Messages and slash commands: they begin turns, stop them, or ask how things are."""

from __future__ import annotations

import structlog

from bot.agent.loop import active_turn
from bot.agent.tools import describe_tools
from bot.errors import SurfaceError, SurfaceUnavailableError
from bot.threads.inbound import choosing, exporting, forgetting, freezing, gate, places
from bot.threads.inbound.gate import Refused
from bot.threads.inbound.incoming import Command, Message
from bot.threads.inbound.status import describe, describe_nothing_to_stop
from bot.threads.inbound.wording import (
    HELP_TEXT,
    FreezeOrder,
    Request,
    Word,
    is_for_somebody_else,
    is_heard_when_quiet,
    read,
    read_freeze,
    read_model,
    read_quiet,
)
from bot.threads.stores import Notice, Thread
from bot.threads.world import World
from bot.values.people import Person, ThreadKey
from bot.values.transcript import Asked, Ended

log = structlog.get_logger()

_UNREAD_FILES = "I do not read attached files. What matters in them, write here as text."
_ALWAYS = "In direct messages I always answer: whatever is written here is for me."
_NO_THREAD = {
    Word.STOP: "Write `stop` in the thread where I am working, or press Stop there.",
    Word.STATUS: "Write `status` in a thread I am in.",
    Word.HELP: HELP_TEXT,
    Word.CLEAR: "Write `clear` in the thread that the model should forget.",
    Word.TOOLS: "Write `tools` in a thread I am in.",
    Word.EXPORT: "Write `export` in the thread that you want as a file.",
}


async def handle_message(world: World, message: Message) -> None:
    """Raises SurfaceUnavailableError if the person could not be told something: handle it again later."""
    key = ThreadKey(message.team_id, message.channel_id, message.thread_ts)
    known = await world.stores.threads.get(key.id)
    is_addressed = message.is_mention or message.is_direct
    if not is_addressed and (known is None or is_for_somebody_else(message.text) or await _came_before(world, message, key.id)):
        return
    if not is_addressed and await places.is_quiet(world, key.id, message.channel_id) and not is_heard_when_quiet(message.text):
        return
    passed = await gate.check(world.surface, message.user_id, message.channel_id, is_external=message.is_external)
    if isinstance(passed, Refused):
        await whisper_once(world, message, passed.why)
        return
    thread = known or places.new_thread(world, key, message.user_id)
    order = read_freeze(message.text) if is_addressed else None
    if order is not None:
        await _freeze(world, thread, order, passed.person, message)
        return
    if (is_quiet := read_quiet(message.text)) is not None and message.is_direct:
        await whisper_once(world, message, _ALWAYS)
        return
    if is_quiet is not None:
        thread = await world.stores.threads.open(thread)
        await _set_quiet(world, thread, thread.id, message.user_id, f"quiet:{message.ts}", is_quiet=is_quiet)
        return
    if (model := read_model(message.text)) is not None:
        await _set_model(world, thread, model, passed.person, message)
        return
    request = read(message.text)
    if isinstance(request, Word):
        await _obey(world, thread, request, message, is_known=known is not None)
    elif why := await places.why_not_ask(world, message.user_id, message.channel_id):
        await whisper_once(world, message, why)
    else:
        await ask(world, thread, request, message.user_id, message.ts)
        if message.has_files:
            await _tell(world, thread.id, f"files:{message.ts}", _UNREAD_FILES)


async def _came_before(world: World, message: Message, thread_id: str) -> bool:
    """Whether it was written before the bot was in the thread. Events come in any order, and some again after minutes: without this, the
    alert under which somebody mentions the bot would be a question of its own."""
    if message.ts == message.thread_ts:
        return True
    first = next((entry for entry in await world.stores.threads.transcript(thread_id) if isinstance(entry, Asked)), None)
    return first is not None and first.message_ts != "" and _order(message.ts) < _order(first.message_ts)


def _order(ts: str) -> tuple[int, int]:
    """Slack's `seconds.microseconds`, as exact as they are."""
    seconds, _, rest = ts.partition(".")
    return int(seconds), int(rest.ljust(6, "0") or 0)


async def handle_command(world: World, key: str, command: Command) -> None:
    """A slash command posts the root message of a new thread. `key` is the delivery's: a redelivery posts it once."""
    passed = await gate.check(world.surface, command.user_id, command.channel_id, is_external=command.is_external)
    if isinstance(passed, Refused):
        await world.surface.whisper(command.channel_id, "", command.user_id, passed.why)
        return
    order = read_freeze(command.text)
    if order is not None:
        await _freeze_by_command(world, key, order, passed.person, command)
        return
    is_quiet = read_quiet(command.text)
    request = read(command.text)
    if isinstance(request, Word):
        await world.surface.whisper(command.channel_id, "", command.user_id, _NO_THREAD[request])
        return
    if is_quiet is not None and command.is_direct:
        await world.surface.whisper(command.channel_id, "", command.user_id, _ALWAYS)
        return
    if is_quiet is None and (why := await places.why_not_ask(world, command.user_id, command.channel_id)):
        await world.surface.whisper(command.channel_id, "", command.user_id, why)
        return
    try:
        ts = await world.surface.start_thread(command.channel_id, key, command.user_id, command.text)
    except SurfaceUnavailableError:
        raise
    except SurfaceError as exc:
        await world.surface.whisper(command.channel_id, "", command.user_id, f"I cannot begin a thread here: {exc}")
        return
    thread = places.new_thread(world, ThreadKey(command.team_id, command.channel_id, ts), command.user_id)
    if is_quiet is not None:
        thread = await world.stores.threads.open(thread)
        await _set_quiet(world, thread, command.channel_id, command.user_id, f"quiet:{ts}", is_quiet=is_quiet)
        return
    await ask(world, thread, request, command.user_id, ts)


async def stop(world: World, thread_id: str, user_id: str) -> None:
    """Asks the thread's worker, wherever it is, to stop every turn there is."""
    await world.stores.threads.request_stop(thread_id, user_id)
    world.signals.stop(thread_id)
    log.info("stop_requested", thread=thread_id, user=user_id)


async def stop_if_running(world: World, thread_id: str, user_id: str) -> str:
    """The same where something is running; else what to say. Nothing where a stop ended the last turn: the thread says that already, and
    a mention that stops comes as two events."""
    entries = await world.stores.threads.transcript(thread_id)
    if active_turn(entries) is not None:
        await stop(world, thread_id, user_id)
        return ""
    last = next((entry for entry in reversed(entries) if isinstance(entry, Ended)), None)
    is_stopped = last is not None and last.reason == "stopped"
    return "" if is_stopped else describe_nothing_to_stop(await world.stores.changes.of_thread(thread_id))


async def _freeze(world: World, thread: Thread, order: FreezeOrder, person: Person, message: Message) -> None:
    """The thread is told what was done; the person alone, why nothing was."""
    done, text = await freezing.obey(world, order, person, f"freeze:{message.channel_id}:{message.ts}", thread.id)
    if not done:
        await whisper_once(world, message, text)
        return
    thread = await world.stores.threads.open(thread)
    await _tell(world, thread.id, f"freeze:{message.ts}", text)


async def _freeze_by_command(world: World, key: str, order: FreezeOrder, person: Person, command: Command) -> None:
    """The order is shown in the channel, as the root of a thread that tells what was done. It holds before anything is shown."""
    done, text = await freezing.obey(world, order, person, key, "")
    if not done:
        await world.surface.whisper(command.channel_id, "", command.user_id, text)
        return
    try:
        ts = await world.surface.start_thread(command.channel_id, key, command.user_id, command.text)
    except SurfaceUnavailableError:
        raise
    except SurfaceError:  # the bot cannot write there
        await world.surface.whisper(command.channel_id, "", command.user_id, text)
        return
    thread = await world.stores.threads.open(places.new_thread(world, ThreadKey(command.team_id, command.channel_id, ts), command.user_id))
    await _tell(world, thread.id, f"freeze:{ts}", text)


async def _tell(world: World, thread_id: str, key: str, text: str) -> None:
    await world.stores.threads.notify(thread_id, Notice(key, text))
    world.signals.wake(thread_id)


async def _set_quiet(world: World, thread: Thread, place: str, user_id: str, key: str, *, is_quiet: bool) -> None:
    """Sets it for the thread or (`place` is the channel's id) for the channel, and says so in the thread."""
    where = "this thread" if place == thread.id else "the threads of this channel"
    if is_quiet:
        await world.stores.quiet.begin(place, user_id)
        text = f"Quiet: in {where} I answer only when I am mentioned. `quiet off` ends that."
    else:
        await world.stores.quiet.end(place)
        text = f"In {where} you need not mention me any more."
        if await places.is_quiet(world, place, thread.channel_id):
            text = await _say_still_quiet(world, thread)
    log.info("quiet_set", place=place, is_quiet=is_quiet, user=user_id)
    await _tell(world, thread.id, key, text)


async def _say_still_quiet(world: World, thread: Thread) -> str:
    if places.settings_of(world, thread.channel_id).quiet:
        return places.STILL_QUIET
    return "The whole channel is quiet, so I go on to answer only when I am mentioned; `/kubectl-ai quiet off` ends that."


async def ask(world: World, thread: Thread, request: Request, user_id: str, ts: str, *, key: str = "") -> None:
    """Begins a turn, once per `key` (that of the message by itself)."""
    thread = await world.stores.threads.open(thread)
    asked = Asked(0, user_id, request.text, request.mode, ts)
    # Slack sends a mention in a channel twice, as two events: the message's ts makes them one turn.
    turn = await world.stores.threads.begin_turn(thread.id, asked, key=key or f"asked:{ts}")
    if turn is None:
        return
    world.signals.wake(thread.id)
    log.info("turn_begun", thread=thread.id, turn=turn, mode=request.mode.value, user=user_id)


async def _set_model(world: World, thread: Thread, name: str, person: Person, message: Message) -> None:
    if name:
        thread = await world.stores.threads.open(thread)
        text = await choosing.choose(world, thread, name, person.name or message.user_id, f"model:{message.ts}")
    else:
        text = choosing.describe(world, thread)
    if text:
        await world.surface.show_text(thread, f"model:{message.ts}", text)


async def _obey(world: World, thread: Thread, word: Word, message: Message, *, is_known: bool) -> None:
    key = f"{word}:{message.ts}"
    if word is Word.HELP:
        await world.surface.show_text(thread, key, HELP_TEXT)
    elif word is Word.TOOLS:
        await world.surface.show_text(thread, key, describe_tools(world.tools))
    elif not is_known:
        await world.surface.show_text(thread, key, "Nothing has been asked in this thread yet.")
    elif word is Word.STOP:
        if why := await stop_if_running(world, thread.id, message.user_id):
            await whisper_once(world, message, why)
    elif word is Word.CLEAR:
        await _tell(world, thread.id, key, await forgetting.forget(world, thread.id, message.user_id, key))
    elif word is Word.EXPORT:
        await exporting.export(world, thread, key)
    else:
        await world.surface.show_text(thread, key, await describe(world, thread))


async def whisper_once(world: World, message: Message, text: str) -> None:
    """Tells why not, once per message: a mention in a channel arrives as two events."""
    key = f"whisper:{message.channel_id}:{message.ts}"
    if await world.stores.messages.get(key):
        return
    # Slack shows a private message in a thread only if the thread has replies already; a mention that begins one has none.
    thread_ts = "" if message.thread_ts == message.ts else message.thread_ts
    await world.surface.whisper(message.channel_id, thread_ts, message.user_id, text)
    await world.stores.messages.posted(key, message.channel_id, message.ts, "")
