"""The writes of a change as the rules of impact look at them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.changes import bodies, trees
from bot.changes.change import FieldDiff, ObjectDiff
from bot.changes.fields import is_scale
from bot.changes.impact.surroundings import Surroundings
from bot.values.requests import RecordedWrite

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"})
REMOVALS = frozenset({"delete", "evict"})


@dataclass(frozen=True, slots=True)
class Effect:
    """What one write does to one object. A DELETE of a collection has one effect for each object that matches."""

    write: RecordedWrite
    diff: ObjectDiff
    before: dict[str, Any]
    after: dict[str, Any]
    """As it is then; {} if it goes or nothing is known of it."""

    @property
    def kind(self) -> str:
        return self.diff.kind

    @property
    def is_removal(self) -> bool:
        return self.diff.action in REMOVALS

    @property
    def title(self) -> str:
        return self.diff.title

    def field(self, path: str) -> FieldDiff | None:
        """The changed field at exactly this path."""
        return next((field for field in self.diff.fields if field.path == path), None)

    def changes(self, prefix: str) -> bool:
        """Whether a field at or below this path changes."""
        return any(field.path == prefix or field.path.startswith((f"{prefix}.", f"{prefix}[")) for field in self.diff.fields)


@dataclass(frozen=True, slots=True)
class Scene:
    """All effects of a change, and what is around them."""

    effects: Sequence[Effect]
    around: Surroundings

    def live(self, effect: Effect) -> dict[str, Any]:
        """The effect's object as the cluster has it now, whatever the change did to it before; {} if it is not there."""
        return next((one.before for one in self.effects if one.title == effect.title), effect.before)

    def anew(self, effect: Effect) -> Effect | None:
        """The effect that makes an object again which this one takes away (`replace --force`)."""
        later = self.effects[self.effects.index(effect) + 1 :] if effect.is_removal else ()
        return next((one for one in later if one.title == effect.title and one.diff.action == "create"), None)

    def made_labels(self, namespace: str) -> Iterator[dict[str, str]]:
        """Labels of the pods that the change itself brings into a namespace."""
        for effect in self.effects:
            if effect.diff.namespace == namespace and not effect.is_removal:
                template = trees.part(effect.after, "spec", "template")
                yield trees.texts(template if effect.kind != "Pod" else effect.after, "metadata", "labels")


def of_write(write: RecordedWrite, diff: ObjectDiff) -> Iterator[Effect]:
    """The effects of one write."""
    if diff.action == "deletecollection":
        kind = trees.text(write.before, "kind").removesuffix("List")
        for item in trees.entries(write.before, "items"):
            found = bodies.metadata(item)
            single = ObjectDiff("delete", kind or write.info.resource, str(found.get("namespace") or ""), str(found.get("name") or "?"))
            yield Effect(write, single, item, {})
        return
    before = write.before if isinstance(write.before, dict) else {}
    after = write.after if isinstance(write.after, dict) else {}
    if is_scale(after):
        after = {**before, "spec": {**trees.part(before, "spec"), "replicas": trees.number(after, "spec", "replicas")}}
    yield Effect(write, diff, before, {} if diff.action in REMOVALS else after)


def count(amount: int, noun: str) -> str:
    """`1 pod`, `3 pods`"""
    return f"{amount:,} {noun}{'' if amount == 1 else 'es' if noun.endswith('s') else 's'}"


def enumerate_some(names: Sequence[str], most: int = 3) -> str:
    """`a, b, c and 4 more`"""
    shown = ", ".join(names[:most])
    left = len(names) - most
    return f"{shown} and {left} more" if left > 0 else shown
