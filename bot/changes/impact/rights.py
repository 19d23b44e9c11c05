"""Rights that a change gives away. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bot.changes import trees
from bot.changes.impact.effects import Effect, Scene, enumerate_some
from bot.changes.impact.surroundings import one

_ADMIN = {
    "cluster-admin": "every right",
    "admin": "nearly every right",
    "edit": "the right to change most things, read Secrets and run commands in pods",
}
_BINDINGS = frozenset({"RoleBinding", "ClusterRoleBinding"})
_ROLES = {"Role": "roles", "ClusterRole": "clusterroles"}
_RBAC = "rbac.authorization.k8s.io"
_ESCALATING = frozenset({"*", "escalate", "bind", "impersonate"})
_EVERYTHING = "do everything"
_FURTHER = "give further rights"
_WIDE = (
    (_EVERYTHING, "*", "*", frozenset({"*"})),
    ("read Secrets", "", "secrets", frozenset({"*", "get", "list", "watch"})),
    ("run commands in pods", "", "pods/exec", frozenset({"*", "create", "get"})),
    (_FURTHER, _RBAC, "roles", _ESCALATING),
    (_FURTHER, _RBAC, "clusterroles", _ESCALATING),
    ("act as others", "", "users", frozenset({"*", "impersonate"})),
    ("act as others", "", "serviceaccounts", frozenset({"*", "impersonate"})),
)
"""What a rule of a role lets people do that whoever approves must not overlook: group, resource, and verbs one of which is enough."""


def of_binding(effect: Effect, scene: Scene) -> Iterator[str]:
    """Who gets how much by a binding to a role of wide rights, and roles that let people give themselves more."""
    if effect.diff.action not in ("create", "update"):
        return
    if effect.kind in _BINDINGS and (names := _new_subjects(effect)):
        where = f"in {effect.diff.namespace}" if effect.kind == "RoleBinding" else "in the whole cluster"
        known = _ADMIN.get(trees.text(effect.after, "roleRef", "name"))
        powers = () if known else _powers(_role(effect, scene))
        right = "every right" if _EVERYTHING in powers else f"the right to {_join(powers)}"
        if known or powers:
            yield f"⚠️ gives {enumerate_some(names)} {known or right} {where}"
    if effect.kind in _ROLES:
        yield from _of_role(effect)


def _of_role(effect: Effect) -> Iterator[str]:
    had = _powers(effect.before)
    powers = [power for power in _powers(effect.after) if power not in had]
    if _EVERYTHING in powers:
        yield f"⚠️ lets whoever is bound to it {_EVERYTHING}"
        return
    verbs = {verb for rule in trees.entries(effect.after, "rules") for verb in rule.get("verbs") or () if isinstance(verb, str)}
    if found := sorted(verbs & _ESCALATING):
        yield f"⚠️ holds the verb{'s' if len(found) > 1 else ''} {', '.join(found)}, which can give further rights"
        powers = [power for power in powers if power != _FURTHER]
    if powers:
        yield f"⚠️ lets whoever is bound to it {_join(powers)}"


def _new_subjects(effect: Effect) -> list[str]:
    had = trees.entries(effect.before, "subjects")
    return [f"{found.get('kind')} {found.get('name')}" for found in trees.entries(effect.after, "subjects") if found not in had]


def _role(effect: Effect, scene: Scene) -> dict[str, Any]:
    """The role of a binding as it is then, whether the change makes it or the cluster has it; {} if that cannot be seen."""
    kind, name = trees.text(effect.after, "roleRef", "kind"), trees.text(effect.after, "roleRef", "name")
    namespace = effect.diff.namespace if kind == "Role" else ""
    if kind not in _ROLES:
        return {}
    written = [found for found in scene.effects if (found.kind, found.diff.namespace, found.diff.name) == (kind, namespace, name)]
    return written[-1].after if written else scene.around.ask(one(f"{_RBAC}/v1", _ROLES[kind], name, kind, namespace)) or {}


def _powers(role: dict[str, Any]) -> list[str]:
    rules = [rule for rule in trees.entries(role, "rules") if not rule.get("resourceNames")]
    found = (power for power, group, resource, verbs in _WIDE if any(_allows(rule, group, resource, verbs) for rule in rules))
    return list(dict.fromkeys(found))


def _allows(rule: dict[str, Any], group: str, resource: str, verbs: frozenset[str]) -> bool:
    parts = {resource, "*", f"*/{resource.partition('/')[2]}"}
    return (
        not {group, "*"}.isdisjoint(rule.get("apiGroups") or ())
        and not parts.isdisjoint(rule.get("resources") or ())
        and not verbs.isdisjoint(rule.get("verbs") or ())
    )


def _join(powers: Sequence[str]) -> str:
    """`a, b and c`"""
    return " and ".join(part for part in (", ".join(powers[:-1]), powers[-1] if powers else "") if part)
