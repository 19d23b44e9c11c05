"""Watches what a replayed change set off and keeps the words on its card current: until it has settled, or nobody will mend it soon.

A rollout that is stuck is told with its reason, and looked at on: what recovers in time is told again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import structlog

from bot.changes import bodies, failing, live, rollout, selectors, trees
from bot.changes.change import Change, ObjectDiff, SendState
from bot.changes.failing import Failure
from bot.changes.ports import Changes, ClusterApi
from bot.changes.rollout import RolloutStatus
from bot.errors import UpstreamUnavailableError
from bot.values.requests import ApiRequest, Json, RecordedWrite

log = structlog.get_logger()

_FIRST_PAUSE, _LONGEST_PAUSE, _LATE_PAUSE = 1.0, 5.0, 30.0
_PROOF_PAUSE = 3.0
"""A container that crashes at its start is ready for a moment: pods that are ready have to be so at a second look."""
LATE_FACTOR = 6
"""So many times the time for a rollout, one that has not settled is looked at: after the first, every half minute."""
_STUCK = ", stuck"
_LATE = "not settled in "
_TOLD_BY_NAME = 3
_GONE = RolloutStatus("gone", settled=True, healthy=False)
_QUIET = RolloutStatus("", settled=True, healthy=True)
_REMOVALS = frozenset({"delete", "evict"})


@dataclass(frozen=True, slots=True)
class _Target:
    write: RecordedWrite
    diff: ObjectDiff
    path: str

    @property
    def is_removed(self) -> bool:
        return self.diff.action in _REMOVALS


@dataclass(frozen=True, slots=True)
class _Sight:
    """All targets at one moment; no states if the API server does not answer."""

    targets: Sequence[_Target]
    states: Sequence[RolloutStatus]

    @property
    def is_settled(self) -> bool:
        return bool(self.states) and all(state.settled for state in self.states)

    @property
    def is_well(self) -> bool:
        return self.is_settled and all(state.healthy for state in self.states)

    @property
    def needs_proof(self) -> bool:
        """Whether it is well because pods are ready, which may pass."""
        return self.is_well and any(not target.is_removed and target.diff.kind != "Job" for target in self.targets)

    @property
    def words(self) -> str:
        told = [(target, state) for target, state in zip(self.targets, self.states, strict=False) if state.words]
        if len(self.targets) == 1:
            return "".join(state.words for _, state in told)
        if len(told) <= _TOLD_BY_NAME:
            return "; ".join(f"{target.diff.title} {state.words}" for target, state in told)
        pending = [(target, state) for target, state in told if not (state.settled and state.healthy)]
        shown = [f"{target.diff.title} {state.words}" for target, state in pending[:_TOLD_BY_NAME]]
        return "; ".join([f"{len(told) - len(pending)} of {len(told)} objects settled", *shown])


async def watch_rollouts(
    change: Change,
    *,
    api: ClusterApi,
    changes: Changes,
    clock: Callable[[], float],
    timeout_seconds: float,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Records the words as they change, at last as settled. Can be begun again after a restart: it counts from the decision.

    An API server that does not answer is asked again. What has not settled after `timeout_seconds` is told so, and looked at on,
    less often, for `LATE_FACTOR` times as long.
    """
    targets = _targets(change)
    if not targets or timeout_seconds <= 0:
        await changes.record_rollout(change.id, "", settled=True)
        return
    shown, wait, proven = change.rollout, _FIRST_PAUSE, ""
    while True:
        seconds = max(0.0, clock() - change.decided_at)
        is_late = seconds >= timeout_seconds
        sight = await _look_at_all(api, targets, change.decided_at, is_late=is_late)
        words = _describe(sight, seconds, timeout_seconds, shown)
        if sight.needs_proof and not proven:
            proven = words
            await pause(_PROOF_PAUSE)
            continue
        words, proven = (proven, "") if sight.is_well and proven else (words, "")
        is_over = sight.is_settled or seconds >= timeout_seconds * LATE_FACTOR
        if is_over or (words and words != shown):
            await changes.record_rollout(change.id, words, settled=is_over)
            shown = words or shown
        if is_over:
            log.info("rollout_settled", change=change.id, seconds=round(seconds, 1), healthy=sight.is_well)
            return
        await pause(_LATE_PAUSE if is_late else wait)
        wait = min(wait * 1.5, _LONGEST_PAUSE)


def _describe(sight: _Sight, seconds: float, timeout_seconds: float, shown: str) -> str:
    words = sight.words
    if sight.is_well:
        recovered = " (it was stuck)" if _STUCK in shown or shown.startswith(_LATE) else ""
        if not words and shown:
            words = "gone"  # it was told that they are going
        return f"{words} after {_duration(seconds)}{recovered}" if words else ""
    if not sight.is_settled and seconds >= timeout_seconds:
        return f"{_LATE}{_duration(timeout_seconds)}: {words or 'the cluster does not answer'}"
    return words


def _duration(seconds: float) -> str:
    """`12 s`, `5 min`"""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _targets(change: Change) -> list[_Target]:
    """The workloads that writes of the change have touched and the objects that it removed, each once."""
    landed = {send.position for send in change.sends if send.state is SendState.LANDED}
    found: dict[str, _Target] = {}
    for position, (write, diff) in enumerate(zip(change.writes, change.diffs, strict=False)):
        if position not in landed or (diff.kind not in rollout.KINDS and diff.action not in _REMOVALS):
            continue
        if diff.action in ("deletecollection", "exec"):
            continue
        if diff.action == "create" and write.request.method == "POST":
            path = f"{write.request.path.rstrip('/')}/{quote(diff.name, safe='')}"  # the server may have made the name up
        else:
            path = live.object_path(write)
        found[path] = _Target(write, diff, path)
    return list(found.values())


async def _look_at_all(api: ClusterApi, targets: Sequence[_Target], since: float, *, is_late: bool) -> _Sight:
    try:
        return _Sight(targets, [await _look(api, target, since, is_late=is_late) for target in targets])
    except UpstreamUnavailableError:
        return _Sight(targets, ())


async def _look(api: ClusterApi, target: _Target, since: float, *, is_late: bool) -> RolloutStatus:
    response = await api.send(ApiRequest("GET", target.path), target.write.identity, dry_run=False)
    if target.is_removed:
        return _of_removed(target, response.object) if response.is_success else _QUIET
    if response.status == 404:
        return _GONE
    if not response.is_success:
        return RolloutStatus(f"cannot be watched: {response.message}", settled=True, healthy=False)
    found = rollout.status(response.object)
    if found.settled and found.healthy:
        return found
    failure = await _find_failure(api, target, response.object, since, is_late=is_late)
    if failure is None:
        return found
    if (failure.is_lasting or is_late) and not found.settled and _STUCK not in found.words:
        found = replace(found, words=f"{found.words}{_STUCK}", healthy=False)
    return replace(found, words=f"{found.words} · {failure.words}")


def _of_removed(target: _Target, item: Json) -> RolloutStatus:
    """Whether a removed object is still there. What has its name by now and another uid is another object."""
    found = bodies.metadata(item)
    if (target.diff.uid and found.get("uid") != target.diff.uid) or not found.get("deletionTimestamp"):
        return _QUIET
    waits_for = found.get("finalizers") or trees.part(item, "spec").get("finalizers")
    names = ", ".join(str(name) for name in waits_for) if isinstance(waits_for, list) and waits_for else ""
    return RolloutStatus(f"is going{f', waits for {names}' if names else ''}", settled=False, healthy=True)


async def _find_failure(api: ClusterApi, target: _Target, item: Json, since: float, *, is_late: bool) -> Failure | None:
    failure = failing.of_pods(await _pods(api, target, item), is_late=is_late) or failing.of_condition(item)
    if failure is not None or target.diff.kind in ("Pod", "Deployment"):
        return failure
    uid = bodies.metadata(item).get("uid")
    events = await _list(api, target, item, "events", fieldSelector=f"involvedObject.uid={uid},reason=FailedCreate") if uid else []
    return failing.of_events(events, since)


async def _pods(api: ClusterApi, target: _Target, item: Json) -> list[Json]:
    """The pods of a workload (a Pod is its own); [] where they cannot be listed."""
    if target.diff.kind == "Pod":
        return [item]
    query = selectors.as_query(selectors.of_workload(item))
    return await _list(api, target, item, "pods", labelSelector=query) if query else []


async def _list(api: ClusterApi, target: _Target, item: Json, resource: str, **selector: str) -> list[Json]:
    path = f"/api/v1/namespaces/{quote(str(bodies.metadata(item).get('namespace', '')), safe='')}/{resource}"
    query = (*selector.items(), ("limit", "100"))
    response = await api.send(ApiRequest("GET", path, query), target.write.identity, dry_run=False)
    return list(trees.entries(response.object, "items")) if response.is_success else []
