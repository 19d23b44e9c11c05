"""The model's part of a turn: one reply, appended once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from bot.agent import asked_with, budgets, compaction, loop, observation
from bot.agent.ports import Model, ModelReply
from bot.errors import ModelOverflowError
from bot.threads.inbound import choosing
from bot.threads.steps.asking import ask
from bot.threads.steps.compacting import compact
from bot.threads.steps.spending import TimeUp, end_turn, find_over, find_seconds_left, record
from bot.threads.steps.work import Stopped, Work
from bot.threads.stores import Notice
from bot.values.transcript import Ended, Entry, Replied

log = structlog.get_logger()


async def ask_model(work: Work, step: loop.AskModel) -> None:
    """Streams one reply into the progress message and appends it. Before that, the turn ends if a budget is used up, and room is made
    in a conversation that is too long. If no model gives a reply, the turn ends with the reason."""
    entries, turn = work.rows.entries, step.turn
    over = await find_over(work, turn)
    if over:
        await _end(work, turn, "limit", over)
        return
    models = _in_order(work.world.models_of(work.thread), entries, turn)
    await choosing.tell_if_gone(work.world, work.thread)
    room = min(work.world.settings.model.context_tokens, *(model.window_tokens for model in models))
    plan = compaction.plan(entries, room)
    if plan is not None:
        await compact(work, models[0], turn, plan)
        return
    left = await find_seconds_left(work, turn)
    clock = asyncio.get_running_loop().time
    started = clock()
    for position, model in enumerate(models):
        spent = clock() - started
        outcome = await ask(work, model, turn, entries, "thinking", seconds=left - spent if left is not None else None)
        if isinstance(outcome, Stopped):
            return
        if isinstance(outcome, TimeUp):
            await end_turn(work, turn, TimeUp(spent + outcome.seconds))
            return
        if isinstance(outcome, ModelReply):
            await _append(work, turn, outcome, clock() - started)
            return
        log.error("model_gave_no_reply", thread=work.thread.id, turn=turn, model=model.name, error=type(outcome).__name__)
        if isinstance(outcome, ModelOverflowError) and await _shorten(work, model, turn):
            return
        if position + 1 < len(models):
            notice = Notice(f"fallback:{turn}", f"{outcome} I go on with {models[position + 1].name}.")
            await work.world.stores.threads.notify(work.thread.id, notice)
        else:
            await _end(work, turn, "failed", str(outcome))


def _in_order(models: Sequence[Model], entries: Sequence[Entry], turn: int) -> Sequence[Model]:
    """The model that answered last in this turn first: what kept another from answering has hardly passed."""
    last = next((entry.model for entry in reversed(entries) if isinstance(entry, Replied) and entry.turn == turn), "")
    return sorted(models, key=lambda model: model.name != last)


async def _shorten(work: Work, model: Model, turn: int) -> bool:
    """Makes room where the service counted more tokens than we did; False if nothing can be left out any more."""
    entries = work.rows.entries
    chars = observation.model_chars(model.window_tokens)
    plan = compaction.make_room(entries, turn, compaction.count_tokens(entries, chars) // 2, chars)
    if plan is None:
        return False
    await compact(work, model, turn, plan)
    return True


async def _append(work: Work, turn: int, reply: ModelReply, seconds: float) -> None:
    number = sum(isinstance(entry, Replied) and entry.turn == turn for entry in work.rows.entries)
    key = f"replied:{turn}:{number}"
    replied = Replied(
        turn=turn,
        model=reply.model,
        content=reply.content,
        text=reply.text,
        calls=reply.calls,
        finish=reply.finish,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        seconds=seconds,
        money=budgets.price(work.world.settings.budgets.prices, reply.model, reply.input_tokens, reply.output_tokens),
        request=asked_with.shorten(reply.request, work.rows.entries) if reply.request is not None else None,
    )
    await record(work, turn, key, budgets.of_entries([replied]))
    await work.world.stores.threads.append(work.thread.id, [replied], key=key)
    log.info("model_replied", thread=work.thread.id, turn=turn, calls=len(reply.calls), finish=reply.finish, tokens=reply.output_tokens)


async def _end(work: Work, turn: int, reason: str, text: str) -> None:
    await work.world.stores.threads.append(work.thread.id, [Ended(turn, reason, text)])
