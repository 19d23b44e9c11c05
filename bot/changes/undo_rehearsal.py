"""Rehearses the undo of a change: each request is dry-run against the live object, so that its card shows what it really does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bot.changes import bodies, undo
from bot.changes.change import Change
from bot.changes.live import Refused
from bot.changes.ports import ClusterApi
from bot.changes.preconditions import with_precondition
from bot.changes.undo import Left, Step, Target
from bot.values.requests import ApiRequest, Identity, Json, RecordedWrite

_CONTENT = (
    ("/api/v1", "pods", "Pod"),
    ("/api/v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ("/api/v1", "services", "Service"),
    ("/api/v1", "secrets", "Secret"),
    ("/api/v1", "configmaps", "ConfigMap"),
    ("/apis/apps/v1", "deployments", "Deployment"),
    ("/apis/apps/v1", "statefulsets", "StatefulSet"),
    ("/apis/apps/v1", "daemonsets", "DaemonSet"),
    ("/apis/batch/v1", "jobs", "Job"),
    ("/apis/batch/v1", "cronjobs", "CronJob"),
)
"""What is looked for in a namespace before it is deleted."""
_OF_EVERY_NAMESPACE = frozenset({("ConfigMap", "kube-root-ca.crt")})
_NAMED = 5
_TRIES = 6
_Names = frozenset[tuple[str, str]]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The writes that take a change back, in their order, and what stays as it is."""

    writes: tuple[RecordedWrite, ...]
    left: tuple[Left, ...]


async def rehearse(change: Change, api: ClusterApi, identity: Identity | None) -> Rehearsed:
    """Looks at every object of the change and previews its undo as `identity` (None: as whoever the change was sent as).
    Raises UpstreamUnavailableError."""
    targets, left = undo.targets(change)
    writes: list[RecordedWrite] = []
    made = frozenset((target.info.namespace, target.info.name) for target in targets if target.is_made)
    for target in targets:
        outcome = await _rehearse_one(target, api, identity or target.writes[-1].identity, made)
        if isinstance(outcome, Left):
            left.append(outcome)
        else:
            writes.append(outcome)
    return Rehearsed(tuple(writes), tuple(left))


async def _rehearse_one(target: Target, api: ClusterApi, identity: Identity | None, made: _Names) -> RecordedWrite | Left:
    refused = ""
    for _ in range(_TRIES):  # controllers write to the object between the look and the preview
        answer = await api.send(ApiRequest("GET", target.info.path), identity, dry_run=False)
        if not answer.is_success and answer.status != 404:
            return Left(target.title, f"it cannot be looked at: {_sentence(answer.message)}")
        now = answer.object if answer.is_success else None
        step = undo.reverse(target, now)
        if isinstance(step, Left):
            return step
        preview = await api.send(_tied(step, now), identity, dry_run=True)
        if preview.is_success:
            is_namespace = step.info.verb == "delete" and (step.info.group, step.info.resource) == ("", "namespaces")
            found = await _look_into(api, identity, step.info.name, made) if is_namespace else []
            return _record(step, now, preview.object, identity, found)
        refused = preview.message
        if not Refused.of(preview).is_conflict:
            break
    return Left(target.title, f"the API server refuses to take it back: {_sentence(refused)}")


def _record(step: Step, now: Json, answer: Json, identity: Identity | None, found: Sequence[str]) -> RecordedWrite:
    after = None if step.info.verb == "delete" else answer
    return RecordedWrite(step.request, step.info, identity, before=now, after=after, note=" ".join((*step.notes, *found)))


def _tied(step: Step, now: Json) -> ApiRequest:
    """The preview is of the version that was looked at: what changes in between is a conflict, not a surprise."""
    version = bodies.metadata(now).get("resourceVersion")
    if step.request.method != "PATCH" or not version:
        return step.request
    return with_precondition(RecordedWrite(step.request, step.info, None, now, None), now)[0]


async def _look_into(api: ClusterApi, identity: Identity | None, namespace: str, made: _Names) -> list[str]:
    """What goes with a namespace besides what the change itself made in it."""
    found = await asyncio.gather(*(_names(api, identity, namespace, root, resource) for root, resource, _ in _CONTENT))
    unseen = [kind for (_, _, kind), names in zip(_CONTENT, found, strict=True) if names is None]
    others = [
        f"{kind} {name}"
        for (_, _, kind), names in zip(_CONTENT, found, strict=True)
        for name in names or ()
        if (kind, name) not in _OF_EVERY_NAMESPACE and (namespace, name) not in made
    ]
    said = []
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        said.append(f"NOT ONLY what the change made is in it; this goes too: {', '.join(others[:_NAMED])}{more}.")
    if unseen:
        said.append(f"Whether it holds any {', '.join(unseen)} could not be seen.")
    return said


async def _names(api: ClusterApi, identity: Identity | None, namespace: str, root: str, resource: str) -> Sequence[str] | None:
    """The objects of one kind that nothing else owns; None if they cannot be listed."""
    path = f"{root}/namespaces/{quote(namespace, safe='')}/{resource}"
    answer = await api.send(ApiRequest("GET", path, (("limit", "200"),)), identity, dry_run=False)
    items = answer.object.get("items") if answer.is_success and isinstance(answer.object, dict) else None
    if items is None:
        return None
    return [str(found.get("name")) for found in map(bodies.metadata, items) if not found.get("ownerReferences")]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
