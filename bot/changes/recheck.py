"""Just before a write is sent: would it still do what was approved? It is dry-run again, on the version it will be tied to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.changes import bodies, diff, live, secret_fields, sizes
from bot.changes.change import ObjectDiff
from bot.changes.fields import between
from bot.changes.live import Refused
from bot.changes.ports import ClusterApi
from bot.changes.preconditions import with_precondition
from bot.values.requests import ApiRequest, Json, RecordedWrite

REMOVALS = frozenset({"delete", "evict"})


@dataclass(frozen=True, slots=True)
class Same:
    """It would do what was approved. `request` is tied to the version that was looked at by `precondition`."""

    request: ApiRequest
    precondition: str


@dataclass(frozen=True, slots=True)
class Moved:
    """It would do something else by now: `diff`. `write` holds the fresh before and after."""

    write: RecordedWrite
    diff: ObjectDiff


@dataclass(frozen=True, slots=True)
class Already:
    """The cluster is as the write wants it. `status` tells how: 404 what is to go is gone, 304 nothing would change."""

    status: int
    words: str


Check = Same | Moved | Already | Refused
_AS_WANTED = Already(304, "was as this change wants it already, nothing was sent")
GONE = Already(404, "was gone already, nothing was sent")


async def check(api: ClusterApi, write: RecordedWrite, approved: ObjectDiff) -> Check:
    """Compares what the write would do now with the diff that was approved. Raises UpstreamUnavailableError."""
    current = None if approved.action == "create" and write.request.method == "POST" else await live.read(api, write)
    if isinstance(current, Refused):
        return current
    if write.connect is not None:
        return _check_exec(write, approved, current)
    if approved.action in REMOVALS:
        if current is None:
            return GONE
        if approved.uid and bodies.metadata(current).get("uid") != approved.uid:
            return _moved(replace(write, before=current), approved, "This is another object of the same name by now.")
    if current is None and bodies.metadata(write.before).get("deletionTimestamp"):
        return GONE  # it was on its way out already: its finalizers were done sooner than expected
    request, precondition = with_precondition(write, current)
    if not write.has_preview:
        return _without_preview(write, approved, current, Same(request, precondition))
    response = await api.send(request, write.identity, dry_run=True)
    if not response.is_success:
        went = response.status == 404 and approved.action in REMOVALS  # in between: a controller takes away what another removal orphaned
        return GONE if went else Refused.of(response)
    after = None if approved.action in (*REMOVALS, "deletecollection") else response.object
    if write.info.subresource == "scale":
        after = sizes.scaled(write, current, response.object)
    fresh = replace(write, before=current, after=after)
    if _hides_its_size(write):
        return _with_hidden_size(write, approved, fresh, Same(request, precondition))
    shown = diff.of_write(fresh)
    if _are_equal(write, approved, shown):
        return Same(request, precondition)
    if approved.action in ("update", "scale") and approved.uid == shown.uid and not shown.fields:
        return _AS_WANTED
    return Moved(fresh, shown)


def _hides_its_size(write: RecordedWrite) -> bool:
    """Custom resources choose the field for their size: what is shown of a scale does not tell then from what it scales."""
    return write.info.subresource == "scale" and write.before is not None and sizes.path_of(write) is None


def _with_hidden_size(write: RecordedWrite, approved: ObjectDiff, fresh: RecordedWrite, same: Same) -> Check:
    """Of an object that is as it was, the size is what it was too."""
    uid = str(bodies.metadata(fresh.before).get("uid") or "")
    if (approved.uid and approved.uid != uid) or between(write.before, fresh.before):
        return _moved(fresh, approved, "The object has changed, and where it keeps its size is not known here.")
    return same if approved.fields else _AS_WANTED


def _are_equal(write: RecordedWrite, approved: ObjectDiff, fresh: ObjectDiff) -> bool:
    """Of a Secret that an earlier write of this change wrote, values are marked as the cluster's by now, and were as this change's then;
    of such a Service, the server has chosen other ports by now."""
    kind = (write.info.group, write.info.resource) if write.depends_on else None
    if kind == ("", "services"):
        return diff.are_equal(diff.without_old_choices(approved), diff.without_old_choices(fresh))
    if kind == ("", "secrets"):
        return diff.are_equal(secret_fields.without_values(approved), secret_fields.without_values(fresh))
    return diff.are_equal(approved, fresh)


def _check_exec(write: RecordedWrite, approved: ObjectDiff, pod: Json) -> Check:
    """An exec goes into the pod that was shown, and only while its container runs."""
    asked = write.connect
    assert asked is not None
    if pod is None:
        return Refused(404, "NotFound", "the pod is gone, so nothing was run")
    uid = str(bodies.metadata(pod).get("uid") or "")
    if approved.uid and uid != approved.uid:
        before = {**write.before, "metadata": {**bodies.metadata(write.before), "uid": uid}}
        return _moved(replace(write, before=before), approved, "This is another pod of the same name by now.")
    if not _runs(pod, asked.container):
        return Refused(400, "BadRequest", f"the container {asked.container} does not run, so nothing was run in it")
    return Same(write.request, uid)


def _runs(pod: Json, container: str) -> bool:
    status = pod.get("status") or {}
    parts = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    found = (one for part in parts for one in status.get(part) or () if one.get("name") == container)
    return any("running" in (one.get("state") or {}) for one in found)


def explain(approved: ObjectDiff, fresh: ObjectDiff) -> str:
    """What is different now, in one sentence."""
    title = approved.title
    if approved.uid != fresh.uid:
        return f"{title} is another object of the same name by now."
    if approved.action != fresh.action:
        return f"{title} would be a different action now: {fresh.action}, not {approved.action}."
    was = {field.path: field for field in approved.fields}
    for field in fresh.fields:
        earlier = was.pop(field.path, None)
        if earlier is None:
            return f"{title} has moved: {field.path} would change as well now."
        if earlier != field:
            return f"{title} has moved: {field.path} is not what it was when this was shown."
    for path in was:
        return f"{title} has moved: {path} would not change any more."
    return f"{title} has moved since this was shown."


def _without_preview(write: RecordedWrite, approved: ObjectDiff, current: Json, same: Same) -> Check:
    """What cannot be dry-run is compared by its object alone: has it changed since it was looked at?"""
    if write.depends_on or approved.action == "create" or write.before is None:
        return same
    if approved.action == "deletecollection":
        fresh = replace(write, before=current)
        return same if diff.are_equal(approved, diff.of_write(fresh)) else _moved(fresh, approved, "Other objects match by now.")
    if isinstance(current, dict) and (approved.uid != str(bodies.metadata(current).get("uid") or "") or between(write.before, current)):
        return _moved(replace(write, before=current), approved, "The object has changed, and the server cannot preview the result.")
    return same


def _moved(fresh: RecordedWrite, approved: ObjectDiff, note: str) -> Moved:
    shown = diff.of_write(fresh)
    return Moved(fresh, replace(shown, fields=shown.fields or approved.fields, notes=(*shown.notes, note)))
