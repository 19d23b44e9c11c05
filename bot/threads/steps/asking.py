"""One request to a model, asked again where that helps. The only place where a model is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from bot import metrics
from bot.agent import loop, prompt
from bot.agent.ports import Model, ModelReply
from bot.errors import ModelError, ModelUnavailableError
from bot.threads.reach import find_reach
from bot.threads.steps.spending import TimeUp, within
from bot.threads.steps.work import STOPPED, Stopped, Work
from bot.values.transcript import Entry

log = structlog.get_logger()

_ATTEMPTS = 5
_LONGEST_PAUSE_SECONDS = 120.0
"""A service that asks for a longer pause than this (a quota of the day) is not waited for."""


Outcome = ModelReply | ModelError | Stopped


async def ask(
    work: Work, model: Model, turn: int, transcript: Sequence[Entry], headline: str, *, seconds: float | None
) -> Outcome | TimeUp:
    """A reply to the transcript within this time (None: whenever), or why there is none. A service that is away for a while is asked
    again, as soon as it allows; what it says meanwhile is shown below the headline."""
    return await within(seconds, _ask(work, model, turn, transcript, headline))


async def _ask(work: Work, model: Model, turn: int, transcript: Sequence[Entry], headline: str) -> Outcome:
    for attempt in range(1, _ATTEMPTS + 1):
        work.show(turn, headline)
        try:
            outcome = await work.unless_stopped(_reply(work, model, turn, transcript, headline))
        except ModelUnavailableError as exc:
            metrics.MODEL_REPLIES.labels(model.name, "unavailable").inc()
            seconds = exc.retry_after_seconds if exc.retry_after_seconds is not None else 2.0**attempt
            if attempt == _ATTEMPTS:
                return ModelError(f"{exc} I asked {attempt} times; ask again later.")
            if seconds > _LONGEST_PAUSE_SECONDS:
                return ModelError(f"{exc} It asks to wait {seconds:.0f} seconds; ask again then.")
            await _pause(work, turn, exc, attempt, seconds)
        except ModelError as exc:
            metrics.MODEL_REPLIES.labels(model.name, "failed").inc()
            return exc
        else:
            metrics.MODEL_REPLIES.labels(model.name, "stopped" if isinstance(outcome, Stopped) else "answered").inc()
            return outcome
        if work.attention.stopped.is_set():
            return STOPPED
    raise AssertionError("the last attempt returns")


async def _reply(work: Work, model: Model, turn: int, transcript: Sequence[Entry], headline: str) -> ModelReply:
    instructions = await _instructions(work, turn)

    def show(text: str) -> None:
        work.show(turn, headline, thinking=text)

    async with asyncio.timeout(work.world.settings.model.timeout_seconds):
        try:
            with metrics.REPLYING.labels(model.name).time():
                reply = await model.reply(instructions, transcript, work.world.tools, show)
        except TimeoutError as exc:
            seconds = work.world.settings.model.timeout_seconds
            raise ModelUnavailableError(f"The model did not answer within {seconds:.0f} seconds.") from exc
    metrics.MODEL_TOKENS.labels(model.name, "input").inc(reply.input_tokens)
    metrics.MODEL_TOKENS.labels(model.name, "output").inc(reply.output_tokens)
    return reply


async def _instructions(work: Work, turn: int) -> str:
    world, thread = work.world, work.thread
    user_id = loop.asker_of(work.rows.entries, turn)
    rules, extra = world.settings.changes, world.settings.instructions
    reach = await find_reach(world, thread.channel_id, user_id)
    parts = (extra.everywhere, extra.clusters.get(thread.cluster, ""), extra.channels.get(thread.channel_id, ""))
    return prompt.render(
        prompt.PromptFacts(
            cluster=thread.cluster,
            namespace=thread.namespace,
            asker=f"{await work.name_of(user_id)} ({user_id})",
            approval=prompt.approval_rule(has_approvers=bool(rules.approvers), self_approval=rules.self_approval, reach=reach),
            kubernetes_version=world.kubernetes_versions.get(thread.cluster, ""),
            kubectl_version=world.kubectl_version(),
            has_runbooks=bool(world.runbooks),
            extra="\n\n".join(part.strip() for part in parts if part.strip()),
        )
    )


async def _pause(work: Work, turn: int, error: ModelUnavailableError, attempt: int, seconds: float) -> None:
    log.warning("model_unavailable", thread=work.thread.id, turn=turn, attempt=attempt, pause_seconds=seconds)
    work.show(turn, f"{error} Asking again in {seconds:.0f} s ({attempt}/{_ATTEMPTS})")
    await work.pause(seconds * work.world.pace)
