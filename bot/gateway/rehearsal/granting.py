"""Whether a written role or binding may give a user what the API server says it lacks. Pure.

Sentences: `k8s.io/apiserver/pkg/endpoints/handlers/responsewriters` (may not at all) and `rbac/validation` (may not hand on).
"""

from __future__ import annotations

import re

from bot.gateway.rehearsal.overlay import Entry
from bot.values.requests import Json

LACKING = re.compile(
    r'[Uu]ser "(?P<user>[^"]+)"(?: \(groups=\[(?P<groups>[^\]]*)\]\) is attempting to grant RBAC permissions not currently held'
    r'| cannot (?P<verb>\S+) resource "(?P<resource>[^"/]+)(?P<subresource>/[^"]+)?" in API group "(?P<group>[^"]*)")'
)
"""What is said of somebody who lacks a right."""


def gives(entry: Entry, lacking: re.Match[str]) -> bool:
    """Whether the rehearsal widened this role, or bound somebody to it, so that the user may have the right by now."""
    if entry.current is None:
        return False
    if entry.key.resource in ("roles", "clusterroles"):
        return entry.live is not None and _widens(entry, lacking)  # a role that is new gives nothing without a binding, which is new too
    is_other_role = _of(entry.live, "roleRef") != _of(entry.current, "roleRef")
    added = [one for one in _of(entry.current, "subjects") or () if is_other_role or one not in (_of(entry.live, "subjects") or ())]
    groups = set(re.findall(r'"([^"]*)"', lacking["groups"] or ""))
    return any(_is_about(one, lacking["user"], groups, entry.key.namespace) for one in added)


def _widens(entry: Entry, lacking: re.Match[str]) -> bool:
    before, after = (_of(item, "rules") or [] for item in (entry.live, entry.current))
    added = [rule for rule in after if rule not in before]
    return bool(added) if lacking["verb"] is None else any(_covers(rule, lacking) for rule in added)


def _covers(rule: Json, lacking: re.Match[str]) -> bool:
    resource = f"{lacking['resource']}{lacking['subresource'] or ''}"
    wanted = (
        ("verbs", {lacking["verb"]}),
        ("apiGroups", {lacking["group"]}),
        ("resources", {resource, f"*{lacking['subresource'] or ''}"}),
    )
    return all((names | {"*"}) & set(rule.get(field) or ()) for field, names in wanted)


def _is_about(subject: Json, user: str, groups: set[str], namespace: str) -> bool:
    parts = user.split(":")
    is_account = user.startswith("system:serviceaccount:") and len(parts) == 4
    if subject.get("kind") == "ServiceAccount":
        return is_account and parts[2:] == [subject.get("namespace") or namespace, subject.get("name")]
    if subject.get("kind") == "Group":
        own = {"system:authenticated", *(("system:serviceaccounts", f"system:serviceaccounts:{parts[2]}") if is_account else ())}
        return subject.get("name") in groups | own
    return bool(subject.get("name") == user)


def _of(item: Json, field: str) -> Json:
    return item.get(field) if isinstance(item, dict) else None
