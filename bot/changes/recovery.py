"""What became of a write that was sent and never answered: it is looked at, not repeated. `docs/decisions/0003-at-most-once-replay.md`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from bot.changes import bodies, diff, literals, live, sizes
from bot.changes.change import FieldDiff, ObjectDiff, Send
from bot.changes.fields import between
from bot.changes.live import Refused
from bot.changes.ports import ClusterApi
from bot.changes.preconditions import with_precondition
from bot.changes.recheck import REMOVALS
from bot.values.requests import Json, RecordedWrite


@dataclass(frozen=True, slots=True)
class Landed:
    """The cluster shows what the write does."""


@dataclass(frozen=True, slots=True)
class NotLanded:
    """The cluster shows that it has not landed, and its precondition lets it land at most once however often it is sent:
    for updates with the same resourceVersion, for removals with the same uid."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Neither can be seen. A person has to look."""


Found = Landed | NotLanded | Unknown


async def look(api: ClusterApi, write: RecordedWrite, approved: ObjectDiff, send: Send) -> Found:
    """Reads (and dry-runs, for updates) without changing anything. Raises UpstreamUnavailableError."""
    if bodies.generates_name(write):
        return Unknown()
    current = await live.read(api, replace(write, info=replace(write.info, name=write.info.name or approved.name)))
    if isinstance(current, Refused):
        return Unknown()
    if approved.action == "deletecollection":
        left = set(diff.names_in(current))
        return Unknown() if any(field.path in left for field in approved.fields) or not approved.fields else Landed()
    if approved.action in REMOVALS:
        return _look_for_removal(write, approved, send, current)
    if current is None:
        return Unknown()
    if write.request.method == "POST":
        return Landed() if _shows_creation(write, approved, current) else Unknown()
    if send.precondition and bodies.metadata(current).get("resourceVersion") == send.precondition:
        return NotLanded()
    if _shows_update(write, approved, current) or await _changes_nothing(api, write, current):
        return Landed()
    return Unknown()


def how_to_check(write: RecordedWrite, approved: ObjectDiff) -> str:
    """The command with which a person sees what became of the write."""
    info = write.info
    resource = f"{info.resource}.{info.group}" if info.group else info.resource
    scope = f"-n {shlex.quote(info.namespace)} " if info.namespace and info.resource != "namespaces" else ""
    if bodies.generates_name(write) or approved.action == "deletecollection":
        return f"kubectl {scope}get {resource}"
    return f"kubectl {scope}get {resource} {shlex.quote(approved.name)} -o yaml"


def _look_for_removal(write: RecordedWrite, approved: ObjectDiff, send: Send, current: Json) -> Found:
    metadata = bodies.metadata(current)
    tied_to, _, version = send.precondition.partition("/")
    uid = tied_to or approved.uid
    if current is None or (uid and metadata.get("uid") != uid):
        return Landed()
    if version and metadata.get("resourceVersion") == version:
        return NotLanded()
    was_going = bool(bodies.metadata(write.before).get("deletionTimestamp"))
    if metadata.get("deletionTimestamp"):
        return Unknown() if was_going else Landed()
    return NotLanded() if tied_to else Unknown()


def _shows_creation(write: RecordedWrite, approved: ObjectDiff, current: Json) -> bool:
    """Whether the object exists with the fields that were approved; others may have come since."""
    if write.info.subresource or not approved.fields:
        return False
    shown = diff.of_write(replace(write, before=None, after=current)).fields
    return _are_in(shown, approved)


def _shows_update(write: RecordedWrite, approved: ObjectDiff, current: Json) -> bool:
    """Whether every approved field is as it was to become, compared with the object before."""
    if write.before is None or not approved.fields:
        return False
    shown = diff.of_write(replace(write, after=current)).fields
    return _are_in(shown, approved)


def _are_in(shown: tuple[FieldDiff, ...], approved: ObjectDiff) -> bool:
    """Hidden fields are equal whatever they hide: they show nothing."""
    return all(field in shown and not literals.holds_hidden(field) for field in approved.fields)


async def _changes_nothing(api: ClusterApi, write: RecordedWrite, current: Json) -> bool:
    if not write.has_preview:
        return False
    request, _ = with_precondition(write, current)
    response = await api.send(request, write.identity, dry_run=True)
    then = sizes.scaled(write, current, response.object) if write.info.subresource == "scale" else response.object
    return response.is_success and not between(current, then, with_status=write.info.subresource == "status")
