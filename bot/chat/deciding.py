"""Who decides about a change: the person at the prompt, a rule that they gave beforehand, or nobody, because nobody can be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bot.changes.change import Change
from bot.chat.cards import render_details
from bot.chat.screen import Screen
from bot.local.surface import ME, RULE, TEAM
from bot.threads.inbound import decisions
from bot.threads.inbound.incoming import Click, Reason
from bot.threads.stores import Thread
from bot.threads.world import World

NOT_ASKED = (
    "There was no terminal to ask at, so nothing was changed; run this with a terminal, or with --skip-permissions to approve by rule."
)
_HELP = "y applies it, n drops it, `n why` or other words drop it and tell the model why, d shows every field and request."

ReadLine = Callable[[str], str]
"""Asks the person for a line. Raises EOFError at the end of the input, KeyboardInterrupt on Ctrl-C."""


class Decide(Protocol):
    """Decides about a change that waits, or leaves it as it is. Raises KeyboardInterrupt to stop the turn."""

    async def __call__(self, world: World, thread: Thread, change: Change) -> None: ...


@dataclass(frozen=True, slots=True)
class AtThePrompt:
    """Asks the person."""

    screen: Screen
    read_line: ReadLine

    async def __call__(self, world: World, thread: Thread, change: Change) -> None:
        while True:
            try:
                answer = self.read_line(f"Apply change {change.id}? [y/n/details] ").strip()
            except EOFError:
                await deny(world, change, ME, "The input ended.")
                return
            word, _, rest = answer.partition(" ")
            match word.lower():
                case "y" | "yes" | "approve" if not rest:
                    await approve(world, thread, change, ME)
                    return
                case "n" | "no" | "deny" | "reason":
                    await deny(world, change, ME, rest.strip())
                    return
                case "d" | "details" if not rest:
                    self.screen.show_card(render_details(change))
                case "stop" if not rest:
                    raise KeyboardInterrupt
                case "" | "?" | "help":
                    self.screen.say(_HELP)
                case _:
                    await deny(world, change, ME, answer)
                    return


@dataclass(frozen=True, slots=True)
class ByRule:
    """Approves, and says so; what cannot be approved is dropped, so that nothing waits for ever."""

    screen: Screen

    async def __call__(self, world: World, thread: Thread, change: Change) -> None:
        self.screen.say(f"Change {change.id} is approved by rule (--skip-permissions).")
        await approve(world, thread, change, RULE)
        await deny(world, change, RULE, "The rule could not approve it.", is_told=False)


@dataclass(slots=True)
class Nobody:
    """Drops every change; `dropped` counts them."""

    screen: Screen
    dropped: int = 0

    async def __call__(self, world: World, thread: Thread, change: Change) -> None:  # noqa: ARG002 – all three are called alike
        self.dropped += 1
        if self.dropped == 1:
            self.screen.say(NOT_ASKED)
        await deny(world, change, ME, "There was no terminal to ask at.")


async def approve(world: World, thread: Thread, change: Change, by: str) -> None:
    """As a press of Approve in Slack: everything is checked again, and the person is told if it does not count."""
    click = Click(TEAM, thread.channel_id, by, "approve", thread.thread_ts, "", "", change.id, change.digest)
    await decisions.handle_click(world, click)


async def deny(world: World, change: Change, by: str, why: str, *, is_told: bool = True) -> None:
    """As the dialog in Slack. Nothing if the change does not wait any more and nobody is to be told."""
    if not is_told:
        now = await world.stores.changes.get(change.id)
        if now is None or now.state is not change.state:
            return
    await decisions.handle_reason(world, Reason(TEAM, by, change.id, change.digest, why))
