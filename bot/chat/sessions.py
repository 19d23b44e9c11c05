"""Earlier conversations in the terminal: listed, and found to go on with."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import ConfigError
from bot.local.surface import TEAM
from bot.threads.stores import Thread, Threads
from bot.threads.world import World
from bot.values.transcript import Asked, Entry, Replied

CHANNEL = "terminal"
LAST = ("last", "latest")
_LISTED = 50
_TITLE_CHARS = 60


async def describe(threads: Threads) -> str:
    """One line for each conversation, the newest first: its id, its cluster, how many questions, the first of them."""
    lines = []
    for thread in await threads.of_channel(TEAM, CHANNEL, _LISTED):
        entries = await threads.transcript(thread.id)
        if any(isinstance(entry, Asked) for entry in entries):
            lines.append(f"{thread.thread_ts}  {thread.cluster}  {_sum_up(entries)}")
    return "\n".join(lines) or "There is no earlier conversation."


async def find(world: World, name: str) -> Thread:
    """The conversation with this id, or the last one. Raises ConfigError if it is not there or about another cluster."""
    for thread in await world.stores.threads.of_channel(TEAM, CHANNEL, _LISTED):
        if name == thread.thread_ts or (name in LAST and await world.stores.threads.transcript(thread.id)):
            if thread.cluster not in world.clusters:
                here = ", ".join(world.clusters)
                raise ConfigError(f"That conversation is about {thread.cluster}, and this is {here}; name its cluster with --context.")
            return thread
    if name in LAST:
        raise ConfigError("There is no earlier conversation to go on with; leave out --resume-session.")
    raise ConfigError(f"There is no conversation {name}; --list-sessions shows the last {_LISTED}.")


def how_to_resume(name: str) -> str:
    """The command line that goes on with this conversation."""
    return f"kubectl-ai-slack chat --resume-session {name}"


async def greet(world: World, thread: Thread) -> str:
    """What the person is told of the conversation that goes on."""
    return f"Going on with {thread.thread_ts}: {_sum_up(await world.stores.threads.transcript(thread.id))}"


async def find_last_answer(world: World, thread: Thread) -> str:
    """What the model said last, Markdown; '' if it has answered nothing yet."""
    entries = await world.stores.threads.transcript(thread.id)
    return next((entry.text for entry in reversed(entries) if isinstance(entry, Replied) and not entry.calls), "")


def _sum_up(entries: Sequence[Entry]) -> str:
    asked = [entry for entry in entries if isinstance(entry, Asked)]
    first = " ".join(asked[0].text.split()) if asked else ""
    title = first if len(first) <= _TITLE_CHARS else f"{first[: _TITLE_CHARS - 1]}…"
    return f"{len(asked)} asked  {title}"
