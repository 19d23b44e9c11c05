"""Whether a rehearsed write, were it applied, would show in a read of something else: of the pods of a scaled Deployment. Pure."""

from __future__ import annotations

from bot.gateway.protocol.selectors import exact_field, matches
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.values.groups import BUILT_IN
from bot.values.requests import Json, RequestInfo

_EVENTS = frozenset({("", "events"), ("events.k8s.io", "events")})
_SUBJECTS = ("involvedObject.name", "regarding.name")
_ENDPOINTS = frozenset({("", "endpoints"), ("discovery.k8s.io", "endpointslices")})
_OWNERS = {
    ("apps", "replicasets"): ("deployments",),
    ("apps", "controllerrevisions"): ("statefulsets", "daemonsets"),
    ("batch", "jobs"): ("cronjobs",),
}


def influences(entry: Entry, info: RequestInfo, label_selector: str, field_selector: str) -> bool:
    """Whether what controllers make of this object once it is as written is in the answer to this GET, LIST or WATCH. An object whose
    spec stays as it is makes them do nothing."""
    if entry.key == Key.of(info) or not _does_something(entry) or info.subresource:
        return False
    if info.namespace and entry.key.namespace != info.namespace:
        return False
    kind = (info.group, info.resource)
    if kind == ("", "pods"):
        return _has_template(entry) and _is_part(entry, info, label_selector)
    if kind in _OWNERS:
        return entry.key.resource in _OWNERS[kind] and entry.key.group == info.group and _is_part(entry, info, label_selector)
    if kind in _ENDPOINTS:
        return _has_template(entry) or ((entry.key.group, entry.key.resource) == ("", "services") and _is_part(entry, info, ""))
    if kind in _EVENTS:
        subject = next((name for name in (exact_field(field_selector, field) for field in _SUBJECTS) if name), "")
        return not subject or subject == entry.key.name or (_has_template(entry) and subject.startswith(f"{entry.key.name}-"))
    return False


def may_change(entry: Entry, info: RequestInfo) -> bool:
    """Whether a program that this object sets to work may change what this read is about: the pods of a workload anywhere, the controller
    of a custom resource in its namespace and what has none, the API server's own controllers in a new namespace. A guess: nobody but the
    program knows."""
    if entry.key == Key.of(info):
        return False
    if is_namespace(entry.key):
        return entry.is_new and entry.key.name == info.namespace
    if _has_template(entry) or (entry.key.group, entry.key.resource) == ("", "pods"):
        return _does_something(entry)
    is_near = not info.namespace or entry.key.namespace in ("", info.namespace)
    return is_near and entry.key.group not in BUILT_IN and _content(entry.live) != _content(entry.current)


def is_namespace(key: Key) -> bool:
    return (key.group, key.resource) == ("", "namespaces")


def _content(item: Json) -> Json:
    """What a controller may look at: some act on an annotation."""
    if item is None:
        return None
    metadata = item.get("metadata") or {}
    return {
        **{key: item[key] for key in item if key not in ("metadata", "status")},
        "": (metadata.get("labels"), metadata.get("annotations")),
    }


def _does_something(entry: Entry) -> bool:
    before, after = ((item or {}).get("spec") for item in (entry.live, entry.current))
    return before != after or (entry.is_recreated and after is not None)


def _is_part(entry: Entry, info: RequestInfo, label_selector: str) -> bool:
    """By its name or labels, as far as the request tells them."""
    if info.name:
        return info.name == entry.key.name or info.name.startswith(f"{entry.key.name}-")
    return not label_selector or matches({"metadata": {"labels": _labels(entry)}}, label_selector, "")


def _has_template(entry: Entry) -> bool:
    return isinstance(_template(entry), dict)


def _template(entry: Entry) -> Json:
    item = entry.current if entry.current is not None else entry.live
    return ((item or {}).get("spec") or {}).get("template")


def _labels(entry: Entry) -> Json:
    """Labels of the pods. Those of a Job are named after it by the server, which does not see a Job that it cannot preview."""
    item = entry.current if entry.current is not None else entry.live
    own = ((_template(entry) or item or {}).get("metadata") or {}).get("labels") or {}
    job = {"job-name": entry.key.name, "batch.kubernetes.io/job-name": entry.key.name} if entry.key.resource == "jobs" else {}
    return {**job, **own}
