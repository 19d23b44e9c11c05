"""Looks at the cluster around what a change touches: reads only, bounded in number and time. What fails is said, and stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bot.changes import diff
from bot.changes.change import ObjectDiff
from bot.changes.impact.lines import lines
from bot.changes.impact.surroundings import Question, Surroundings, Unseen
from bot.errors import BotError
from bot.values.requests import ApiRequest, ApiResponse, Identity, Json, RecordedWrite

SECONDS = 4.0
"""A person waits for the card meanwhile."""
_MOST = 40
_AT_ONCE = 8
_ROUNDS = 3
"""Answers lead to further questions: a claim to its volume, a pod to its controller."""


class Api(Protocol):
    """The part of `ClusterApi` that reads."""

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse: ...


Look = Callable[[Sequence[RecordedWrite], Sequence[ObjectDiff]], Awaitable[Surroundings]]


async def see_nothing(_writes: Sequence[RecordedWrite], _diffs: Sequence[ObjectDiff]) -> Surroundings:
    """A `Look` that asks nobody."""
    return Surroundings()


async def look(
    api: Api,
    reader: Identity | None,
    writes: Sequence[RecordedWrite],
    diffs: Sequence[ObjectDiff] = (),
    *,
    seconds: float = SECONDS,
) -> Surroundings:
    """What the cluster answers to `reader` within `seconds`. Never raises a BotError: what is not answered is `Unseen`."""
    shown = diffs or [diff.of_write(write) for write in writes]
    answers: dict[Question, Json | Unseen] = {}
    deadline = asyncio.get_running_loop().time() + seconds
    door = asyncio.Semaphore(_AT_ONCE)

    async def fetch(question: Question) -> Json | Unseen:
        async with door:
            return await _ask(api, reader, question)

    for _ in range(_ROUNDS):
        around = Surroundings(answers)
        lines(writes, shown, around)
        if not around.wanted:
            break
        asked = list(around.wanted)[: max(0, _MOST - len(answers))]
        answers |= dict.fromkeys(around.wanted, Unseen("there is too much to look at"))
        tasks = {question: asyncio.create_task(fetch(question)) for question in asked}
        answers |= await _gather(tasks, deadline)
    return Surroundings(answers)


async def _gather(tasks: dict[Question, asyncio.Task[Json | Unseen]], deadline: float) -> dict[Question, Json | Unseen]:
    left = deadline - asyncio.get_running_loop().time()
    try:
        if tasks:
            await asyncio.wait(tasks.values(), timeout=max(0.0, left))
    finally:
        for task in tasks.values():
            task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    return {question: Unseen("the Kubernetes API took too long") if task.cancelled() else task.result() for question, task in tasks.items()}


async def _ask(api: Api, reader: Identity | None, question: Question) -> Json | Unseen:
    try:
        response = await api.send(question.request, reader, dry_run=False)
    except BotError:
        return Unseen("the Kubernetes API does not answer")
    if response.status == 404:
        return {}  # no such object, or a cluster without this kind
    if response.status in (401, 403):
        return Unseen("the reader has no right to")
    return response.object if response.is_success else Unseen(f"the Kubernetes API says HTTP {response.status}")
