"""Looks at the cluster around a change, as whoever reads for the one who asked for it."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.changes.change import ObjectDiff
from bot.changes.impact.look import look
from bot.changes.impact.surroundings import Question, Surroundings, Unseen
from bot.errors import BotError
from bot.threads.steps.work import Work
from bot.values.requests import RecordedWrite

log = structlog.get_logger()


async def look_around(work: Work, asked_by: str, writes: Sequence[RecordedWrite], diffs: Sequence[ObjectDiff] = ()) -> Surroundings:
    """What the cluster holds around the objects of these writes. Whatever fails is part of it: a card is not held up by this."""
    try:
        cluster = work.world.cluster_of(work.thread)
        return await look(cluster.api_for(work.thread.id), cluster.reader(asked_by), writes, diffs)
    except BotError as exc:
        log.warning("surroundings_unseen", thread=work.thread.id, error=type(exc).__name__)
        return Surroundings({Question("", "what is around this"): Unseen(str(exc).rstrip("."))})
