"""Making room in a conversation that has become too long for the model."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from bot.agent import budgets, compaction
from bot.agent.compaction import Plan
from bot.agent.ports import Model, ModelReply
from bot.threads.steps.asking import ask
from bot.threads.steps.spending import TimeUp, end_turn, find_seconds_left, record
from bot.threads.steps.work import Stopped, Work
from bot.values.transcript import Compacted

log = structlog.get_logger()


async def compact(work: Work, model: Model, turn: int, plan: Plan) -> None:
    """Appends what the plan says. A summary that cannot be had is replaced by an outline: the conversation must get shorter."""
    compacted = plan.place
    if plan.needs_summary:
        summarized = await _summarize(work, model, turn, plan.place)
        if isinstance(summarized, Stopped):
            return
        if isinstance(summarized, TimeUp):
            await end_turn(work, turn, summarized)
            return
        compacted = summarized
    number = sum(isinstance(entry, Compacted) for entry in work.rows.entries)
    await work.world.stores.threads.append(work.thread.id, [compacted], key=f"compacted:{number}")
    log.info("conversation_compacted", thread=work.thread.id, turn=turn, replies=compacted.replies, summary=bool(compacted.summary))


async def _summarize(work: Work, model: Model, turn: int, place: Compacted) -> Compacted | Stopped | TimeUp:
    started = asyncio.get_running_loop().time()
    transcript = compaction.to_summarize(work.rows.entries, place)
    left = await find_seconds_left(work, turn)
    outcome = await ask(work, model, turn, transcript, "summarizing the conversation so far", seconds=left)
    if isinstance(outcome, Stopped | TimeUp):
        return outcome
    if not isinstance(outcome, ModelReply) or outcome.calls or not outcome.text.strip():
        log.warning("summary_replaced", thread=work.thread.id, turn=turn, reason=type(outcome).__name__)
        return replace(place, summary=compaction.outline(work.rows.entries, place))
    number = sum(isinstance(entry, Compacted) for entry in work.rows.entries)
    compacted = replace(
        place,
        summary=outcome.text,
        model=outcome.model,
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
        seconds=asyncio.get_running_loop().time() - started,
        money=budgets.price(work.world.settings.budgets.prices, outcome.model, outcome.input_tokens, outcome.output_tokens),
    )
    await record(work, turn, f"compacted:{number}", budgets.of_entries([compacted]))
    return compacted
