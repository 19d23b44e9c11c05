"""Rights that a change gives away. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bot.changes import trees
from bot.changes.impact.effects import Effect, Scene, enumerate_some

_ADMIN = {
    "cluster-admin": "every right",
    "admin": "nearly every right",
    "edit": "the right to change most things, read Secrets and run commands in pods",
}
_BINDINGS = frozenset({"RoleBinding", "ClusterRoleBinding"})
_ROLES = frozenset({"Role", "ClusterRole"})
_ESCALATING = frozenset({"*", "escalate", "bind", "impersonate"})


def of_binding(effect: Effect, _: Scene) -> Iterator[str]:
    """Who gets how much by a binding to a role of wide rights, and roles that let people give themselves more."""
    if effect.diff.action not in ("create", "update"):
        return
    if effect.kind in _BINDINGS and (wide := _ADMIN.get(trees.text(effect.after, "roleRef", "name"))):
        where = f"in {effect.diff.namespace}" if effect.kind == "RoleBinding" else "in the whole cluster"
        names = [f"{one.get('kind')} {one.get('name')}" for one in trees.entries(effect.after, "subjects")]
        yield f"⚠️ gives {enumerate_some(names) or 'nobody'} {wide} {where}"
    if effect.kind in _ROLES:
        verbs = {verb for rule in trees.entries(effect.after, "rules") for verb in rule.get("verbs") or () if isinstance(verb, str)}
        if found := sorted(verbs & _ESCALATING):
            yield f"⚠️ holds the verb{'s' if len(found) > 1 else ''} {', '.join(found)}, which can give further rights"
