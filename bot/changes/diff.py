"""What one recorded write does to one object, as people and the re-check read it. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from bot.changes import bodies, defaults, literals, secret_fields, trees
from bot.changes.change import FieldDiff, ObjectDiff
from bot.changes.fields import between
from bot.changes.notes import notes_of
from bot.values.certificates import denies
from bot.values.groups import BUILT_IN
from bot.values.requests import Json, RecordedWrite
from bot.values.tool_use import read_use

__all__ = ["are_equal", "between", "of_write"]

CHOSEN = "(chosen by the server)"
"""Stands for a value that every dry run makes up anew (ports, addresses)."""

_ACTIONS = {"eviction": "evict", "scale": "scale", "binding": "bind", "token": "issue-token", "approval": "approve", "exec": "exec"}
_STATUS_SUBRESOURCES = frozenset({"status", "approval"})
_SERVICE_CHOICES = re.compile(r"spec\.(clusterIP|clusterIPs\[\d+\]|clusterIPs|healthCheckNodePort|ports\[.*\]\.nodePort)")
_NAMES = frozenset({"metadata.name", "metadata.namespace", "metadata.generateName"})
_TOKEN_NAME = re.compile(r"kube-api-access-[a-z0-9]{5}")
_TOKEN_VOLUME = re.compile(rf"spec\.volumes\[{_TOKEN_NAME.pattern}\]\.projected\.(sources\[\d\]|defaultMode)")
_TOKEN_MOUNT = re.compile(r"spec\.\w+\[[^\]]+\]\.volumeMounts\[/var/run/secrets/kubernetes\.io/serviceaccount\]\.(name|readOnly)")
_ROOT_CA = "kube-root-ca.crt"
_TOKEN_SOURCES = frozenset({"serviceAccountToken", "configMap", "downwardAPI"})


def of_write(write: RecordedWrite) -> ObjectDiff:
    """The diff of one recorded write. Two dry runs of one write against one state of the cluster give equal diffs (`are_equal`)."""
    use = read_use(write)
    if use is not None:
        given = tuple(FieldDiff(name, None, value, "run") for name, value in sorted(use.arguments.items()))
        return ObjectDiff("call", "Tool", "", use.title, given, notes_of(write, "call"))
    action = _action(write)
    fields: tuple[FieldDiff, ...] = ()
    if action in ("create", "update", "scale", "approve"):
        fields = tuple(literals.shown(_shown_fields(write, action)))
    elif action == "exec":
        fields = _of_exec(write)
    elif action == "deletecollection":
        fields = tuple(FieldDiff(name, write.info.resource, None, "remove") for name in sorted(names_in(write.before)))
    return ObjectDiff(action, _kind(write), _namespace(write), _name(write), fields, notes_of(write, action, fields), _uid(write, action))


def _of_exec(write: RecordedWrite) -> tuple[FieldDiff, ...]:
    """What runs where, each part to be read as it is."""
    asked = write.connect
    assert asked is not None
    parts = [("container", asked.container), ("command", shlex.join(asked.argv))]
    if ("stdin", "true") in write.request.query:
        parts.append(("stdin", f"{len(asked.stdin):,} bytes"))
    return tuple(FieldDiff(name, None, text, "run") for name, text in parts)


def are_equal(approved: ObjectDiff, fresh: ObjectDiff) -> bool:
    """Whether both say the same about the cluster. Notes are words about a diff, not part of it."""
    return replace(approved, notes=()) == replace(fresh, notes=())


def without_old_choices(shown: ObjectDiff) -> ObjectDiff:
    """The diff of a Service without the ports and addresses that the server chose in an earlier write: each dry run chooses others."""
    return replace(shown, fields=tuple(replace(f, old=CHOSEN) if _SERVICE_CHOICES.fullmatch(f.path) else f for f in shown.fields))


def _uid(write: RecordedWrite, action: str) -> str:
    if write.depends_on or action in ("create", "deletecollection"):
        return ""  # what an earlier write of the same change made gets its real uid only then
    return str(bodies.metadata(write.before).get("uid") or "")


def names_in(collection: Json) -> list[str]:
    """`name` or `namespace/name` of every object in a List (or a bare list of objects), in its order."""
    items = collection.get("items") if isinstance(collection, dict) else collection
    found = [bodies.metadata(item) for item in items or ()]
    return [f"{item['namespace']}/{item.get('name', '?')}" if item.get("namespace") else str(item.get("name", "?")) for item in found]


def _action(write: RecordedWrite) -> str:
    info = write.info
    if info.subresource == "approval" and _denies(write):
        return "deny"
    if info.subresource in _ACTIONS:
        return _ACTIONS[info.subresource]
    if info.verb in ("delete", "deletecollection"):
        return info.verb
    if info.verb == "create" and not info.subresource:
        return "create"
    is_made = write.before is None and not info.subresource and (write.has_preview or write.after is not None)
    return "create" if is_made else "update"


def _denies(write: RecordedWrite) -> bool:
    is_protobuf = bodies.kind_of(write.request) == bodies.PROTOBUF
    return denies(write.request.body if is_protobuf else bodies.as_json(write.request))


def _kind(write: RecordedWrite) -> str:
    if write.info.verb == "deletecollection":
        return write.info.resource
    for item in (write.before, write.after if not write.info.subresource else None, bodies.as_object(write.request)):
        kind = item.get("kind") if isinstance(item, dict) else None
        if isinstance(kind, str) and kind not in ("", "Status", "Scale", "Eviction", "DeleteOptions", "List", "Binding", "TokenRequest"):
            return kind
    return write.info.resource


def _namespace(write: RecordedWrite) -> str:
    return "" if write.info.resource == "namespaces" and write.info.group == "" else write.info.namespace


def _name(write: RecordedWrite) -> str:
    if write.info.verb == "deletecollection":
        selectors = [value for key, value in write.request.query if key in ("labelSelector", "fieldSelector") and value]
        return f"({','.join(selectors) or 'all'})"
    if bodies.generates_name(write):
        asked = bodies.as_object(write.request) or write.after
        return f"{bodies.metadata(asked).get('generateName')}…"
    asked, answered = bodies.metadata(bodies.as_object(write.request)), bodies.metadata(write.after)
    return write.info.name or str(answered.get("name") or asked.get("name") or "")


def _shown_fields(write: RecordedWrite, action: str) -> Iterator[FieldDiff]:
    """Every field that changes, except what only the server sets; what it fills in by default is one field at the end."""
    if write.after is None:
        return  # nothing is known of the result: that is not a removal of every field
    is_creation = action == "create"
    found: Iterable[FieldDiff] = between(None if is_creation else write.before, write.after, with_status=_writes_status(write))
    if write.info.group == "" and write.info.resource == "secrets":
        found = secret_fields.shown(found)
    uid = bodies.metadata(write.after).get("uid") if is_creation else None
    folded: dict[str, Json] = {}
    for field in found:
        shown = _without_choice(field, write)
        if (is_creation and field.path in _NAMES) or (uid and field.new == uid) or _is_token(field, write):
            continue
        if _is_chosen_address(shown, is_creation) or defaults.is_default(field, write.request, write.info.name):
            folded[field.path] = shown.new
        else:
            yield shown
    if folded:
        yield FieldDiff(defaults.FOLDED, None, folded, "add")


def _writes_status(write: RecordedWrite) -> bool:
    """Whether the request is about the status: by its subresource, or because the object (of a CRD without that) keeps what it says."""
    if write.info.subresource:
        return write.info.subresource in _STATUS_SUBRESOURCES
    if write.info.group in BUILT_IN:
        return False
    asked = bodies.as_json(write.request)
    if isinstance(asked, list):
        return any(str(one.get("path", "")).startswith("/status") for one in asked if isinstance(one, dict))
    return bool(trees.part(asked, "status")) and _holds(trees.part(write.after, "status"), trees.part(asked, "status"))


def _holds(whole: Json, part: Json) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(_holds(whole.get(key), value) for key, value in part.items())
    return bool(whole == part)


def _is_token(field: FieldDiff, write: RecordedWrite) -> bool:
    """Whether it belongs to the service account's token volume, whose name every dry run makes up anew."""
    if write.info.resource != "pods" or field.op != "add" or bodies.mentions(write.request, "kube-api-access"):
        return False
    if found := _TOKEN_MOUNT.fullmatch(field.path):
        return field.new is True if found[1] == "readOnly" else bool(_TOKEN_NAME.fullmatch(str(field.new)))
    if not (found := _TOKEN_VOLUME.fullmatch(field.path)):
        return False
    if not isinstance(field.new, dict):
        return bool(field.new == 420)
    return field.new.keys() <= _TOKEN_SOURCES and trees.part(field.new, "configMap").get("name", _ROOT_CA) == _ROOT_CA


def _is_chosen_address(field: FieldDiff, is_creation: bool) -> bool:
    return is_creation and field.new == CHOSEN and field.path.startswith("spec.clusterIP")


def _without_choice(field: FieldDiff, write: RecordedWrite) -> FieldDiff:
    if write.info.group == "" and write.info.resource == "services" and field.new is not None and _SERVICE_CHOICES.fullmatch(field.path):
        chosen = field.new[0] if isinstance(field.new, list) and field.new else field.new
        if chosen != "None" and not bodies.mentions(write.request, str(chosen)):
            return replace(field, new=CHOSEN)
    return field
