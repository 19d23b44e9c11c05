"""What is open in a thread, in words."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent.loop import active_turn
from bot.changes.change import Change, State
from bot.threads.inbound import freezing
from bot.threads.stores import Thread
from bot.threads.world import World

_STATES = {
    State.PROPOSED: "waits for a decision",
    State.APPROVED: "is approved and about to be applied",
    State.REPLAYING: "is being applied",
}


def describe_nothing_to_stop(changes: Sequence[Change]) -> str:
    """The answer to `stop` where nothing is running: what may have been meant."""
    lines = ["Nothing is running in this thread, so there is nothing to stop."]
    for change in changes:
        if change.is_open:
            withdraw = f": `deny {change.id}` withdraws it" if change.state is State.PROPOSED else ""
            lines.append(f"• Change {change.id} {_STATES[change.state]}{withdraw}.")
    return "\n".join(lines)


async def describe(world: World, thread: Thread) -> str:
    """The answer to `status`, Markdown."""
    entries = await world.stores.threads.transcript(thread.id)
    changes = await world.stores.changes.of_thread(thread.id)
    turn = active_turn(entries)
    lines = [f"Cluster {thread.cluster}, namespace {thread.namespace}."]
    lines.append("I am working on a question." if turn is not None else "No question is open.")
    lines += [f"• Change {change.id} {_STATES[change.state]}." for change in changes if change.is_open]
    rollouts = [change for change in changes if change.state is State.DONE and change.rollout and not change.rollout_settled]
    lines += [f"• Change {change.id} rolls out: {change.rollout}." for change in rollouts]
    if frozen := await freezing.why_frozen(world, thread.cluster):
        lines.append(f"🧊 {frozen}")
    lines.append(_describe_sandbox(thread) if world.is_sandboxed else "Commands run on this machine, not in a sandbox.")
    return "\n".join(lines)


def _describe_sandbox(thread: Thread) -> str:
    return "The thread has a sandbox." if thread.holds_sandbox else "The thread has no sandbox now; the next command gets one."
