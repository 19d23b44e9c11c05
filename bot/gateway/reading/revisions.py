"""The revisions that controllers would keep of rehearsed workloads: `kubectl rollout undo` goes back to the one before the last, which
without them would be one too far."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from bot.gateway.protocol import media
from bot.gateway.protocol.request_info import build_path
from bot.gateway.rehearsal.call import Call
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.gateway.rehearsal.synthesis import SUFFIX
from bot.values.requests import ApiRequest, Json

_OWNERS = {"replicasets": ("deployments",), "controllerrevisions": ("statefulsets", "daemonsets")}
_REVISION = "deployment.kubernetes.io/revision"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def made(call: Call) -> list[Entry]:
    """Those that belong into the answer to this LIST, as objects that only the rehearsal has. Tables are for people: they show what is."""
    info = call.info
    owners = _OWNERS.get(info.resource, ()) if info.group == "apps" and media.wanted_form(call.accept) == "" else ()
    found: list[Entry] = []
    for owner in call.session.overlay.entries():
        key = owner.key
        if key.group != "apps" or key.resource not in owners or info.namespace not in ("", key.namespace) or owner.current is None:
            continue
        steps = list(_steps(call, owner))
        if steps and info.resource == "replicasets":
            found += [_replica_set(owner, step, number) for number, step in enumerate(steps, _last_revision(owner.live) + 1)]
        elif steps:
            last = await _last_kept(call, owner)
            found += [_controller_revision(owner, step, number) for number, step in enumerate(steps, last + 1)]
    return found


def _steps(call: Call, owner: Entry) -> Iterator[Json]:
    """The workload after each write that gave it another pod template."""
    template = _template(owner.live) if not owner.is_recreated else None
    for position in owner.positions:
        after = call.session.recorder.write_at(position).after
        if (after or {}).get("spec", {}).get("paused"):
            continue  # its controller waits until it is resumed
        if _template(after) not in (None, template):
            template = _template(after)
            yield after


def _template(workload: Json) -> Json:
    return ((workload or {}).get("spec") or {}).get("template")


def _last_revision(deployment: Json) -> int:
    number = str((((deployment or {}).get("metadata") or {}).get("annotations") or {}).get(_REVISION) or "")
    return int(number) if number.isdecimal() else 0


async def _last_kept(call: Call, owner: Entry) -> int:
    """The number of the newest revision that the cluster keeps of a StatefulSet or DaemonSet."""
    if owner.live is None:
        return 0
    info = replace(call.info, verb="list", namespace=owner.key.namespace, name="")
    answer = await call.session.upstream.look_up(ApiRequest("GET", build_path(info)), call.session.reader)
    uid = owner.live["metadata"].get("uid")
    kept = [
        one
        for one in (answer.object or {}).get("items") or ()
        if uid in [ref["uid"] for ref in one["metadata"].get("ownerReferences") or ()]
    ]
    return max((int(one.get("revision") or 0) for one in kept), default=0)


def _replica_set(owner: Entry, deployment: Json, number: int) -> Entry:
    template = deployment["spec"]["template"]
    mark = _hash(template)
    labels = {**((template.get("metadata") or {}).get("labels") or {}), "pod-template-hash": mark}
    annotations = {key: value for key, value in (deployment["metadata"].get("annotations") or {}).items() if key != _LAST_APPLIED}
    selector = deployment["spec"].get("selector") or {}
    spec = {
        "replicas": 0,
        "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), "pod-template-hash": mark}},
        "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
    }
    metadata = {"labels": labels, "annotations": {**annotations, _REVISION: str(number)}}
    return _entry(owner, "ReplicaSet", mark, metadata, {"spec": spec, "status": {"replicas": 0}})


def _controller_revision(owner: Entry, workload: Json, number: int) -> Entry:
    template = workload["spec"]["template"]
    mark = _hash(template)
    labels = {**((template.get("metadata") or {}).get("labels") or {}), "controller-revision-hash": mark}
    data = {"spec": {"template": {**template, "$patch": "replace"}}}
    return _entry(owner, "ControllerRevision", mark, {"labels": labels}, {"data": data, "revision": number})


def _entry(owner: Entry, kind: str, mark: str, metadata: dict[str, Any], content: dict[str, Any]) -> Entry:
    """An object that belongs to the workload."""
    name = f"{owner.key.name}-{mark}"
    mine = owner.current["metadata"]
    reference = {
        "apiVersion": f"apps/{owner.version}",
        "kind": owner.kind,
        "name": owner.key.name,
        "uid": mine.get("uid", ""),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    whole = {
        **metadata,
        "name": name,
        "namespace": owner.key.namespace,
        "uid": f"{mine.get('uid', '')}-{mark}",
        "ownerReferences": [reference],
    }
    item = {"kind": kind, "apiVersion": f"apps/{owner.version}", "metadata": whole, **content}
    key = Key("apps", f"{kind.lower()}s", owner.key.namespace, name)
    return Entry(key, owner.version, kind, None, item, (), written_at=owner.written_at)


def _hash(template: Json) -> str:
    digest = hashlib.sha256(orjson.dumps(template, option=orjson.OPT_SORT_KEYS)).digest()
    return "".join(SUFFIX[byte % len(SUFFIX)] for byte in digest[:10])
